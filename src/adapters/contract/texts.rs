//! String types whose schemas describe what the domain's parsers accept. The schemas are for generated clients and
//! tests; only the parsers validate.

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseFromParameter, ParseResult},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::domain::{
    authorization_response::MAX_REDIRECT_BYTES,
    ids::{MAX_ACCOUNT_NAME, MAX_DISPLAY_NAME},
    pasted_cookie::MAX_PASTED_COOKIE_BYTES,
    provider::{ProviderType, openai_codex},
    scope::MAX_SCOPES,
    secret::MAX_PASTED_SECRET_BYTES,
};

/// The characters that `str::trim` removes. They are listed because regex engines differ in `\s`.
const SPACE: &str = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";
/// Control and bidirectional characters, which `DisplayName` rejects.
const CONTROLS: &str = r"\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069";

/// Declares newtypes of strings, each with its schema.
macro_rules! texts {
    ($($(#[$meta:meta])* $name:ident($inner:ty, $plain:ident) = $schema:expr;)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl_type!(
            $name,
            stringify!($name),
            MetaSchemaRef::Inline(Box::new(MetaSchema { ty: "string", ..$schema }))
        );

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.$plain())
            }
        }

        impl ParseFromParameter for $name {
            fn parse_from_parameter(value: &str) -> ParseResult<Self> {
                Ok(value.into())
            }
        }
    )*};
}

texts! {
    /// The name of an account in a path, as `AccountName::parse` accepts it.
    AccountName(String, as_str) = matching(format!("^[a-z0-9]([a-z0-9-]{{0,{}}}[a-z0-9])?$", MAX_ACCOUNT_NAME - 2));
    /// The display name of an account or a program, as `DisplayName::parse` accepts it.
    Label(String, as_str) = bounded(MAX_DISPLAY_NAME, {
        let visible = format!("[^{SPACE}{CONTROLS}]");
        format!("{visible}([^{CONTROLS}]*{visible})?")
    });
    /// The scopes of a token, separated by spaces, as `Scopes::parse` accepts them.
    ScopeList(String, as_str) = {
        let account = format!("[a-z0-9]([a-z0-9-]{{0,{}}}[a-z0-9])?", MAX_ACCOUNT_NAME - 2);
        let scope = format!("(models(:{account}(/[!-~]{{1,200}})?)?|proxy:{account}|(status:read|auth:write)(:{account})?|metrics:read|admin)");
        let pattern = format!("^ *{scope}( +{scope})* *$");
        MetaSchema { min_length: Some(1), max_length: Some(MAX_SCOPES), ..matching(pattern) }
    };
    /// The provider type of a new account. It is a string and not an enum because the alias `openai` is accepted too,
    /// and an unknown type has a separate error that lists the known ones.
    ProviderTypeName(String, as_str) = {
        let names = ProviderType::ALL.map(ProviderType::as_str).into_iter().chain([openai_codex::ALIAS]);
        MetaSchema { enum_items: names.map(Value::from).collect(), ..MetaSchema::ANY }
    };
    /// An API key or session token, as `AccessToken::from_pasted` accepts it.
    PastedToken(SecretString, expose_secret) = secret(MAX_PASTED_SECRET_BYTES, "[!-~]+");
    /// A text with a cookie, as `RefreshToken::from_pasted_cookie` accepts it. No pattern describes all accepted texts.
    PastedCookie(SecretString, expose_secret) = MetaSchema {
        format: Some("password"),
        min_length: Some(1),
        max_length: Some(MAX_PASTED_COOKIE_BYTES),
        ..MetaSchema::ANY
    };
    /// A redirect URL. The pattern cannot check whether it belongs to the pending login.
    RedirectUrl(SecretString, expose_secret) = secret(MAX_REDIRECT_BYTES, r"https?://[!-~]+\?([!-~]*&)?state=[!-~]+");
}

fn matching(pattern: String) -> MetaSchema {
    MetaSchema { pattern: Some(pattern), ..MetaSchema::ANY }
}

/// Returns the schema of a text that matches `pattern`, with optional surrounding white space, which the domain trims.
fn bounded(max_length: usize, pattern: impl AsRef<str>) -> MetaSchema {
    let trimmed = format!("^[{SPACE}]*{}[{SPACE}]*$", pattern.as_ref());
    MetaSchema { min_length: Some(1), max_length: Some(max_length), ..matching(trimmed) }
}

fn secret(max_length: usize, pattern: &str) -> MetaSchema {
    MetaSchema { format: Some("password"), ..bounded(max_length, pattern) }
}
