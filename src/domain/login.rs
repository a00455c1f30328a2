//! A login as a state machine. Each transition consumes the state before it.
//!
//! ```text
//! Pending --valid callback, approved--> Exchanging --tokens saved--> Completed
//!    |  \--valid callback, declined--> Denied, ...     \--any error--> Failed
//!    \--timeout--> Expired       \--owner--> Cancelled
//! ```
//! An invalid or incomplete callback is rejected and leaves the login pending.

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{
    authorization_response::{AuthorizationResponse, PastedRedirect, Verdict, WrongPart},
    authorize_url::authorize_url,
    ids::{AccountName, LoginId, Principal, StateDigest},
    login_outcome::{LoginOutcome, LoginProgress},
    oauth_client::OAuthClient,
    provider::ProviderType,
    sealed::SealedSecret,
    secret::{OAuthState, PkceVerifier},
    time::Timestamp,
    token_response::CodeGrant,
};

/// The unchanging, non-secret data of a login.
#[derive(Debug, Clone, PartialEq)]
pub struct LoginSession {
    /// The `login_id` of the saved credential.
    pub id: LoginId,
    pub name: AccountName,
    pub provider_type: ProviderType,
    pub display_name: Option<String>,
    /// The caller who may finish it.
    pub principal: Principal,
    /// The OAuth client as configured at the start. Later configuration changes do not affect the login.
    pub client: OAuthClient,
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

/// A login whose code is being redeemed. It accepts no further callback.
#[derive(Debug)]
pub struct ExchangingLogin {
    pub session: LoginSession,
}

/// Why a callback was rejected. The login stays pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackRejection {
    InvalidState,
    WrongAddress(WrongPart),
    WrongIssuer,
    NoCode,
}

/// The effect of a callback on a pending login.
#[derive(Debug)]
pub enum Received {
    /// The code is to be redeemed. Verifier and code have moved into the grant.
    Exchange(Box<ExchangingLogin>, CodeGrant),
    Ended(LoginOutcome),
    Rejected(Box<PendingLogin>, CallbackRejection),
}

impl PendingLogin {
    pub fn authorize_url(&self) -> SecretString {
        authorize_url(&self.session.client, &self.verifier.challenge(), &self.state)
    }

    /// Handles a callback from the gateway's own listener, which accepts the redirect URI only.
    pub fn receive(self, response: AuthorizationResponse, now: Timestamp) -> Received {
        self.decide(response, Ok(()), now)
    }

    /// Handles a callback that the user pasted. Its address must be this login's redirect URI.
    pub fn receive_pasted(self, pasted: &PastedRedirect, response: AuthorizationResponse, now: Timestamp) -> Received {
        let address = pasted.arrived_at(&self.session.client.redirect_uri);
        self.decide(response, address, now)
    }

    /// Checks the state first, so that a caller without it can neither learn nor change anything.
    fn decide(self, response: AuthorizationResponse, address: Result<(), WrongPart>, now: Timestamp) -> Received {
        let (received, expected) = (response.state.expose_secret().as_bytes(), self.state.expose_secret().as_bytes());
        if !bool::from(received.ct_eq(expected)) {
            return Received::Rejected(Box::new(self), CallbackRejection::InvalidState);
        }
        if now >= self.session.expires_at {
            return Received::Ended(LoginOutcome::Expired);
        }
        if let Err(part) = address {
            return Received::Rejected(Box::new(self), CallbackRejection::WrongAddress(part));
        }
        let client = &self.session.client;
        let issuer_fits = response.issuer.map_or(!client.requires_issuer, |issuer| issuer == client.issuer);
        if !issuer_fits {
            return Received::Rejected(Box::new(self), CallbackRejection::WrongIssuer);
        }
        match response.verdict {
            Verdict::Approved(code) => {
                let exchanging = ExchangingLogin { session: self.session };
                Received::Exchange(Box::new(exchanging), CodeGrant { code, verifier: self.verifier })
            }
            Verdict::Denied => Received::Ended(LoginOutcome::Denied),
            Verdict::MissingEntitlement => Received::Ended(LoginOutcome::MissingEntitlement),
            Verdict::Failed => Received::Ended(LoginOutcome::ProviderError),
            Verdict::Nothing => Received::Rejected(Box::new(self), CallbackRejection::NoCode),
        }
    }
}

/// A login as stored: the state as digest and sealed, the verifier sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedLogin {
    pub session: LoginSession,
    pub state_digest: StateDigest,
    pub state: SealedSecret,
    pub verifier: SealedSecret,
    pub progress: LoginProgress,
    /// When `progress` was reached.
    pub progress_since: Timestamp,
}

