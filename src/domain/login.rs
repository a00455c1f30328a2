//! A login as a state machine. Each transition consumes the previous state.
//!
//! ```text
//! Pending --approved--> Exchanging --tokens saved--> Completed
//! Pending --declined--> Denied, MissingEntitlement or ProviderError
//! Pending --timeout--> Expired
//! Pending or Exchanging --cancelled--> Cancelled
//! Exchanging --any error--> CodeRefused, NotSaved, ...
//! Exchanging --tokens of another user or workspace--> Unconfirmed --owner decides--> Completed or Cancelled
//! Unconfirmed --timeout--> Expired
//! ```
//! An invalid or incomplete callback is rejected and leaves the login pending.

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{
    authorization_response::{AuthorizationResponse, AuthorizationResult},
    authorize_url::authorize_url,
    ids::{AccountName, LoginId, Principal, StateDigest},
    login_outcome::{LoginDetail, LoginEnd, LoginOutcome, LoginProgress},
    oauth_client::OAuthClient,
    provider::ProviderType,
    sealed_secret::SealedSecret,
    secret::{OAuthState, PkceVerifier},
    time::Timestamp,
    token_response::CodeGrant,
};

/// The data of a login that never changes and is not secret.
#[derive(Debug, Clone, PartialEq)]
pub struct LoginSession {
    /// The `login_id` of the saved credential.
    pub id: LoginId,
    pub name: AccountName,
    pub provider_type: ProviderType,
    pub display_name: Option<String>,
    /// The caller who started the login.
    pub principal: Principal,
    /// The OAuth client as configured at the start. Later configuration changes do not affect the login.
    pub client: OAuthClient,
    /// Whether the login may replace the account of another user or workspace without a confirmation.
    pub replace: bool,
    pub started_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A login that waits for the user's approval.
#[derive(Debug)]
pub struct PendingLogin {
    pub session: LoginSession,
    pub state: OAuthState,
    pub verifier: PkceVerifier,
}

/// A login whose code is being exchanged. It accepts no further callback.
#[derive(Debug)]
pub struct ExchangingLogin {
    pub session: LoginSession,
}

/// Why a callback was rejected. The login stays pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackRejection {
    InvalidState,
    WrongIssuer,
    NoCode,
}

/// The effect of a callback on a pending login.
#[derive(Debug)]
pub enum Received {
    /// The caller must exchange the code. The grant has the code and the verifier.
    Exchange(Box<ExchangingLogin>, CodeGrant),
    Ended(LoginOutcome, Option<LoginDetail>),
    Rejected(Box<PendingLogin>, CallbackRejection),
}

impl PendingLogin {
    pub fn authorize_url(&self) -> SecretString {
        authorize_url(&self.session.client, &self.verifier.challenge(), &self.state)
    }

    /// Handles an authorization response, which the listener received or the owner pasted. Checks the `state` first, so
    /// that a response with a wrong `state` reveals and changes nothing.
    pub fn receive(self, response: AuthorizationResponse, now: Timestamp) -> Received {
        let (received, expected) = (response.state.expose_secret().as_bytes(), self.state.expose_secret().as_bytes());
        if !bool::from(received.ct_eq(expected)) {
            return Received::Rejected(Box::new(self), CallbackRejection::InvalidState);
        }
        if now >= self.session.expires_at {
            return Received::Ended(LoginOutcome::Expired, None);
        }
        let client = &self.session.client;
        let issuer_fits = response.issuer.map_or(!client.requires_issuer, |issuer| issuer == client.issuer);
        if !issuer_fits {
            return Received::Rejected(Box::new(self), CallbackRejection::WrongIssuer);
        }
        match response.result {
            AuthorizationResult::Approved(code) => {
                let exchanging = ExchangingLogin { session: self.session };
                Received::Exchange(Box::new(exchanging), CodeGrant { code, verifier: self.verifier })
            }
            AuthorizationResult::Refused { outcome, detail } => Received::Ended(outcome, detail),
            AuthorizationResult::Empty => Received::Rejected(Box::new(self), CallbackRejection::NoCode),
        }
    }
}

/// A login as stored: the `state` as digest and sealed, the verifier sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedLogin {
    pub session: LoginSession,
    pub state_digest: StateDigest,
    pub state: SealedSecret,
    pub verifier: SealedSecret,
    /// The sealed tokens of an unconfirmed login.
    pub tokens: Option<SealedSecret>,
    pub progress: LoginProgress,
    /// When the login reached `progress`.
    pub progress_since: Timestamp,
    /// Why the login failed.
    pub detail: Option<LoginDetail>,
}

impl SealedLogin {
    /// Returns the login's end with this outcome, for its owner.
    pub fn ended_as(&self, outcome: LoginOutcome) -> LoginEnd {
        LoginEnd::explained(outcome, self.detail.as_ref(), &self.session.name)
    }

    /// Whether the login still waits for a callback at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.progress == LoginProgress::Pending && now < self.session.expires_at
    }
}
