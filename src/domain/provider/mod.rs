//! The provider types the gateway knows: one file each, one row in [`ProviderType::ALL`], and no wildcard `match`, so
//! that the compiler finds whatever else a new type needs. `docs/adding-a-provider.md` walks through it.

use std::fmt;

use super::{claims::UnverifiedClaims, oauth_client::BodyFormat, provider_settings::AccountLabels};

pub mod dashscope;
mod definition;
pub mod openai_codex;
pub mod suno;

pub use definition::ProviderDefinition;

/// What kind of provider an account is at: the seed's `provider_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderType {
    OpenaiCodex,
    Suno,
    Dashscope,
}

impl ProviderType {
    pub const ALL: [Self; 3] = [Self::OpenaiCodex, Self::Suno, Self::Dashscope];

    pub fn descriptor(self) -> &'static Descriptor {
        match self {
            Self::OpenaiCodex => &openai_codex::DESCRIPTOR,
            Self::Suno => &suno::DESCRIPTOR,
            Self::Dashscope => &dashscope::DESCRIPTOR,
        }
    }

    /// The value of `provider_type` in storage and API, which is also the built-in provider's name.
    pub fn as_str(self) -> &'static str {
        self.descriptor().name
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider_type| provider_type.as_str() == text)
    }
}

impl fmt::Display for ProviderType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a provider is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// Answers prompts.
    Llm,
    /// Makes music, pictures, films: the seed's `media`.
    Media,
}

impl Category {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Media => "media",
        }
    }
}

/// How an account is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// OAuth 2.0 authorization code with PKCE.
    OAuth,
    /// The token of a browser session, pasted by its owner.
    SessionToken,
    /// A key from the provider's console.
    ApiKey,
}

impl AuthMethod {
    pub const ALL: [Self; 3] = [Self::OAuth, Self::SessionToken, Self::ApiKey];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::OAuth => "oauth",
            Self::SessionToken => "session_token",
            Self::ApiKey => "api_key",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// For a sentence: "connects with ...".
    pub fn in_words(self) -> &'static str {
        match self {
            Self::OAuth => "a sign-in in the browser",
            Self::SessionToken => "a session token",
            Self::ApiKey => "an API key",
        }
    }
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
    /// Where requests go.
    pub api_base: &'static str,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_provider_names_and_parse_back() {
        for provider_type in ProviderType::ALL {
            assert_eq!(ProviderType::parse(provider_type.as_str()), Some(provider_type));
            assert!(crate::domain::ids::ProviderName::parse(provider_type.as_str()).is_ok());
        }
        for method in AuthMethod::ALL {
            assert_eq!(AuthMethod::parse(method.as_str()), Some(method));
        }
    }
}
