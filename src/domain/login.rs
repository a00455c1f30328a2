//! A login under way, as a state machine whose every step consumes the state before it.
//!
//! ```text
//! Pending --callback with our state, approved--> Exchanging --tokens saved--> Completed
//!    |  \--callback with our state, declined--> Denied, ...     \--anything else--> Failed
//!    \--time over--> Expired       \--its owner--> Cancelled
//! ```
//! A callback that is not ours, or not whole, changes nothing: it hands the pending login back.

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{
    authorization_response::{AuthorizationResponse, PastedRedirect, Verdict, WrongPart},
    authorize_url::authorize_url,
    ids::{LoginId, Principal, ProviderName, StateDigest},
    login_outcome::{LoginOutcome, LoginProgress},
    oauth_client::OAuthClient,
    provider::ProviderType,
    sealed::SealedSecret,
    secret::{OAuthState, PkceVerifier},
    time::Timestamp,
    token_response::CodeGrant,
};

/// What is fixed about a login from its start on, and safe to store in clear.
#[derive(Debug, Clone, PartialEq)]
pub struct LoginSession {
    /// The `login_id` the saved credential will carry.
    pub id: LoginId,
    pub name: ProviderName,
    pub provider_type: ProviderType,
    pub display_name: Option<String>,
    /// Who may finish it.
    pub principal: Principal,
    /// Where its code may be redeemed: as configured when it started, whatever is configured later.
    pub client: OAuthClient,
    pub started_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A login that waits for the person's approval.
#[derive(Debug)]
pub struct PendingLogin {
    pub session: LoginSession,
    pub state: OAuthState,
    pub verifier: PkceVerifier,
}

/// A login whose code is being redeemed. It is on its way to an end and takes no further callback.
#[derive(Debug)]
pub struct ExchangingLogin {
    pub session: LoginSession,
}

/// Why a callback was not let in. The login it was aimed at goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackRejection {
    InvalidState,
    WrongAddress(WrongPart),
    WrongIssuer,
    NoCode,
}

/// What a callback did to a pending login.
#[derive(Debug)]
pub enum Received {
    /// Redeem this. Both the verifier and the code moved into the grant.
    Exchange(Box<ExchangingLogin>, CodeGrant),
    Ended(LoginOutcome),
    Rejected(Box<PendingLogin>, CallbackRejection),
}

impl PendingLogin {
    pub fn authorize_url(&self) -> SecretString {
        authorize_url(&self.session.client, &self.verifier.challenge(), &self.state)
    }

    /// A callback that the gateway's own listener received, so its address is right by construction.
    pub fn receive(self, response: AuthorizationResponse, now: Timestamp) -> Received {
        self.decide(response, Ok(()), now)
    }

    /// A callback that its owner pasted: it must also be the address this login was to come back to.
    pub fn receive_pasted(self, pasted: &PastedRedirect, response: AuthorizationResponse, now: Timestamp) -> Received {
        let arrived = pasted.arrived_at(&self.session.client.redirect_uri);
        self.decide(response, arrived, now)
    }

    /// The state is checked before anything else, so that nobody without it learns or changes anything.
    fn decide(self, response: AuthorizationResponse, arrived: Result<(), WrongPart>, now: Timestamp) -> Received {
        let (seen, ours) = (response.state.expose_secret().as_bytes(), self.state.expose_secret().as_bytes());
        if !bool::from(seen.ct_eq(ours)) {
            return Received::Rejected(Box::new(self), CallbackRejection::InvalidState);
        }
        if now >= self.session.expires_at {
            return Received::Ended(LoginOutcome::Expired);
        }
        if let Err(part) = arrived {
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

/// A login as stored: the state only as a digest and sealed, the verifier sealed.
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
    /// Whether it still waits for a callback at `now`.
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
                name: ProviderName::parse("openai-codex").unwrap(),
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
    fn a_wrong_state_changes_nothing_whatever_else_it_says() {
        for query in ["state=other&code=c", "state=other&error=access_denied", "state=the-stat&code=c"] {
            let received = receive(query, Timestamp::from_unix_seconds(9_999));
            assert!(matches!(received, Received::Rejected(_, CallbackRejection::InvalidState)), "{query}");
        }
    }

    #[test]
    fn what_ends_a_login_and_what_leaves_it_pending() {
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
    fn an_issuer_must_fit_and_must_be_there_where_it_is_required() {
        for (requires_issuer, query, is_let_in) in [
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
            assert_eq!(!is_refused, is_let_in, "{requires_issuer} {query}");
        }
    }

    #[test]
    fn a_pasted_address_must_be_the_one_this_login_comes_back_to() {
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
