//! The claims of the JWTs, as the real providers fill them. `jti` comes first in each, which makes the encoded canary
//! searchable (see `secrets`), so the order of these members matters.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    families::Grant,
    secrets::{CANARY, random_text},
};
use crate::settings::{AccessTokenForm, Account};

/// The lifetime of an id token in seconds, as at the real provider.
const ID_TOKEN_SECONDS: u64 = 3_600;

/// The audience of access tokens.
const API_AUDIENCE: &str = "https://api.openai.com/v1";

/// The id token's claims: OpenID Connect Core section 2, and two provider-specific namespaces.
#[derive(Serialize)]
pub(crate) struct IdClaims {
    jti: String,
    iss: String,
    aud: [String; 1],
    sub: String,
    sid: String,
    exp: u64,
    iat: u64,
    auth_time: u64,
    rat: u64,
    at_hash: String,
    amr: [&'static str; 1],
    auth_provider: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    email_verified: bool,
    name: String,
    #[serde(rename = "https://api.openai.com/auth")]
    auth: Value,
    #[serde(rename = "https://api.openai.com/profile")]
    profile: Value,
}

impl IdClaims {
    pub(crate) fn new(issuer: &str, grant: &Grant, account: &Account, access_token: &str, now: Duration) -> Self {
        Self {
            jti: token_id(),
            iss: issuer.to_owned(),
            aud: [grant.client_id.clone()],
            sub: subject(account),
            sid: grant.session_id.clone(),
            exp: now.as_secs() + ID_TOKEN_SECONDS,
            iat: now.as_secs(),
            auth_time: grant.approved_at.as_secs(),
            rat: grant.approved_at.as_secs(),
            at_hash: access_token_hash(access_token),
            amr: ["pwd"],
            auth_provider: "password",
            email: account.email.clone(),
            email_verified: account.email.is_some(),
            name: account.name.clone(),
            auth: json!({
                "chatgpt_account_id": account.account_id,
                "chatgpt_account_is_fedramp": account.fedramp,
                "chatgpt_plan_type": account.plan,
                "chatgpt_subscription_active_start": "2026-01-01T00:00:00+00:00",
                "chatgpt_subscription_active_until": "2036-01-01T00:00:00+00:00",
                "chatgpt_subscription_last_checked": "2026-01-01T00:00:00+00:00",
                "chatgpt_user_id": account.user_id,
                "completed_platform_onboarding": true,
                "groups": [],
                "is_org_owner": true,
                "localhost": true,
                "organization_id": "org-simulated",
                "organizations": [{"id": "org-simulated", "is_default": true, "role": "owner", "title": "Personal"}],
                "project_id": "proj-simulated",
                "user_id": account.user_id,
            }),
            profile: profile(account),
        }
    }
}

/// The access token's claims.
#[derive(Serialize)]
pub(crate) struct AccessClaims {
    jti: String,
    iss: String,
    aud: [&'static str; 1],
    sub: String,
    client_id: String,
    session_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<Value>,
    iat: u64,
    nbf: u64,
    pwd_auth_time: u64,
    scp: Vec<String>,
    #[serde(rename = "https://api.openai.com/auth")]
    auth: Value,
    #[serde(rename = "https://api.openai.com/profile")]
    profile: Value,
}

impl AccessClaims {
    pub(crate) fn new(
        issuer: &str,
        grant: &Grant,
        account: &Account,
        now: Duration,
        expires_at: Duration,
        form: AccessTokenForm,
    ) -> Self {
        Self {
            jti: token_id(),
            iss: issuer.to_owned(),
            aud: [API_AUDIENCE],
            sub: subject(account),
            client_id: grant.client_id.clone(),
            session_id: grant.session_id.clone(),
            exp: match form {
                AccessTokenForm::Jwt | AccessTokenForm::Opaque => Some(json!(expires_at.as_secs())),
                AccessTokenForm::WithoutExp => None,
                AccessTokenForm::UnreadableExp => Some(json!("next week")),
            },
            iat: now.as_secs(),
            nbf: now.as_secs(),
            pwd_auth_time: grant.approved_at.as_secs(),
            scp: grant.scopes.clone(),
            auth: json!({
                "amr": ["pwd"],
                "chatgpt_account_id": account.account_id,
                "chatgpt_account_user_id": format!("{}__{}", account.user_id, account.account_id),
                "chatgpt_compute_residency": "no_constraint",
                "chatgpt_data_residency": "no_constraint",
                "chatgpt_plan_type": account.plan,
                "chatgpt_user_id": account.user_id,
                "localhost": true,
                "poid": "org-simulated",
                "user_id": account.user_id,
            }),
            profile: profile(account),
        }
    }
}

/// The session token's claims. E-mail and user id are in a namespace, as Clerk's customers configure it.
#[derive(Serialize)]
pub(crate) struct SessionClaims {
    jti: String,
    iss: String,
    sub: String,
    sid: String,
    exp: u64,
    iat: u64,
    nbf: u64,
    #[serde(rename = "https://suno.ai/claims/user_id")]
    user_id: String,
    #[serde(rename = "https://suno.ai/claims/email", skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl SessionClaims {
    pub(crate) fn new(issuer: &str, session_id: &str, account: &Account, now: Duration, expires_at: Duration) -> Self {
        Self {
            jti: token_id(),
            iss: issuer.to_owned(),
            sub: account.user_id.clone(),
            sid: session_id.to_owned(),
            exp: expires_at.as_secs(),
            iat: now.as_secs(),
            nbf: now.as_secs(),
            user_id: account.user_id.clone(),
            email: account.email.clone(),
        }
    }
}

fn token_id() -> String {
    format!("{CANARY}-{}", random_text())
}

fn subject(account: &Account) -> String {
    format!("auth0|{}", account.user_id)
}

fn profile(account: &Account) -> Value {
    account.email.as_ref().map_or_else(|| json!({}), |email| json!({"email": email, "email_verified": true}))
}

/// `at_hash`: the left half of the hash of the access token (OpenID Connect Core section 3.1.3.6).
fn access_token_hash(access_token: &str) -> String {
    let digest = Sha256::digest(access_token);
    let (left_half, _) = digest.split_at(digest.len() / 2);
    URL_SAFE_NO_PAD.encode(left_half)
}
