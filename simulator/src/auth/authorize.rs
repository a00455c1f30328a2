//! The authorization endpoint (RFC 6749 section 4.1.1): validates the request and asks the user.
//!
//! An unknown client or redirect URI is shown to the user and never redirected to (section 4.1.2.1); otherwise the
//! provider would be an open redirector.

use std::sync::Arc;

use hyper::HeaderMap;

use super::{approval_page, callback};
use crate::{
    http::{ConnectionCut, Parameters, Reply},
    provider::{AuthorizationRequest, Entry, Provider},
    settings::{Account, Approval, Client, RedirectPorts, Settings},
};

/// The path to which the approval page submits the user's decision.
pub(super) const DECISION_PATH: &str = "/oauth/authorize/decision";

/// The length of an S256 challenge: base64url of 32 bytes (RFC 7636 section 4.2).
const CHALLENGE_LENGTH: usize = 43;

/// The scopes that every request must contain.
const REQUIRED_SCOPES: [&str; 2] = ["openid", "offline_access"];

/// The real provider's text for an ended session.
const INVALID_SESSION: &str = "Route Error (400 Invalid Session): your session is no longer valid.";

/// Why an authorization request is not approved.
enum NotApproved {
    /// The client or redirect URI is not trusted: show the error to the user only.
    Shown { outcome: &'static str, why: String },
    /// Send the error to the client by redirect.
    Redirected { redirect_uri: String, state: String, error: &'static str, description: &'static str },
}

impl NotApproved {
    fn shown(outcome: &'static str, why: &str) -> Self {
        Self::Shown { outcome, why: why.to_owned() }
    }
}

/// Handles a browser's authorization request.
pub(super) async fn authorize(provider: &Arc<Provider>, entry: &Entry, query: &str) -> Result<Reply, ConnectionCut> {
    let settings = provider.state().settings.clone();
    let request = match valid_request(query, &settings) {
        Ok(request) => request,
        Err(NotApproved::Shown { outcome, why }) => return Ok(show(entry, outcome, &why)),
        Err(NotApproved::Redirected { redirect_uri, state, error, description }) => {
            entry.set_outcome(error);
            return Ok(callback::error(provider, &redirect_uri, &state, error, description));
        }
    };
    let Some(account) = settings.accounts.get(settings.signed_in).cloned() else {
        return Ok(show(entry, "invalid_session", INVALID_SESSION));
    };
    follow_approval_setting(provider, entry, &settings, request, account).await
}

/// Approves a request without a browser. `account` is an index in the settings. Returns the redirect URL.
pub(crate) fn approve(provider: &Provider, authorize_url: &str, account: usize) -> Result<String, ApprovalRefused> {
    let query = authorize_url.split_once('?').map_or("", |(_, query)| query);
    let settings = provider.state().settings.clone();
    let request = valid_request(query, &settings).map_err(|refused| match refused {
        NotApproved::Shown { why, .. } => ApprovalRefused(why),
        NotApproved::Redirected { description, .. } => ApprovalRefused(description.to_owned()),
    })?;
    let missing = || ApprovalRefused(format!("there is no account {account}"));
    let account = settings.accounts.get(account).cloned().ok_or_else(missing)?;
    Ok(callback::approved_url(provider, &request, account))
}

/// The provider refuses the authorization request.
#[derive(Debug, thiserror::Error)]
#[error("the provider does not approve the request: {0}")]
pub struct ApprovalRefused(String);

fn valid_request(query: &str, settings: &Settings) -> Result<AuthorizationRequest, NotApproved> {
    let parameters = Parameters::from_form(query.as_bytes())
        .map_err(|error| NotApproved::shown("invalid_request", &error.to_string()))?;
    let client = known_client(&parameters, settings)
        .ok_or_else(|| NotApproved::shown("unknown_client", "The client_id is not registered here."))?;
    let redirect_uri = parameters.get("redirect_uri").unwrap_or_default();
    if !redirect_allowed(redirect_uri, &settings.redirect_ports) {
        let why = "The redirect_uri is not registered for this client.";
        return Err(NotApproved::shown("invalid_redirect_uri", why));
    }
    let (redirect_uri, state) = (redirect_uri.to_owned(), parameters.get("state").unwrap_or_default().to_owned());
    if let Err((error, description)) = check_redirectable(&parameters) {
        return Err(NotApproved::Redirected { redirect_uri, state, error, description });
    }
    Ok(AuthorizationRequest {
        client_id: client.client_id.clone(),
        client_name: client.name.clone(),
        redirect_uri,
        scopes: scopes(&parameters).map(ToOwned::to_owned).collect(),
        state,
        code_challenge: parameters.get("code_challenge").unwrap_or_default().to_owned(),
    })
}

/// Responds to a valid request according to the setting `approval`.
async fn follow_approval_setting(
    provider: &Arc<Provider>,
    entry: &Entry,
    settings: &Settings,
    request: AuthorizationRequest,
    account: Account,
) -> Result<Reply, ConnectionCut> {
    let redirected_error = |error: &str, description| {
        entry.set_outcome(error);
        Ok(callback::error(provider, &request.redirect_uri, &request.state, error, description))
    };
    match &settings.approval {
        Approval::Ask => {
            entry.set_outcome("asked");
            let request_id = provider.state().codes.store_undecided(request.clone(), account.clone());
            Ok(approval_page::ask(&request, &account, &settings.accounts, DECISION_PATH, &request_id))
        }
        Approval::AutoApprove => {
            entry.set_outcome("code_issued");
            Ok(callback::approved(provider, &request, account))
        }
        Approval::Deny => redirected_error("access_denied", ""),
        Approval::MissingEntitlement => {
            redirected_error("access_denied", "missing_codex_entitlement: Codex is not enabled.")
        }
        Approval::ErrorParam { error } => redirected_error(error, "The simulator is configured to return this error."),
        Approval::NeverAnswer => {
            entry.set_outcome("never_answered");
            std::future::pending().await
        }
        Approval::InvalidSession => Ok(show(entry, "invalid_session", INVALID_SESSION)),
    }
}

/// Handles a submitted approval page. Each page can be submitted once.
pub(super) fn decide(
    provider: &Arc<Provider>,
    entry: &Entry,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Reply, ConnectionCut> {
    let parameters = match Parameters::from_body(headers, body) {
        Ok(parameters) => parameters,
        Err(error) => return Ok(show(entry, "invalid_request", &error.to_string())),
    };
    let undecided = provider.state().codes.take_undecided(parameters.get("request").unwrap_or_default());
    let Some((request, account)) = undecided else {
        return Ok(show(entry, "already_decided", "This sign-in was already decided. Start again from the program."));
    };
    let decision = parameters.get("decision").unwrap_or_default();
    let other_account = || {
        provider.state().settings.accounts.get(decision.strip_prefix("approve as ")?.parse::<usize>().ok()?).cloned()
    };
    if let Some(account) = (decision == "approve").then_some(account).or_else(other_account) {
        entry.set_outcome("code_issued");
        Ok(callback::approved(provider, &request, account))
    } else {
        entry.set_outcome("access_denied");
        Ok(callback::error(provider, &request.redirect_uri, &request.state, "access_denied", ""))
    }
}

fn show(entry: &Entry, outcome: &str, why: &str) -> Reply {
    entry.set_outcome(outcome);
    approval_page::refusal(why)
}

fn known_client<'a>(parameters: &Parameters, settings: &'a Settings) -> Option<&'a Client> {
    settings.clients.iter().find(|client| parameters.get("client_id") == Some(&client.client_id))
}

