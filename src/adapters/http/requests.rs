//! The bodies that the control API takes. Unknown members are refused: a misspelt one must not be silently ignored.

use poem_openapi::{
    Object, Union,
    types::{ParseError, ParseFromJSON, ParseResult, Password},
};
use serde_json::Value;

use super::control_json::InvalidBody;
use crate::{
    app::PastedSecret,
    domain::{
        ids::{Generation, LoginId},
        provider::{AuthMethod, ProviderType},
        refresh::TokenVersion,
    },
    ports::ProfileChange,
};

/// The framework takes `true` and `7` for texts; a caller that sends them is mistaken.
fn text(value: Option<Value>) -> ParseResult<Option<String>> {
    match value {
        Some(other @ (Value::Bool(_) | Value::Number(_))) => Err(ParseError::expected_type(other)),
        value => Option::parse_from_json(value),
    }
}

fn needed_text(value: Option<Value>) -> ParseResult<String> {
    text(value).map_err(ParseError::propagate)?.ok_or_else(ParseError::expected_input)
}

/// How to start a login; all of it may be left out.
#[derive(Object, Default)]
#[oai(deny_unknown_fields)]
pub(super) struct StartRequest {
    /// Sign in anew although the login is sound; the old one serves until the new one is saved.
    #[oai(default)]
    pub(super) force: bool,
    /// What to call the account.
    #[oai(deserialize_with = "text")]
    pub(super) display_name: Option<String>,
    /// For a name that is not built in: what type of provider it is, e.g. `openai-codex`.
    pub(super) provider_type: Option<String>,
}

/// The address that the browser came back to.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct CallbackRequest {
    /// The whole address, as copied: `http://localhost:1455/auth/callback?code=...&state=...`.
    pub(super) redirect_url: Password,
}

/// Consent to one more try although the provider may have taken the refresh token: what the status showed. Both members
/// or none.
#[derive(Object, Default)]
#[oai(deny_unknown_fields)]
pub(super) struct RefreshRequest {
    #[oai(deserialize_with = "text")]
    login_id: Option<String>,
    generation: Option<u64>,
}

impl RefreshRequest {
    /// What is consented to; an error if only half of it is there.
    pub(super) fn consent(self) -> Result<Option<TokenVersion>, InvalidBody> {
        match (self.login_id, self.generation) {
            (None, None) => Ok(None),
            (Some(login_id), Some(generation)) => {
                let not_an_id =
                    || InvalidBody::WrongShape("`login_id` is not an id: 32 lower-case hex digits".to_owned());
                let login_id = LoginId::parse(&login_id).ok_or_else(not_an_id)?;
                Ok(Some(TokenVersion { login_id, generation: Generation(generation) }))
            }
            (Some(_), None) => Err(InvalidBody::WrongShape("`generation` is missing beside `login_id`".to_owned())),
            (None, Some(_)) => Err(InvalidBody::WrongShape("`login_id` is missing beside `generation`".to_owned())),
        }
    }
}

/// A secret to connect with: one of the two.
#[derive(Union)]
#[oai(one_of = true)]
pub(super) enum SecretRequest {
    ApiKey(ApiKeyRequest),
    SessionToken(SessionTokenRequest),
}

/// Connect with an API key.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct ApiKeyRequest {
    /// A key from the provider's console. White space around it is dropped.
    api_key: Password,
    /// What to call the account.
    #[oai(deserialize_with = "text")]
    display_name: Option<String>,
    /// For a name that is not built in: what type of provider it is.
    provider_type: Option<String>,
    /// Save it without asking the provider whether it takes it.
    #[oai(default)]
    unchecked: bool,
}

/// Connect with a session token.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct SessionTokenRequest {
    /// The token of a signed-in browser session. White space around it is dropped.
    session_token: Password,
    /// The value of the browser's long-lived cookie at the identity provider (Suno: `__client` of `auth.suno.com`), with
    /// which the gateway refreshes the token. Without it the account needs its owner when the token ends.
    client_cookie: Option<Password>,
    /// What to call the account.
    #[oai(deserialize_with = "text")]
    display_name: Option<String>,
    /// For a name that is not built in: what type of provider it is.
    provider_type: Option<String>,
    /// Save it without asking the provider whether it takes it.
    #[oai(default)]
    unchecked: bool,
}

impl SecretRequest {
    pub(super) fn provider_type(&self) -> Option<&str> {
        match self {
            Self::ApiKey(ApiKeyRequest { provider_type, .. })
            | Self::SessionToken(SessionTokenRequest { provider_type, .. }) => provider_type.as_deref(),
        }
    }

    pub(super) fn into_secret(self, provider_type: Option<ProviderType>) -> PastedSecret {
        match self {
            Self::ApiKey(ApiKeyRequest { api_key, display_name, unchecked, .. }) => {
                let (method, secret) = (AuthMethod::ApiKey, api_key.0.into());
                PastedSecret { method, secret, client_cookie: None, display_name, provider_type, unchecked }
            }
            Self::SessionToken(SessionTokenRequest {
                session_token, client_cookie, display_name, unchecked, ..
            }) => {
                let (method, secret) = (AuthMethod::SessionToken, session_token.0.into());
                let client_cookie = client_cookie.map(|cookie| cookie.0.into());
                PastedSecret { method, secret, client_cookie, display_name, provider_type, unchecked }
            }
        }
    }
}

/// What to change; what is left out stays as it is.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct UpdateProviderRequest {
    /// What to call the account.
    #[oai(deserialize_with = "text")]
    display_name: Option<String>,
    /// Whether the gateway may use it. Switching it off deletes nothing.
    enabled: Option<bool>,
}

impl From<UpdateProviderRequest> for ProfileChange {
    fn from(request: UpdateProviderRequest) -> Self {
        Self { display_name: request.display_name, enabled: request.enabled }
    }
}

/// A token to make.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct CreateTokenRequest {
    /// What to call the program that gets it.
    #[oai(deserialize_with = "needed_text")]
    pub(super) name: String,
    /// What it may be used for: `proxy`, the models and the pass-through, which is also what is meant if it is left out.
    #[oai(deserialize_with = "text")]
    pub(super) scope: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_display_name_is_a_text_or_left_out() {
        let name = |body| UpdateProviderRequest::parse_from_json(Some(body)).map(|request| request.display_name).ok();
        assert_eq!(name(json!({})), Some(None));
        assert_eq!(name(json!({"display_name": "7"})), Some(Some("7".to_owned())));
        for other in [json!(7), json!(true), json!(["a"]), json!({})] {
            assert_eq!(name(json!({"display_name": other})), None, "{other}");
        }
    }
}
