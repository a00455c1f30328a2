//! An OAuth provider in memory. It redeems each code once, and only with the matching verifier, redirect URI and
//! client.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use goclaw::{
    domain::{
        ids::AccountName,
        oauth_client::{EndpointUrl, OAuthClient},
        secret::{AccessToken, IdToken, RefreshToken},
        token_response::{CodeGrant, TokenResponse},
    },
    ports::{Doubt, OAuthEndpoint, TokenEndpointError},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{sync::watch, time::timeout};
use url::Url;

use super::{
    refreshes::{IssuedTokens, RefreshFault},
    sessions::Sessions,
};

/// The timeouts of the real adapter.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(20);
const REVOKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The response to the next code exchanges. All but `Unavailable` consume the code. Refreshes use only the lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Tokens { lifetime: Option<i64>, with_refresh_token: bool },
    OnlyRefreshToken,
    Refused,
    Unavailable,
    TimedOut,
    Unreadable,
}

impl Reply {
    pub(crate) const HOUR: Self = Self::Tokens { lifetime: Some(3600), with_refresh_token: true };
}

pub(crate) struct FakeProvider {
    state: Mutex<State>,
    sessions: Mutex<Sessions>,
    /// While true, token requests are read and get no response.
    hanging: watch::Sender<bool>,
    /// While true, revocations are read and get no response.
    revocations_hanging: watch::Sender<bool>,
}

struct State {
    /// The endpoints that were called, in order.
    called: Vec<String>,
    reply: Reply,
    revocation_fails: bool,
    codes: BTreeMap<String, Approval>,
    approvals: usize,
    exchanges: usize,
    revoked: Vec<String>,
    revocation_requests: usize,
    refreshes: IssuedTokens,
    /// The user and workspace of the next logins.
    identity: (Option<String>, String),
}

struct Approval {
    challenge: String,
    redirect_uri: String,
    client_id: String,
}

impl FakeProvider {
    pub(crate) fn new() -> Self {
        let state = State {
            called: Vec::new(),
            reply: Reply::HOUR,
            revocation_fails: false,
            codes: BTreeMap::new(),
            approvals: 0,
            exchanges: 0,
            revoked: Vec::new(),
            revocation_requests: 0,
            refreshes: IssuedTokens::default(),
            identity: (None, "workspace-1".to_owned()),
        };
        Self {
            state: Mutex::new(state),
            sessions: Mutex::default(),
            hanging: watch::Sender::new(false),
            revocations_hanging: watch::Sender::new(false),
        }
    }

    /// Approves an authorization request and returns the redirect URL.
    pub(crate) fn approve(&self, auth_url: &SecretString) -> String {
        let request = AuthorizationRequest::read(auth_url);
        let mut state = self.state();
        state.approvals += 1;
        let code = format!("ac_{}", state.approvals);
        let redirect_url = request.redirect_url(&format!("code={code}&scope=openid"));
        let AuthorizationRequest { challenge, redirect_uri, client_id, .. } = request;
        state.codes.insert(code, Approval { challenge, redirect_uri, client_id });
        redirect_url
    }

    /// Denies an authorization request and returns the redirect URL.
    pub(crate) fn decline(&self, auth_url: &SecretString) -> String {
        AuthorizationRequest::read(auth_url).redirect_url("error=access_denied")
    }

    pub(crate) fn reply_with(&self, reply: Reply) {
        self.state().reply = reply;
    }

    /// Sets the user and workspace of all later logins.
    pub(crate) fn sign_in_as(&self, user: &str, workspace: &str) {
        self.state().identity = (Some(user.to_owned()), workspace.to_owned());
    }

    pub(crate) fn fail_revocations(&self, fails: bool) {
        self.state().revocation_fails = fails;
    }

    pub(crate) fn revocation_requests(&self) -> usize {
        self.state().revocation_requests
    }

    pub(crate) fn hang(&self) {
        self.hanging.send_replace(true);
    }

    pub(crate) fn hang_revocations(&self) {
        self.revocations_hanging.send_replace(true);
    }

    pub(crate) fn resume(&self) {
        self.hanging.send_replace(false);
    }

    pub(crate) fn called(&self) -> Vec<String> {
        self.state().called.clone()
    }

    fn note_call(&self, endpoint: Option<&EndpointUrl>) {
        self.state().called.extend(endpoint.map(ToString::to_string));
    }

    pub(crate) fn exchanges(&self) -> usize {
        self.state().exchanges
    }