/// Checks the redirect URI as text, because a parser may read it differently from the browser.
fn redirect_allowed(redirect_uri: &str, allowed: &RedirectPorts) -> bool {
    let port_text = ["http://localhost:", "http://127.0.0.1:"]
        .iter()
        .find_map(|origin| redirect_uri.strip_prefix(origin))
        .and_then(|rest| rest.strip_suffix("/auth/callback"));
    let port = port_text.and_then(|text| text.parse::<u16>().ok().filter(|port| *port > 0 && port.to_string() == text));
    match (port, allowed) {
        (None, _) => false,
        (Some(_), RedirectPorts::Any) => true,
        (Some(port), RedirectPorts::Only(ports)) => ports.contains(&port),
    }
}

/// Checks the parameters whose errors go to the client, because client and redirect URI are known to be valid.
fn check_redirectable(parameters: &Parameters) -> Result<(), (&'static str, &'static str)> {
    if parameters.get("response_type") != Some("code") {
        return Err(("unsupported_response_type", "The response_type must be code."));
    }
    if parameters.get("code_challenge_method") != Some("S256") {
        return Err(("invalid_request", "The code_challenge_method must be S256."));
    }
    let challenge = parameters.get("code_challenge").unwrap_or_default();
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if challenge.len() != CHALLENGE_LENGTH || !challenge.bytes().all(base64url) {
        return Err(("invalid_request", "The code_challenge must be 43 characters of base64url."));
    }
    if !REQUIRED_SCOPES.iter().all(|required| scopes(parameters).any(|scope| scope == *required)) {
        return Err(("invalid_scope", "The scope must contain openid and offline_access."));
    }
    if parameters.get("state").unwrap_or_default().is_empty() {
        return Err(("invalid_request", "The state must not be empty."));
    }
    Ok(())
}

fn scopes(parameters: &Parameters) -> impl Iterator<Item = &str> {
    parameters.get("scope").unwrap_or_default().split_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::{RedirectPorts, redirect_allowed};

    #[test]
    fn only_the_exact_loopback_callback_is_allowed() {
        for good in ["http://localhost:1455/auth/callback", "http://127.0.0.1:65535/auth/callback"] {
            assert!(redirect_allowed(good, &RedirectPorts::Any), "{good}");
        }
        for bad in [
            "",
            "https://localhost:1455/auth/callback",
            "http://localhost/auth/callback",
            "http://localhost:0/auth/callback",
            "http://localhost:01455/auth/callback",
            "http://localhost:+1455/auth/callback",
            "http://localhost:1455/auth/callback/",
            "http://localhost:1455/auth/callback?x=/auth/callback",
            "http://localhost:1455/auth/callback#/auth/callback",
            "http://localhost:1455@evil.example/auth/callback",
            "http://localhost:1455.evil.example/auth/callback",
            "http://localhost.evil.example:1455/auth/callback",
            "http://LOCALHOST:1455/auth/callback",
            "http://[::1]:1455/auth/callback",
            "http://evil.example:1455/auth/callback",
        ] {
            assert!(!redirect_allowed(bad, &RedirectPorts::Any), "{bad}");
        }
    }

    #[test]
    fn a_list_of_ports_allows_no_other() {
        let registered = RedirectPorts::Only(vec![1455, 1457]);
        assert!(redirect_allowed("http://localhost:1457/auth/callback", &registered));
        assert!(!redirect_allowed("http://localhost:1456/auth/callback", &registered));
    }
}
