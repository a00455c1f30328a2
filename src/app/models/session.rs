//! The session that a request belongs to. The provider caches a conversation under it, and reads it from the body and
//! from a header.

use http_message::{HeaderMap, HeaderName, HeaderValue};

use crate::domain::{
    dialect::CacheScope,
    ids::{AccountName, Principal},
};

/// The header that the provider reads.
const SESSION: HeaderName = HeaderName::from_static("session-id");
/// What clients have called it, newest first.
const NAMES: [&str; 4] = ["session-id", "session_id", "conversation-id", "conversation_id"];

/// Returns the session that the caller's headers name.
fn session_of(headers: &HeaderMap) -> Option<&HeaderValue> {
    NAMES.iter().filter_map(|name| headers.get(*name)).find(|session| !session.is_empty())
}

/// Returns whose cached conversations a request may continue.
pub(super) fn cache_scope(headers: &HeaderMap, caller: &Principal, account: &AccountName) -> CacheScope {
    let session = session_of(headers).and_then(|session| session.to_str().ok()).map(str::to_owned);
    CacheScope { session, parties: Some(format!("{}\n{account}", caller.as_str())) }
}

/// Adds the header of the session: the caller's under another name, or this one.
pub(super) fn add_session(headers: &mut HeaderMap, session: Option<&str>) {
    let value = session_of(headers).cloned().or_else(|| HeaderValue::from_str(session?).ok());
    if let Some(value) = value {
        headers.entry(SESSION).or_insert(value);
    }
}
