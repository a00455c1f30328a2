//! The built-in properties of a provider type.

use crate::domain::{account::AccountLabels, claims::UnverifiedClaims, oauth_client::BodyFormat};

/// The purpose of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Category {
    /// Language models.
    Llm,
    /// Music, images and videos.
    Media,
}

impl Category {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How an account is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum AuthMethod {
    /// OAuth 2.0 authorization code with PKCE.
    #[strum(serialize = "oauth")]
    OAuth,
    /// The token of a browser session: pasted by its owner, or obtained with the browser's cookie.
    SessionToken,
    /// A key from the provider's console.
    ApiKey,
}

stored_words!(AuthMethod);

impl AuthMethod {
    /// Returns the end of the sentence "connects with ...".
    pub fn in_words(self) -> &'static str {
        match self {
            Self::OAuth => "a sign-in in the browser",
            Self::SessionToken => "a session token",
            Self::ApiKey => "an API key",
        }
    }

    /// Returns the noun that follows "this".
    pub fn noun(self) -> &'static str {
        match self {
            Self::OAuth => "sign-in",
            Self::SessionToken => "session token",
            Self::ApiKey => "API key",
        }
    }
}

/// The dialect of a provider's model API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The strict, streaming-only form of OpenAI's Responses API that ChatGPT's Codex backend accepts.
    Codex,
    /// OpenAI's Chat Completions API.
    ChatCompletions,
}

/// A provider's model API; paths are below its `api_base`.
#[derive(Debug)]
pub struct ModelApi {
    pub dialect: Dialect,
    pub prompt_path: &'static str,
    /// The path that compacts a conversation, if the provider has one.
    pub compact_path: Option<&'static str>,
    /// The path for embeddings, if the provider has them.
    pub embeddings_path: Option<&'static str>,
    pub models_path: &'static str,
    /// The default `client_version` parameter of the model list; None if the provider does not require it.
    pub client_version: Option<&'static str>,
}

/// The built-in properties of a provider type. Settings can override some of them.
#[derive(Debug)]
pub struct Descriptor {
    /// The name of the built-in account of this type, and the value of `provider_type`.
    pub name: &'static str,
    pub display_name: &'static str,
    pub category: Category,
    /// The kind of secret that an owner may paste, if any.
    pub pasted: Option<AuthMethod>,
    /// The OAuth defaults, if the provider supports OAuth.
    pub oauth: Option<&'static OAuthDefaults>,
    /// The endpoint that refreshes session tokens with the browser's cookie, if there is one.
    pub sessions: Option<&'static SessionDefaults>,
    pub api_base: &'static str,
    /// The paths that the owner may use, as [`crate::domain::proxy::ProxyRule`] parses them.
    pub proxy_paths: &'static [&'static str],
    /// The part of `proxy_paths` that programs may use. None of them manages the account or reveals its owner.
    pub program_paths: &'static [&'static str],
    /// The model API; None if the provider has no language models.
    pub models: Option<&'static ModelApi>,
    /// The path of a free request that needs a valid secret. It checks pasted secrets before they are saved.
    pub check_path: Option<&'static str>,
    /// The path that reports the usage of the plan, if any.
    pub usage_path: Option<&'static str>,
    /// The header, in lower case, that must carry the account's id, if any.
    pub account_header: Option<&'static str>,
    /// Reads the account labels from a token's claims.
    pub labels: fn(&UnverifiedClaims) -> AccountLabels,
}

/// The OAuth defaults of a provider type; paths are below the issuer.
#[derive(Debug)]
pub struct OAuthDefaults {
    /// None if the provider has no public issuer. Then it must be configured.
    pub issuer: Option<&'static str>,
    pub authorize_path: &'static str,
    pub token_path: &'static str,
    pub revoke_path: Option<&'static str>,
    /// The format of refreshes and revocations.
    pub body_format: BodyFormat,
    /// Empty if it must be configured.
    pub client_id: &'static str,
    pub scopes: &'static [&'static str],
    /// Provider-specific parameters of the authorize URL, sent before `state`.
    pub authorize_params: &'static [(&'static str, &'static str)],
    /// The default `originator` parameter; None if the provider has no such parameter.
    pub originator: Option<&'static str>,
}

/// The identity provider of browser sessions: its URL, and the name of the client cookie.
#[derive(Debug)]
pub struct SessionDefaults {
    pub url: &'static str,
    pub cookie: &'static str,
}
