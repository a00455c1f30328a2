//! The bodies of `/v1/audit`.

use poem_openapi::Object;
use serde::Deserialize;

use crate::domain::audit::AuditEntry as Entry;

/// A change, and who made it. It never contains a secret.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditEntry {
    /// The number of the entry. Starts at 1 and increases by 1.
    pub id: i64,
    /// When, in Unix seconds.
    pub at: i64,
    /// Who made the change, such as `gateway token`, `page session <id>`, `callback` (a browser that came back from a
    /// login) or `gateway` (at its start, or a command on the database).
    pub actor: String,
    /// The IP address that the request came from.
    pub address: Option<String>,
    /// The `X-Request-Id` of the request.
    pub request_id: Option<String>,
    /// Such as `signed_in`, `signed_out`, `account_changed`, `token_created` or `key_added`. Later versions may add
    /// others.
    pub action: String,
    /// The account's name, or the id of the token or key.
    pub subject: String,
    /// `done`, or the outcome of a login.
    pub result: String,
    /// What was changed, in words.
    pub detail: Option<String>,
    /// SHA-256 of the entry and the digest before it, base64url.
    pub digest: String,
}

impl From<Entry> for AuditEntry {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            at: entry.at.unix_seconds(),
            actor: entry.actor.name,
            address: entry.actor.address,
            request_id: entry.actor.request_id,
            action: entry.action,
            subject: entry.subject,
            result: entry.result,
            detail: entry.detail,
            digest: entry.digest,
        }
    }
}

/// A page of the audit log, newest first.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditPage {
    pub entries: Vec<AuditEntry>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}
