//! A connected account: which login it came from, and whether its token may be used now.

use super::{
    ids::{Generation, LoginId, ProviderId, ProviderName},
    provider::ProviderType,
    provider_settings::{CredentialFacts, ProviderSettings},
    sealed::SealedSecret,
    secret::{AccessToken, RefreshToken},
    time::Timestamp,
};

/// What a login or a pasted secret yields, in the clear: it lives from the answer to the vault, which seals it.
#[derive(Debug)]
pub struct NewCredential {
    pub name: ProviderName,
    pub provider_type: ProviderType,
    /// None keeps the name that is there.
    pub display_name: Option<String>,
    /// Where its requests go, as configured.
    pub api_base: String,
    pub login_id: LoginId,
    pub access_token: AccessToken,
    pub refresh_token: Option<RefreshToken>,
    pub facts: CredentialFacts,
}

/// A credential on its way into the store.
#[derive(Debug, Clone)]
pub struct NewSealedCredential {
    /// The row's id if this is its first login; a row that exists keeps its own.
    pub id: ProviderId,
    pub name: ProviderName,
    pub provider_type: ProviderType,
    pub display_name: Option<String>,
    pub api_base: String,
    pub login_id: LoginId,
    pub access_token: SealedSecret,
    pub refresh_token: Option<SealedSecret>,
    pub facts: CredentialFacts,
}

/// A connected account as stored: the row of `llm_providers` with its refresh token beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedCredential {
    pub id: ProviderId,
    pub name: ProviderName,
    pub provider_type: ProviderType,
    pub display_name: Option<String>,
    pub api_base: String,
    pub enabled: bool,
    pub login_id: LoginId,
    pub generation: Generation,
    pub access_token: SealedSecret,
    pub refresh_token: Option<SealedSecret>,
    pub facts: CredentialFacts,
    pub settings: ProviderSettings,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Where an account stands, as `state` in the status answer. Seen from outside; nothing of it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The access token may be used.
    Active,
    /// Switched off by its owner; nothing is lost.
    Disabled,
    /// The access token has ended. Only its owner can bring it back.
    NeedsReauth,
}

impl Standing {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::NeedsReauth => "needs_reauth",
        }
    }

    /// Whether a request may be sent with this credential now: the `authenticated` of the status answer.
    pub fn is_usable(self) -> bool {
        match self {
            Self::Active => true,
            Self::Disabled | Self::NeedsReauth => false,
        }
    }
}

impl SealedCredential {
    pub fn standing(&self, now: Timestamp) -> Standing {
        if !self.enabled {
            Standing::Disabled
        } else if self.facts.expires_at.is_some_and(|at| at <= now) {
            Standing::NeedsReauth
        } else {
            Standing::Active
        }
    }
}