impl SealedLogin {
    /// Whether the login still waits for a callback at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.progress == LoginProgress::Pending && now < self.session.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::oauth_client::{BodyFormat, EndpointUrl};

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000);

    fn pending() -> PendingLogin {
        let endpoint = || EndpointUrl::parse("https://issuer.example/x").unwrap();
        PendingLogin {
            session: LoginSession {
                id: LoginId::from_bytes([1; 16]),
                name: AccountName::parse("openai-codex").unwrap(),
                provider_type: ProviderType::OpenaiCodex,
                display_name: None,
                principal: Principal::gateway_token(),
                client: OAuthClient {
                    issuer: "https://issuer.example".into(),
                    requires_issuer: false,
                    authorize_url: endpoint(),
                    token_url: endpoint(),
                    revoke_url: None,
                    body_format: BodyFormat::Form,
                    client_id: "client".into(),
                    scopes: vec![],
                    redirect_uri: "http://localhost:1455/auth/callback".into(),
                    provider_params: vec![],
                    originator: None,
                    extra_params: vec![],
                },
                started_at: NOW,
                expires_at: Timestamp::from_unix_seconds(1_360),
            },
            state: OAuthState::new("the-state"),
            verifier: PkceVerifier::new("the-verifier"),
        }
    }

    fn receive(query: &str, now: Timestamp) -> Received {
        pending().receive(AuthorizationResponse::from_query(query).unwrap(), now)
    }

    #[test]
    fn an_approved_callback_yields_the_code_and_the_verifier_once() {
        let Received::Exchange(login, grant) = receive("state=the-state&code=c", NOW) else { panic!("not exchanged") };
        assert_eq!(login.session.id, LoginId::from_bytes([1; 16]));
        assert_eq!((grant.code.expose_secret(), grant.verifier.expose_secret()), ("c", "the-verifier"));
    }

    #[test]
    fn a_callback_with_a_wrong_state_is_rejected() {
        for query in ["state=other&code=c", "state=other&error=access_denied", "state=the-stat&code=c"] {
            let received = receive(query, Timestamp::from_unix_seconds(9_999));
            assert!(matches!(received, Received::Rejected(_, CallbackRejection::InvalidState)), "{query}");
        }
    }

    #[test]
    fn a_callback_ends_the_login_or_is_rejected() {
        let ended = |query: &str, now| match receive(query, now) {
            Received::Ended(outcome) => Ok(outcome),
            Received::Rejected(login, rejection) => Err((login.session.id.to_string().len(), rejection)),
            Received::Exchange(..) => panic!("exchanged"),
        };
        assert_eq!(ended("state=the-state&error=access_denied", NOW), Ok(LoginOutcome::Denied));
        assert_eq!(ended("state=the-state&error=temporarily_unavailable", NOW), Ok(LoginOutcome::ProviderError));
        assert_eq!(ended("state=the-state&code=c", Timestamp::from_unix_seconds(1_360)), Ok(LoginOutcome::Expired));
        assert_eq!(ended("state=the-state", NOW), Err((32, CallbackRejection::NoCode)));
        assert_eq!(ended("state=the-state&code=c&iss=evil", NOW), Err((32, CallbackRejection::WrongIssuer)));
    }

    #[test]
    fn a_wrong_or_missing_required_issuer_is_rejected() {
        for (requires_issuer, query, is_accepted) in [
            (false, "state=the-state&code=c", true),
            (false, "state=the-state&code=c&iss=https%3A%2F%2Fissuer.example", true),
            (false, "state=the-state&code=c&iss=https%3A%2F%2Fissuer.example%2F", false),
            (true, "state=the-state&code=c", false),
            (true, "state=the-state&error=access_denied", false),
            (true, "state=the-state&code=c&iss=https%3A%2F%2Fissuer.example", true),
        ] {
            let mut login = pending();
            login.session.client.requires_issuer = requires_issuer;
            let received = login.receive(AuthorizationResponse::from_query(query).unwrap(), NOW);
            let is_refused = matches!(received, Received::Rejected(_, CallbackRejection::WrongIssuer));
            assert_eq!(!is_refused, is_accepted, "{requires_issuer} {query}");
        }
    }

    #[test]
    fn a_pasted_address_must_be_the_redirect_uri() {
        let paste = |text: &str| {
            let (pasted, response) = PastedRedirect::parse(&text.into()).unwrap();
            pending().receive_pasted(&pasted, response, NOW)
        };
        assert!(matches!(paste("http://localhost:1455/auth/callback?code=c&state=the-state"), Received::Exchange(..)));
        assert!(matches!(
            paste("http://evil.example:1455/auth/callback?code=c&state=the-state"),
            Received::Rejected(_, CallbackRejection::WrongAddress(WrongPart::Host))
        ));
    }
}
