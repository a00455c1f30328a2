//! The session id of a model request. The provider caches a conversation under this id. It reads the id from the body
//! and from a header.

use http_message::{HeaderMap, HeaderName, HeaderValue};

use crate::domain::{
    dialect::CacheScope,
    ids::{AccountName, Principal},
};

/// The header in which the provider reads the session id.
const SESSION: HeaderName = HeaderName::from_static("session-id");
/// Headers in which clients send the session id, newest name first.
const NAMES: [&str; 4] = ["session-id", "session_id", "conversation-id", "conversation_id"];

/// Returns the session id in the caller's headers.
fn session_of(headers: &HeaderMap) -> Option<&HeaderValue> {
    NAMES.iter().filter_map(|name| headers.get(*name)).find(|session| !session.is_empty())
}

/// Returns the scope of the provider's cache for a request: its session, caller and account.
pub(super) fn cache_scope(headers: &HeaderMap, caller: &Principal, account: &AccountName) -> CacheScope {
    let session = session_of(headers).and_then(|session| session.to_str().ok()).map(str::to_owned);
    CacheScope { session, parties: Some(format!("{}\n{account}", caller.as_str())) }
}

/// Sets the header of the session id, from a caller's header with another name, or else from `session`.
pub(super) fn add_session(headers: &mut HeaderMap, session: Option<&str>) {
    let value = session_of(headers).cloned().or_else(|| HeaderValue::from_str(session?).ok());
    if let Some(value) = value {
        headers.insert(SESSION, value);
    }
}
