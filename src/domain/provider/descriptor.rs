//! What a provider type is described by.

use crate::domain::{account::AccountLabels, claims::UnverifiedClaims, oauth_client::BodyFormat};

/// What a provider is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Category {
    /// Answers prompts.
    Llm,
    /// Makes music, pictures, films: the seed's `media`.
    Media,
}

impl Category {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How an account is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AuthMethod {
    /// OAuth 2.0 authorization code with PKCE.
    #[strum(serialize = "oauth")]
    OAuth,
    /// The token of a browser session, pasted by its owner.
    SessionToken,
    /// A key from the provider's console.
    ApiKey,
}

impl AuthMethod {
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    pub fn as_str(self) -> &'static str {
        self.into()
    }

    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    /// For a sentence: "connects with ...".
    pub fn in_words(self) -> &'static str {
        match self {
            Self::OAuth => "a sign-in in the browser",
            Self::SessionToken => "a session token",
            Self::ApiKey => "an API key",
        }
    }

    /// For a sentence: "this ...".
    pub fn noun(self) -> &'static str {
        match self {
            Self::OAuth => "sign-in",
            Self::SessionToken => "session token",
            Self::ApiKey => "API key",
        }
    }
}

/// Which API a provider's models are asked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The strict form of OpenAI's Responses API that ChatGPT's Codex backend speaks, as a stream only.
    Codex,
    /// OpenAI's chat completions, as they are.
    ChatCompletions,
}

/// Where a provider's models are asked; paths are below its `api_base`.
#[derive(Debug)]
pub struct ModelApi {
    pub dialect: Dialect,
    /// Where a prompt goes.
    pub prompt_path: &'static str,
    /// Where the list of models is.
    pub models_path: &'static str,
    /// The version of the provider's own client whose models are asked for unless configured; None where nobody wants to
    /// know.
    pub client_version: Option<&'static str>,
}

/// What is fixed about a provider type; everything an owner may change is a setting with these as defaults.
#[derive(Debug)]
pub struct Descriptor {
    /// Name of the built-in provider of this type, and the value of `provider_type`.
    pub name: &'static str,
    /// For people.
    pub display_name: &'static str,
    pub category: Category,
    /// Which secret an owner may hand in, if any.
    pub pasted: Option<AuthMethod>,
    /// Whether a browser sign-in exists. A type may have one whose endpoints only the owner can tell: see `issuer`.
    pub oauth: Option<&'static OAuthDefaults>,
    /// Where session tokens are refreshed with the browser's cookie, if that is known.
    pub sessions: Option<&'static SessionDefaults>,
    /// Where requests go.
    pub api_base: &'static str,
    /// What of it may be used through the gateway: see [`crate::domain::proxy::ProxyPath::is_allowed_by`].
    pub proxy_paths: &'static [&'static str],
    /// How its models are asked; None if it has none.
    pub models: Option<&'static ModelApi>,
    /// What answers a good secret and nothing else, at no cost: asked before one that was pasted is saved.
    pub check_path: Option<&'static str>,
    /// Where it tells how much of the plan is used up, if it does.
    pub usage_path: Option<&'static str>,
    /// The header, in lower case, in which the provider wants the account's id beside the token.
    pub account_header: Option<&'static str>,
    /// Reads the account out of a token's claims.
    pub labels: fn(&UnverifiedClaims) -> AccountLabels,
}

/// A type's OAuth registration; paths are below the issuer.
#[derive(Debug)]
pub struct OAuthDefaults {
    /// None: this deployment's owner must configure it, there is no public one.
    pub issuer: Option<&'static str>,
    pub authorize_path: &'static str,
    pub token_path: &'static str,
    pub revoke_path: Option<&'static str>,
    /// For refresh and revocation.
    pub body_format: BodyFormat,
    /// Empty where the owner must configure it.
    pub client_id: &'static str,
    pub scopes: &'static [&'static str],
    /// Provider-specific parameters of the authorize URL, sent before `state`.
    pub authorize_params: &'static [(&'static str, &'static str)],
    /// What `originator` says unless configured; None where the provider has no such parameter.
    pub originator: Option<&'static str>,
}

/// A type's identity provider of browser sessions.
#[derive(Debug)]
pub struct SessionDefaults {
    pub url: &'static str,
    pub cookie: &'static str,
}