    /// Injects faults into the next refreshes, in order.
    pub(crate) fn queue_refresh_faults(&self, faults: &[RefreshFault]) {
        self.state().refreshes.faults.extend(faults);
    }

    pub(crate) fn invalidate_all(&self) {
        self.state().refreshes.invalidate_all();
    }

    /// Counts the callers that wait because the provider hangs.
    pub(crate) fn calls_under_way(&self) -> usize {
        self.hanging.receiver_count()
    }

    pub(crate) fn presented(&self) -> Vec<String> {
        self.state().refreshes.presented.clone()
    }

    /// Counts the presentations of used tokens.
    pub(crate) fn reused(&self) -> usize {
        self.state().refreshes.reused
    }

    pub(crate) fn revoked(&self) -> Vec<String> {
        self.state().revoked.clone()
    }

    /// Adds a signed-in browser. Its session tokens expire at `until`, in Unix seconds.
    pub(crate) fn add_browser(&self, cookie: &str, until: i64) {
        let mut sessions = self.sessions();
        sessions.cookies.push(cookie.to_owned());
        sessions.until = until;
    }

    /// Makes each of the next responses replace the presented cookie with one of `new`.
    pub(crate) fn replace_cookie(&self, new: &[&str]) {
        self.sessions().replacements.extend(new.iter().map(|cookie| (*cookie).to_owned()));
    }

    /// Makes the next session responses errors with these statuses.
    pub(crate) fn fail_session_requests(&self, statuses: &[u16]) {
        self.sessions().failures.extend(statuses);
    }

    pub(crate) fn cookies_presented(&self) -> Vec<String> {
        self.sessions().presented.clone()
    }

    /// Makes the next `timeouts` refreshes of session tokens time out.
    pub(crate) fn time_out_session_requests(&self, timeouts: usize) {
        self.sessions().timeouts = timeouts;
    }

    /// Returns the session ids in the refreshes, in order.
    pub(crate) fn sessions_refreshed(&self) -> Vec<Option<String>> {
        self.sessions().refreshed.clone()
    }

    /// Refuses all further connections for session refreshes.
    pub(crate) fn stop_sessions(&self) {
        self.sessions().is_gone = true;
    }

    pub(crate) fn remove_browser(&self, cookie: &str) {
        self.sessions().cookies.retain(|known| known != cookie);
    }

    /// Waits while the provider hangs, at most for `limit`.
    pub(super) async fn wait_while_hanging(&self, limit: Duration) -> Result<(), TokenEndpointError> {
        wait_while(&self.hanging, limit).await
    }

    pub(super) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().expect("no test panics while it holds the sessions")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the state")
    }
}

