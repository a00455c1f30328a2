//! The scopes of API tokens: what a token permits, for all accounts or one, and for all models or one. The permission
//! of each operation is in `adapters/http/operations.rs`.
//!
//! A scope has the syntax of RFC 6749 section 3.3, such as `models`, `models:work/gpt-5.5` or `proxy:suno`. The scopes
//! of a token are separated by spaces.

use std::{fmt, sync::Arc};

use super::{ids::AccountName, model_ref::ModelRef, provider::openai_codex};

/// The maximum length of the scopes of one token, in bytes.
pub const MAX_SCOPES: usize = 2_048;

/// The only scope of earlier versions. It permits using all models.
const EARLIER_SCOPE: &str = "proxy";

/// What a scope permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(const_into_str)]
pub enum Permission {
    /// Using and listing models.
    #[strum(serialize = "models")]
    Models,
    /// Requests to the provider's own API through the proxy.
    #[strum(serialize = "proxy")]
    Proxy,
    /// Reading the status, the events and the usage of accounts.
    #[strum(serialize = "status:read")]
    StatusRead,
    /// Reading the metrics.
    #[strum(serialize = "metrics:read")]
    MetricsRead,
    /// Logging in and out, and refreshing. Includes [`Permission::StatusRead`].
    #[strum(serialize = "auth:write")]
    AuthWrite,
    /// Everything that the gateway token permits, except opening the page. Includes all other permissions.
    #[strum(serialize = "admin")]
    Admin,
}

stored_words!(Permission);

impl Permission {
    fn includes(self, other: Self) -> bool {
        self == other || self == Self::Admin || (self, other) == (Self::AuthWrite, Self::StatusRead)
    }
}

/// A permission and its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Scope {
    permission: Permission,
    /// None: all accounts.
    account: Option<AccountName>,
    /// None: all models of the account.
    model: Option<String>,
}

/// The text is not a list of scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScope {
    #[error("a token needs a scope: {ALLOWED}")]
    Empty,
    #[error("the scopes of a token have at most {MAX_SCOPES} bytes")]
    TooLong,
    /// The position of the scope. The message does not quote the scope, which may be a secret pasted by mistake.
    #[error("scope {0} is not known; expected {ALLOWED}")]
    Unknown(usize),
    #[error("the scope \"proxy\" needs an account: proxy:<account>")]
    ProxyWithoutAccount,
}

const ALLOWED: &str = "models, proxy:<account>, status:read, auth:write, metrics:read or admin, separated by spaces; models, status:read \
                       and auth:write may name an account (models:<account>), and models a model (models:<account>/<model>)";

impl Scope {
    /// Parses the scope at `position`, counted from 1.
    fn parse(word: &str, position: usize) -> Result<Self, InvalidScope> {
        let unknown = || InvalidScope::Unknown(position);
        if !word.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unknown());
        }
        let split = |permission: Permission| {
            let rest = word.strip_prefix(permission.as_str())?;
            if rest.is_empty() { Some((permission, None)) } else { Some((permission, Some(rest.strip_prefix(':')?))) }
        };
        let (permission, limit) = Permission::ALL.iter().find_map(|known| split(*known)).ok_or_else(unknown)?;
        let of_account = |text| AccountName::parse(openai_codex::canonical(text)).map_err(|_| unknown());
        let (account, model) = match (permission, limit) {
            (Permission::Proxy, None) => return Err(InvalidScope::ProxyWithoutAccount),
            (_, None) => (None, None),
            (Permission::Admin | Permission::MetricsRead, Some(_)) => return Err(unknown()),
            (Permission::Models, Some(limit)) if limit.contains('/') => {
                let ModelRef { provider, model } = ModelRef::parse(limit).map_err(|_| unknown())?;
                (Some(provider), Some(model))
            }
            (_, Some(limit)) => (Some(of_account(limit)?), None),
        };
        Ok(Self { permission, account, model })
    }

    fn permits(&self, permission: Permission, account: Option<&AccountName>) -> bool {
        self.permission.includes(permission) && self.account.as_ref().is_none_or(|own| Some(own) == account)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.permission.as_str())?;
        match (&self.account, &self.model) {
            (Some(account), Some(model)) => write!(f, ":{account}/{model}"),
            (Some(account), None) => write!(f, ":{account}"),
            (None, _) => Ok(()),
        }
    }
}

/// The scopes of one token, at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Scopes {
    scopes: Vec<Scope>,
    /// The text in the database. The mark of the token's row covers it.
    stored: String,
}

impl Default for Scopes {
    /// All models.
    fn default() -> Self {
        Self::of(vec![Scope { permission: Permission::Models, account: None, model: None }])
    }
}

impl Scopes {
    /// Parses scopes separated by spaces. Repetitions count once.
    ///
    /// # Errors
    /// A word is not a scope, or the text is empty or too long.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        if text.len() > MAX_SCOPES {
            return Err(InvalidScope::TooLong);
        }
        let mut scopes = Vec::new();
        for (index, word) in text.split(' ').filter(|word| !word.is_empty()).enumerate() {
            let scope = Scope::parse(word, index + 1)?;
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        if scopes.is_empty() { Err(InvalidScope::Empty) } else { Ok(Self::of(scopes)) }
    }

    /// Parses a stored text. The only scope of earlier versions means the current default.
    pub fn from_stored(text: &str) -> Option<Self> {
        if text == EARLIER_SCOPE {
            Some(Self { stored: text.to_owned(), ..Self::default() })
        } else {
            Self::parse(text).ok()
        }
    }

    fn of(scopes: Vec<Scope>) -> Self {
        let stored = scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(" ");
        Self { scopes, stored }
    }

    pub fn as_stored(&self) -> &str {
        &self.stored
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.scopes.iter().map(Scope::to_string).collect();
        f.write_str(&words.join(" "))
    }
}

/// What a caller may do.
#[derive(Debug, Clone, PartialEq)]
pub enum Rights {
    /// The owner, who has the gateway token or a page session.
    Owner,
    /// A program with these scopes.
    Program(Arc<Scopes>),
}

impl Rights {
    /// Whether the caller has this permission for this account.
    pub fn permits(&self, permission: Permission, account: &AccountName) -> bool {
        self.any(|scope| scope.permits(permission, Some(account)))
    }

    /// Whether the caller has this permission for all accounts.
    pub fn permits_all(&self, permission: Permission) -> bool {
        self.any(|scope| scope.permits(permission, None))
    }

    /// Whether the caller has this permission for at least one account, so that a list may not be empty.
    pub fn permits_some(&self, permission: Permission) -> bool {
        self.any(|scope| scope.permission.includes(permission))
    }

    /// Whether the caller may use this model. `model` is its name at the provider.
    pub fn permits_model(&self, account: &AccountName, model: &str) -> bool {
        self.any(|scope| {
            scope.permits(Permission::Models, Some(account)) && scope.model.as_deref().is_none_or(|own| own == model)
        })
    }

    /// Whether the caller may use all `proxy_paths` of accounts, not only `program_paths`.
    pub fn manages_accounts(&self) -> bool {
        self.permits_all(Permission::Admin)
    }

    fn any(&self, permits: impl Fn(&Scope) -> bool) -> bool {
        match self {
            Self::Owner => true,
            Self::Program(scopes) => scopes.scopes.iter().any(permits),
        }
    }
}
