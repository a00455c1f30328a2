//! The `settings` JSON of an account's row. The gateway writes some of its members and preserves all others.

use serde_json::{Map, Value};

use super::{account::AccountLabels, invisible::visible, provider::AuthMethod, time::Timestamp};

/// The non-secret metadata that is stored with tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenMetadata {
    pub auth_method: AuthMethod,
    /// When the gateway received the access token.
    pub obtained_at: Timestamp,
    /// When the access token expires; None for an API key and for a session token without an expiry.
    pub expires_at: Option<Timestamp>,
    /// The granted scopes.
    pub scopes: Vec<String>,
    pub account: AccountLabels,
    /// Whether the provider has replaced the client cookie before, so that presenting it may spend it.
    pub cookie_rotates: bool,
}

/// `settings` or a member of it has a value that the gateway never writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    #[error("settings is not an object")]
    NotAnObject,
    #[error("settings.{member} is not {expected}")]
    Member { member: &'static str, expected: &'static str },
}

/// The `settings` object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProviderSettings(Map<String, Value>);

impl ProviderSettings {
    pub fn from_json(value: Value) -> Result<Self, InvalidSettings> {
        match value {
            Value::Object(members) => Ok(Self(members)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(InvalidSettings::NotAnObject)
            }
        }
    }

    pub fn into_json(self) -> Value {
        Value::Object(self.0)
    }

    /// Replaces the metadata. Members that the gateway does not know are kept.
    #[must_use]
    pub fn with_metadata(mut self, metadata: &TokenMetadata) -> Self {
        let scopes = (!metadata.scopes.is_empty()).then(|| metadata.scopes.join(" "));
        self.put("auth_method", Some(metadata.auth_method.as_str()));
        self.put("obtained_at", Some(metadata.obtained_at.unix_seconds()));
        self.put("expires_at", metadata.expires_at.map(Timestamp::unix_seconds));
        self.put("scopes", scopes);
        self.put("account_id", metadata.account.account_id.as_deref());
        self.put("user_id", metadata.account.user_id.as_deref());
        self.put("email", metadata.account.email.as_deref());
        self.put("plan_type", metadata.account.plan_type.as_deref());
        self.put("other_account", None::<&str>);
        self.put("cookie_rotates", metadata.cookie_rotates.then_some(true));
        self
    }

    /// Records the account whose tokens a refresh returned instead of the connected account's.
    #[must_use]
    pub fn with_other_account(mut self, other: &AccountLabels) -> Self {
        self.put("other_account", Some(other.in_words()));
        self
    }

    /// Returns the account that [`ProviderSettings::with_other_account`] recorded.
    pub fn other_account(&self) -> Option<&str> {
        self.text("other_account").ok().flatten()
    }

    /// Returns the stored metadata.
    ///
    /// # Errors
    ///
    /// A required member is missing, or a member has the wrong type.
    pub fn metadata(&self) -> Result<TokenMetadata, InvalidSettings> {
        let method = self.text("auth_method")?.and_then(AuthMethod::parse);
        Ok(TokenMetadata {
            auth_method: method.ok_or(InvalidSettings::Member { member: "auth_method", expected: "a known method" })?,
            obtained_at: self
                .seconds("obtained_at")?
                .ok_or(InvalidSettings::Member { member: "obtained_at", expected: "a time in Unix seconds" })?,
            expires_at: self.seconds("expires_at")?,
            scopes: self.text("scopes")?.map(|text| text.split(' ').map(str::to_owned).collect()).unwrap_or_default(),
            account: AccountLabels {
                account_id: self.label("account_id")?,
                user_id: self.label("user_id")?,
                email: self.label("email")?,
                plan_type: self.label("plan_type")?,
            },
            cookie_rotates: self.bool("cookie_rotates")?.unwrap_or_default(),
        })
    }

    fn put(&mut self, member: &str, value: Option<impl Into<Value>>) {
        match value {
            Some(value) => self.0.insert(member.to_owned(), value.into()),
            None => self.0.remove(member),
        };
    }

    /// Returns a label for terminals and pages. A writer of the database can choose the text, so invisible characters
    /// are removed.
    fn label(&self, member: &'static str) -> Result<Option<String>, InvalidSettings> {
        Ok(self.text(member)?.map(visible))
    }

    fn text(&self, member: &'static str) -> Result<Option<&str>, InvalidSettings> {
        let value = self.0.get(member);
        value.map(|value| value.as_str().ok_or(InvalidSettings::Member { member, expected: "a text" })).transpose()
    }

    fn bool(&self, member: &'static str) -> Result<Option<bool>, InvalidSettings> {
        let value = self.0.get(member);
        value
            .map(|value| value.as_bool().ok_or(InvalidSettings::Member { member, expected: "true or false" }))
            .transpose()
    }

    fn seconds(&self, member: &'static str) -> Result<Option<Timestamp>, InvalidSettings> {
        let error = InvalidSettings::Member { member, expected: "a time in Unix seconds" };
        let value = self.0.get(member);
        value.map(|value| value.as_i64().map(Timestamp::from_unix_seconds).ok_or(error)).transpose()
    }
}
