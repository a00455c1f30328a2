//! Signed-in browsers at the session provider. A long-lived cookie refreshes a short-lived session token. The music API
//! accepts the token until it expires, even if the cookie is revoked.

use std::{collections::HashMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Provider, claims::SessionClaims, keys::SignError, secrets::random_text};
use crate::settings::Account;

/// A signed-in browser.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedInBrowser {
    /// The session id, as in paths and the `sid` claim.
    pub session_id: String,
    /// The value of the `__client` cookie. A secret.
    pub client_cookie: String,
    /// A new session token. A secret.
    pub session_token: String,
}

impl fmt::Debug for SignedInBrowser {
    /// Omits the secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SignedInBrowser").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

/// The history of one browser's session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserLedger {
    /// The session.
    pub session_id: String,
    /// The user of the session.
    pub user_id: String,
    /// The number of token refreshes.
    pub refreshes: u32,
    /// Whether the cookie is revoked.
    pub revoked: bool,
    /// The number of times that the cookie was replaced.
    pub rotations: u32,
}

/// When the provider replaces a browser's cookie. The old one is refused from then on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CookieRotation {
    #[default]
    Never,
    /// With the next response.
    Once,
    /// With every response.
    Always,
}

struct Browser {
    cookie: String,
    rotation: CookieRotation,
    account: Account,
    last_active: Duration,
    ledger: BrowserLedger,
}

struct SessionToken {
    account: Account,
    expires_at: Duration,
}

/// All browsers and their session tokens.
#[derive(Default)]
pub(crate) struct Browsers {
    browsers: Vec<Browser>,
    tokens: HashMap<String, SessionToken>,
}

/// A session as its browser sees it.
pub(crate) struct SessionView {
    pub(crate) session_id: String,
    pub(crate) account: Account,
    pub(crate) last_active: Duration,
}

impl Browsers {
    pub(crate) fn ledger(&self) -> Vec<BrowserLedger> {
        self.browsers.iter().map(|browser| browser.ledger.clone()).collect()
    }

    /// Revokes a browser's cookie. Returns false if the session does not exist.
    pub(crate) fn revoke(&mut self, session_id: &str) -> bool {
        let browser = self.browsers.iter_mut().find(|browser| browser.ledger.session_id == session_id);
        browser.map(|browser| browser.ledger.revoked = true).is_some()
    }

    /// Sets when a browser's cookie is replaced. Returns false if the session does not exist.
    pub(crate) fn set_rotation(&mut self, session_id: &str, rotation: CookieRotation) -> bool {
        let browser = self.browsers.iter_mut().find(|browser| browser.ledger.session_id == session_id);
        browser.map(|browser| browser.rotation = rotation).is_some()
    }

    /// Returns whether a browser has this cookie, even if the cookie is revoked.
    pub(crate) fn has_cookie(&self, cookie: &str) -> bool {
        self.browsers.iter().any(|browser| browser.cookie == cookie)
    }

    /// Replaces a signed-in browser's cookie if that is due, and returns the new one.
    fn rotate(&mut self, cookie: &str, new: impl FnOnce() -> String) -> Option<String> {
        let signed_in = |browser: &&mut Browser| browser.cookie == cookie && !browser.ledger.revoked;
        let browser = self.browsers.iter_mut().find(signed_in)?;
        if browser.rotation == CookieRotation::Never {
            return None;
        }
        if browser.rotation == CookieRotation::Once {
            browser.rotation = CookieRotation::Never;
        }
        browser.ledger.rotations += 1;
        browser.cookie = new();
        Some(browser.cookie.clone())
    }

    /// Returns the session of a cookie.
    pub(crate) fn session(&self, cookie: &str) -> Option<SessionView> {
        let browser = self.browsers.iter().find(|browser| browser.cookie == cookie && !browser.ledger.revoked)?;
        Some(SessionView {
            session_id: browser.ledger.session_id.clone(),
            account: browser.account.clone(),
            last_active: browser.last_active,
        })
    }
}

/// Why a session token is not refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefreshRefusal {
    /// The cookie is missing, unknown or revoked.
    Unauthenticated,
    /// The session belongs to another cookie or does not exist.
    NoSuchSession,
    /// A bug of the simulator.
    Internal,
}

/// Why a session token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionRefusal {
    Unknown,
    Expired,
}

/// Signs a user in. Returns `None` if the account does not exist.
pub(crate) fn sign_in_browser(provider: &Provider, account: usize) -> Option<SignedInBrowser> {
    let session_id = format!("session_{}", random_text());
    let (account, client_cookie) = {
        let state = &mut *provider.state();
        let account = state.settings.accounts.get(account)?.clone();
        let cookie = state.issued.client_cookie();
        let ledger = BrowserLedger {
            session_id: session_id.clone(),
            user_id: account.user_id.clone(),
            refreshes: 0,
            revoked: false,
            rotations: 0,
        };
        let last_active = state.now();
        let (cookie_value, rotation) = (cookie.clone(), CookieRotation::default());
        let browser = Browser { cookie: cookie_value, rotation, account: account.clone(), last_active, ledger };
        state.browsers.browsers.push(browser);
        (account, cookie)
    };
    let session_token = issue(provider, &session_id, account).ok()?;
    Some(SignedInBrowser { session_id, client_cookie, session_token })
}

/// Replaces the request's cookie if that is due, and returns the new one.
pub(crate) fn rotate_cookie(provider: &Provider, cookie: Option<&str>) -> Option<String> {
    let state = &mut *provider.state();
    let issued = &mut state.issued;
    state.browsers.rotate(cookie?, || issued.client_cookie())
}

/// Refreshes the token of a session.
pub(crate) fn refresh_session(
    provider: &Provider,
    session_id: &str,
    cookie: Option<&str>,
) -> Result<String, RefreshRefusal> {
    let account = {
        let state = &mut *provider.state();
        let now = state.now();
        let known = |browser: &&mut Browser| Some(browser.cookie.as_str()) == cookie && !browser.ledger.revoked;
        let browser = state.browsers.browsers.iter_mut().find(known).ok_or(RefreshRefusal::Unauthenticated)?;
        if browser.ledger.session_id != session_id {
            return Err(RefreshRefusal::NoSuchSession);
        }
        browser.ledger.refreshes += 1;
        browser.last_active = now;
        browser.account.clone()
    };
    issue(provider, session_id, account).or(Err(RefreshRefusal::Internal))
}

/// Checks a session token's signature and expiry. Like the real API, it does not check whether the session has ended.
pub(crate) fn check_session(provider: &Provider, token: &str) -> Result<Account, SessionRefusal> {
    let keys = provider.state().keys.clone();
    if !keys.verifies(token) {
        return Err(SessionRefusal::Unknown);
    }
    let state = provider.state();
    let known = state.browsers.tokens.get(token).ok_or(SessionRefusal::Unknown)?;
    if state.now() >= known.expires_at { Err(SessionRefusal::Expired) } else { Ok(known.account.clone()) }
}

fn issue(provider: &Provider, session_id: &str, account: Account) -> Result<String, SignError> {
    let (keys, now, lifetime) = {
        let state = provider.state();
        (state.keys.clone(), state.now(), state.settings.session_lifetime)
    };
    // `exp` has whole seconds, and the token expires exactly then.
    let expires_at = Duration::from_secs((now + lifetime).as_secs());
    let claims = SessionClaims::new(&provider.sessions_issuer, session_id, &account, now, expires_at);
    let token = keys.sign(&claims)?;
    let mut state = provider.state();
    state.browsers.tokens.insert(token.clone(), SessionToken { account, expires_at });
    Ok(state.issued.remember(token))
}
