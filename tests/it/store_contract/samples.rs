//! Sample values for the store contracts. A number makes each value unique.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use goclaw::{
    adapters::{
        cipher::{EncryptionKey, XChaChaCipher},
        system::{SystemClock, SystemRandom},
    },
    domain::{
        account::AccountLabels,
        audit::Actor,
        confirmation::Replaces,
        credential::NewSealedCredential,
        ids::{AccountName, LoginId, Principal, ProviderId, StateDigest},
        login::{LoginSession, SealedLogin},
        login_outcome::LoginProgress,
        oauth_client::{BodyFormat, EndpointUrl, OAuthClient},
        provider::{AuthMethod, ProviderType},
        provider_settings::TokenMetadata,
        sealed_secret::SealedSecret,
        time::Timestamp,
    },
    ports::{Author, Clock},
};

/// The lifetime of a sample login. Tests write its end as `at(360)` or later.
pub(super) const LIFETIME: Duration = Duration::from_secs(360);

/// The system's clock, except that `sleep` returns at once.
pub(super) struct HastyClock;

#[async_trait]
impl Clock for HastyClock {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn since_boot(&self) -> Duration {
        SystemClock.since_boot()
    }

    async fn sleep(&self, _duration: Duration) {}
}

/// Returns the time `seconds` after the start of the test.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_000 + seconds)
}

pub(crate) fn name(text: &str) -> AccountName {
    AccountName::parse(text).expect("an account name")
}

fn sealed_secret(what: &str, number: u8) -> SealedSecret {
    SealedSecret::from_stored(format!("v1:key:{what}-{number}"))
}

/// Returns the author of a change at `at`.
pub(crate) fn author(at: Timestamp) -> Author {
    author_with(1, at)
}

/// Returns an author whose audit entries are marked with the key `key`.
pub(crate) fn author_with(key: u8, at: Timestamp) -> Author {
    let key = EncryptionKey::from_bytes([key; 32]).into();
    Author { actor: Actor::named("somebody"), at, cipher: Arc::new(XChaChaCipher::new(&key, Arc::new(SystemRandom))) }
}

/// Returns a credential of the login `number` with both tokens.
pub(crate) fn credential(number: u8, account: &str) -> NewSealedCredential {
    NewSealedCredential {
        id: ProviderId::new(at(0), &[number; 10]),
        name: name(account),
        provider_type: ProviderType::OpenaiCodex,
        display_name: None,
        api_base: format!("https://api-{number}.example"),
        login_id: LoginId::from_bytes([number; 16]),
        access_token: sealed_secret("access", number),
        refresh_token: Some(sealed_secret("refresh", number)),
        metadata: TokenMetadata {
            auth_method: AuthMethod::OAuth,
            obtained_at: at(i64::from(number)),
            expires_at: Some(at(3600 + i64::from(number))),
            scopes: vec!["openid".into(), format!("scope-{number}")],
            account: AccountLabels { email: Some(format!("{number}@mail.example")), ..AccountLabels::default() },
            cookie_rotates: false,
        },
        replaces: Replaces::Any,
        superseded: None,
    }
}

/// Returns a pending login `number` of `principal`.
pub(crate) fn login(number: u8, account: &str, principal: &str, started_at: Timestamp) -> SealedLogin {
    let endpoint = |path: &str| EndpointUrl::parse(&format!("https://issuer.example/{path}")).expect("an address");
    SealedLogin {
        session: LoginSession {
            id: LoginId::from_bytes([number; 16]),
            name: name(account),
            provider_type: ProviderType::OpenaiCodex,
            display_name: Some(format!("Account {number}")),
            principal: Principal::named(principal),
            client: OAuthClient {
                issuer: "https://issuer.example".into(),
                requires_issuer: true,
                authorize_url: endpoint("authorize"),
                token_url: endpoint("token"),
                revoke_url: Some(endpoint("revoke")),
                body_format: BodyFormat::Json,
                client_id: "client".into(),
                scopes: vec!["openid".into(), "offline_access".into()],
                redirect_uri: "http://localhost:1455/auth/callback".into(),
                provider_params: vec![("a".into(), "1".into())],
                originator: None,
                extra_params: vec![("b".into(), "2 & 3".into())],
            },
            replace: false,
            started_at,
            expires_at: started_at.plus(LIFETIME),
        },
        state_digest: StateDigest::from_stored(format!("digest-{number}")),
        state: sealed_secret("state", number),
        verifier: sealed_secret("verifier", number),
        tokens: None,
        progress: LoginProgress::Pending,
        progress_since: started_at,
        detail: None,
    }
}
