//! The provider's records: a journal entry for each request and a ledger for each token family. Tests judge the gateway
//! by them. They contain no tokens, only SHA-256 prefixes.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    cancellations::{Cancellations, Cancelled},
    provider::{CANARY, CANARY_IN_JWT, TokenStatus},
    site::Site,
};

/// Headers with secret values: the journal records only their digests.
const SECRET_HEADERS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];

/// The tokens that descend from one redeemed authorization code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FamilyId(pub u32);

/// One request on an origin, recorded on arrival and completed when its outcome is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Counts from 1 in order of arrival; a reset does not restart it.
    pub sequence: u64,
    /// The machine's clock on arrival, in Unix milliseconds.
    pub unix_ms: u64,
    /// The origin it arrived at.
    pub site: Site,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query. `None` on the auth origin, where it carries secrets.
    pub query: Option<String>,
    /// The names of the headers.
    pub header_names: Vec<String>,
    /// The header values, with `sha256:` digests for secret ones; empty on the auth origin. The values of a repeated
    /// header are joined by `, ` (RFC 9110 section 5.2).
    pub headers: BTreeMap<String, String>,
    /// The body size in bytes, once it is read.
    pub body_bytes: Option<u64>,
    /// The SHA-256 of the body, once it is read; `None` on the auth origin.
    pub body_sha256: Option<String>,
    /// The SHA-256 prefix of the request's code, token, API key or cookie.
    pub token_sha256: Option<String>,
    /// The status of the token or API key before any fault. Only for the backend, the music API and DashScope.
    pub token_status: Option<TokenStatus>,
    /// The `grant_type` at the token endpoint.
    pub grant_type: Option<String>,
    /// The family the code or token belongs to.
    pub family: Option<FamilyId>,
    /// The applied fault.
    pub fault: Option<String>,
    /// The provider's decision, such as `tokens_issued`, `revoked` or an error code; where no decision has a name, the
    /// response status. `undecided` before that.
    pub outcome: String,
    /// The response status; `None` while no response is sent.
    pub status: Option<u16>,
    /// How much of the response was sent when the client disconnected or an outage began; `None` if neither happened.
    pub cancelled: Option<Cancelled>,
}

/// The history of one token family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyLedger {
    /// The family.
    pub family: FamilyId,
    /// The client the tokens were issued to.
    pub client_id: String,
    /// `chatgpt_user_id` of the approving user.
    pub user_id: String,
    /// `chatgpt_account_id` of the approving user.
    pub account_id: String,
    /// Every refresh token, oldest first.
    pub refresh_tokens: Vec<RefreshTokenLedger>,
    /// The number of rotations.
    pub rotations: u32,
    /// Refresh requests in flight.
    pub refreshes_under_way: u32,
    /// The maximum number of refresh requests in flight at once.
    pub max_concurrent_refreshes: u32,
    /// How often a spent refresh token was refused.
    pub reuse_errors: u32,
    /// Why the family is revoked, if it is.
    pub revoked: Option<RevocationCause>,
}

/// The history of one refresh token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshTokenLedger {
    /// Its SHA-256 prefix.
    pub token_sha256: String,
    /// How often it was presented for a refresh.
    pub presentations: u32,
    /// Whether it was replaced. Expiry and revocation do not appear here.
    pub state: RefreshTokenState,
}

/// Whether a refresh token was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshTokenState {
    /// Not replaced.
    Current,
    /// Replaced by a rotation.
    Spent,
}

/// Why a family is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationCause {
    /// A spent refresh token was reused.
    RefreshTokenReused,
    /// The authorization code was reused.
    CodeReused,
    /// The client revoked it.
    RevokedByClient,
    /// The provider ended the session (`Simulator::revoke_all`).
    RevokedByProvider,
}

/// The requests so far, of all origins.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<JournalEntry>,
    last_sequence: u64,
}

impl Journal {
    /// Records the arrival of a request and returns its sequence number.
    pub(crate) fn record_arrival(&mut self, site: Site, request: &hyper::http::request::Parts) -> u64 {
        self.last_sequence += 1;
        let sequence = self.last_sequence;
        let mut header_names: Vec<String> = request.headers.keys().map(ToString::to_string).collect();
        header_names.sort();
        self.entries.push(JournalEntry {
            sequence,
            unix_ms: u64::try_from(machine_time().as_millis()).unwrap_or(u64::MAX),
            site,
            method: request.method.to_string(),
            path: request.uri.path().to_owned(),
            query: request.uri.query().filter(|_| site != Site::Auth).map(digest_if_secret),
            header_names,
            headers: if site == Site::Auth { BTreeMap::new() } else { header_values(&request.headers) },
            body_bytes: None,
            body_sha256: None,
            token_sha256: None,
            token_status: None,
            grant_type: None,
            family: None,
            fault: None,
            outcome: "undecided".to_owned(),
            status: None,
            cancelled: None,
        });
        sequence
    }

    /// Changes an entry, unless a reset has removed it.
    pub(crate) fn update(&mut self, sequence: u64, change: impl FnOnce(&mut JournalEntry)) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.sequence == sequence) {
            change(entry);
        }
    }

    /// Removes the entries. The sequence continues, so that a request in flight cannot change another's entry.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn cancellations(&self) -> Cancellations {
        Cancellations::of(&self.entries)
    }

    pub(crate) fn entries(&self) -> Vec<JournalEntry> {
        self.entries.clone()
    }
}

fn header_values(headers: &hyper::HeaderMap) -> BTreeMap<String, String> {
    let joined = |name: &hyper::header::HeaderName| {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let value = values.join(", ");
        if SECRET_HEADERS.contains(&name.as_str()) { digest(&value) } else { digest_if_secret(&value) }
    };
    headers.keys().map(|name| (name.to_string(), joined(name))).collect()
}

/// Returns a value, or its digest if it contains a secret.
fn digest_if_secret(value: &str) -> String {
    if value.contains(CANARY) || value.contains(CANARY_IN_JWT) { digest(value) } else { value.to_owned() }
}

fn digest(value: &str) -> String {
    format!("sha256:{}", token_sha256(value))
}

/// Returns the SHA-256 of a body in hexadecimal.
pub(crate) fn body_sha256(body: &[u8]) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the SHA-256 prefix that identifies a token without showing it.
pub(crate) fn token_sha256(token: &str) -> String {
    Sha256::digest(token).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the machine's clock, since the Unix epoch.
pub(crate) fn machine_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
