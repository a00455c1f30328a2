//! Authenticates requests: they need a valid access token, and a header that names the token's account.

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::HeaderMap;

use crate::{
    http::{Reply, bearer},
    journal::token_sha256,
    provider::{AccessRefusal, Entry, Provider, check_access},
    refusals,
    settings::Account,
};

/// The header that must name the token's own account.
const ACCOUNT_HEADER: &str = "chatgpt-account-id";

/// Returns the account of the bearer token, or the error response. Records the token's status in the journal.
pub(super) fn authenticate(provider: &Provider, entry: &Entry, headers: &HeaderMap) -> Result<Account, Reply> {
    let Some(token) = bearer(headers) else {
        entry.set_outcome("no_bearer");
        return Err(Reply::json(401, &refusals::unauthorized()));
    };
    {
        let state = provider.state();
        let (status, family) = (state.families.status(token, state.now()), state.families.family_of(token));
        drop(state);
        entry.update(|entry| {
            entry.token_sha256 = Some(token_sha256(token));
            entry.token_status = Some(status);
            entry.family = family;
        });
    }
    let account = check_access(provider, token).map_err(|refusal| refused(entry, refusal))?;
    match headers.get(ACCOUNT_HEADER).map(|value| value.as_bytes()) {
        Some(named) if named == account.account_id.as_bytes() => check_workspace(provider, entry, account),
        Some(_) => {
            entry.set_outcome("wrong_account");
            // The token is valid: a client must not refresh it for this error.
            let body = serde_json::json!({"detail": {"code": "invalid_workspace_selected"}});
            Err(Reply::json(403, &body))
        }
        None => {
            entry.set_outcome("no_account");
            Err(Reply::json(400, &refusals::detail("The ChatGPT-Account-ID header is missing.")))
        }
    }
}

/// Refuses the accounts of a deactivated workspace. Their tokens stay valid.
fn check_workspace(provider: &Provider, entry: &Entry, account: Account) -> Result<Account, Reply> {
    if provider.state().settings.deactivated_workspaces.contains(&account.account_id) {
        entry.set_outcome("deactivated_workspace");
        return Err(Reply::json(402, &refusals::deactivated_workspace()));
    }
    Ok(account)
}

fn refused(entry: &Entry, refusal: AccessRefusal) -> Reply {
    let code = match refusal {
        AccessRefusal::Unknown => {
            entry.set_outcome("unknown_token");
            return Reply::json(401, &refusals::unauthorized());
        }
        AccessRefusal::Expired => "token_expired",
        AccessRefusal::Revoked => "token_revoked",
        AccessRefusal::Invalidated => "token_invalidated",
    };
    entry.set_outcome(code);
    // The backend has the reason only in headers.
    let reason = STANDARD.encode(refusals::refused_token(code).to_string());
    Reply::json(401, &refusals::unauthorized())
        .header("x-openai-authorization-error", "401")
        .header("x-openai-ide-error-code", code)
        .header("x-error-json", &reason)
}