#[async_trait]
impl OAuthEndpoint for FakeProvider {
    async fn exchange_code(
        &self,
        _account: &AccountName,
        client: &OAuthClient,
        grant: CodeGrant,
    ) -> Result<TokenResponse, TokenEndpointError> {
        self.note_call(Some(&client.token_url));
        self.state().exchanges += 1;
        let responded = self.wait_while_hanging(EXCHANGE_TIMEOUT).await;
        let mut state = self.state();
        if let Err(error) = responded {
            return Err(state.spend(&grant, error));
        }
        let (lifetime, with_refresh_token) = match state.reply {
            Reply::Tokens { lifetime, with_refresh_token } => (lifetime, with_refresh_token),
            Reply::OnlyRefreshToken => (None, true),
            Reply::Unavailable => return Err(TokenEndpointError::Unreachable(super::connection_refused())),
            Reply::Refused => {
                return Err(state.spend(&grant, TokenEndpointError::Rejected { status: 400, code: "invalid_grant" }));
            }
            Reply::TimedOut => return Err(state.spend(&grant, TokenEndpointError::Indeterminate(Doubt::TimedOut))),
            Reply::Unreadable => {
                return Err(state.spend(&grant, TokenEndpointError::Indeterminate(Doubt::Unreadable(200))));
            }
        };
        let refused = TokenEndpointError::Rejected { status: 400, code: "invalid_grant" };
        let Some(approval) = state.codes.remove(grant.code.expose_secret()) else { return Err(refused) };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(grant.verifier.expose_secret()));
        let matches_request = (&approval.challenge, &approval.redirect_uri, &approval.client_id)
            == (&challenge, &client.redirect_uri, &client.client_id);
        if !matches_request {
            return Err(refused);
        }
        let (number, has_access_token) = (state.exchanges, state.reply != Reply::OnlyRefreshToken);
        let (user, workspace) = state.identity.clone();
        if with_refresh_token {
            state.refreshes.issue(&format!("refresh-{number}"), number);
        }
        Ok(TokenResponse {
            access_token: has_access_token.then(|| AccessToken::new(format!("access-{number}"))),
            refresh_token: with_refresh_token.then(|| RefreshToken::new(format!("refresh-{number}"))),
            id_token: Some(IdToken::new(jwt(&json!({
                "email": "owner@example.org",
                "https://api.openai.com/auth":
                    {"chatgpt_account_id": workspace, "chatgpt_user_id": user, "chatgpt_plan_type": "plus"},
            })))),
            expires_in: lifetime,
            scope: None,
        })
    }

    async fn refresh(
        &self,
        _account: &AccountName,
        client: &OAuthClient,
        token: &RefreshToken,
        limit: Duration,
    ) -> Result<TokenResponse, TokenEndpointError> {
        self.note_call(Some(&client.token_url));
        // Let other tasks run first, as a network call does.
        tokio::task::yield_now().await;
        let response = {
            let mut state = self.state();
            let lifetime = match state.reply {
                Reply::Tokens { lifetime, .. } => lifetime,
                Reply::OnlyRefreshToken | Reply::Refused | Reply::Unavailable | Reply::TimedOut | Reply::Unreadable => {
                    Some(3600)
                }
            };
            state.refreshes.present(token.expose_secret(), lifetime)
        };
        // The token is consumed even if the caller does not wait for the response.
        self.wait_while_hanging(limit).await?;
        response
    }

    async fn revoke(
        &self,
        _account: &AccountName,
        client: &OAuthClient,
        token: &RefreshToken,
    ) -> Result<(), TokenEndpointError> {
        if client.revoke_url.is_none() {
            return Err(TokenEndpointError::Unavailable { why: "it has no revocation endpoint" });
        }
        self.note_call(client.revoke_url.as_ref());
        self.state().revocation_requests += 1;
        wait_while(&self.revocations_hanging, REVOKE_TIMEOUT).await?;
        let mut state = self.state();
        if state.revocation_fails {
            return Err(TokenEndpointError::Indeterminate(Doubt::ServerError(503)));
        }
        state.refreshes.revoke(token.expose_secret());
        state.revoked.push(token.expose_secret().to_owned());
        Ok(())
    }
}

impl State {
    /// Consumes the code and returns `error`.
    fn spend(&mut self, grant: &CodeGrant, error: TokenEndpointError) -> TokenEndpointError {
        self.codes.remove(grant.code.expose_secret());
        error
    }
}

/// Waits until `hanging` is false.
///
/// # Errors
/// A timeout after `limit`.
async fn wait_while(hanging: &watch::Sender<bool>, limit: Duration) -> Result<(), TokenEndpointError> {
    let mut hanging = hanging.subscribe();
    let resumed = timeout(limit, hanging.wait_for(|hanging| !hanging)).await;
    resumed.map(drop).map_err(|_elapsed| TokenEndpointError::Indeterminate(Doubt::TimedOut))
}

struct AuthorizationRequest {
    challenge: String,
    redirect_uri: String,
    client_id: String,
    state: String,
}

impl AuthorizationRequest {
    fn read(auth_url: &SecretString) -> Self {
        let url = Url::parse(auth_url.expose_secret()).expect("an address");
        let parameters: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let parameter = |wanted: &str| {
            let mut values = parameters.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.clone());
            let value = values.next().unwrap_or_else(|| panic!("the request has no {wanted}"));
            assert_eq!(values.next(), None, "the request has {wanted} twice");
            value
        };
        assert_eq!(parameter("response_type"), "code");
        assert_eq!(parameter("code_challenge_method"), "S256");
        Self {
            challenge: parameter("code_challenge"),
            redirect_uri: parameter("redirect_uri"),
            client_id: parameter("client_id"),
            state: parameter("state"),
        }
    }

    fn redirect_url(&self, parameters: &str) -> String {
        format!("{}?{parameters}&state={}", self.redirect_uri, self.state)
    }
}

pub(crate) fn query_of(redirect_url: &str) -> &str {
    redirect_url.split_once('?').expect("a URL with a query").1
}

/// Returns a JWT with an empty header, these claims and an invalid signature.
pub(crate) fn jwt(claims: &Value) -> String {
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}
