//! What the provider saw: one journal entry per request, one ledger page per family of tokens. Tests judge the gateway
//! by these. No token ever enters them, only the beginning of its SHA-256.

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

/// Headers whose values are secret by their nature: only digests of them are written down.
const SECRET_HEADERS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];

/// The tokens that descend from one redeemed authorization code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FamilyId(pub u32);

/// One request on an origin, written when it arrives and completed when its outcome is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Counts from 1 in order of arrival; a reset does not start it again.
    pub sequence: u64,
    /// The machine's clock on arrival, in Unix milliseconds.
    pub unix_ms: u64,
    /// Where it arrived.
    pub site: Site,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query; none on the auth origin, where it carries what only the browser should know.
    pub query: Option<String>,
    /// The names of the headers.
    pub header_names: Vec<String>,
    /// Their values; none on the auth origin, and only `sha256:` digests of those that are secret. A repeated header's
    /// are joined by `, ` (RFC 9110 section 5.2).
    pub headers: BTreeMap<String, String>,
    /// How many bytes the body has, once it is read.
    pub body_bytes: Option<u64>,
    /// The SHA-256 of the body, once it is read; none on the auth origin.
    pub body_sha256: Option<String>,
    /// The beginning of the SHA-256 of the code, token or cookie presented.
    pub token_sha256: Option<String>,
    /// Whether the token would have been honoured, had no fault struck. Of the backend's and the music API's requests
    /// only.
    pub token_status: Option<TokenStatus>,
    /// The `grant_type` at the token endpoint.
    pub grant_type: Option<String>,
    /// The family the code or token belongs to.
    pub family: Option<FamilyId>,
    /// The fault that struck.
    pub fault: Option<String>,
    /// What the provider decided: `tokens_issued`, `code_issued`, `revoked`, an error code; `undecided` while it has
    /// not.
    pub outcome: String,
    /// The status answered; none when no answer was sent (yet).
    pub status: Option<u16>,
    /// How far the answer had come when its client left; none when it did not.
    pub cancelled: Option<Cancelled>,
}

/// What happened to one family of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyLedger {
    /// Which family.
    pub family: FamilyId,
    /// The client the tokens were issued to.
    pub client_id: String,
    /// `chatgpt_user_id` of whoever approved.
    pub user_id: String,
    /// `chatgpt_account_id` of whoever approved.
    pub account_id: String,
    /// Every refresh token, the oldest first.
    pub refresh_tokens: Vec<RefreshTokenLedger>,
    /// How often a refresh token was replaced.
    pub rotations: u32,
    /// Refresh requests that are neither answered nor given up.
    pub refreshes_under_way: u32,
    /// The most refresh requests that were under way at the same time.
    pub max_concurrent_refreshes: u32,
    /// How often a spent refresh token was refused.
    pub reuse_errors: u32,
    /// Why the family is dead, if it is.
    pub revoked: Option<RevocationCause>,
}

/// What happened to one refresh token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshTokenLedger {
    /// The beginning of its SHA-256.
    pub token_sha256: String,
    /// How often it was presented for a refresh.
    pub presentations: u32,
    /// Whether it was replaced. Expiry and revocation do not show here.
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

/// Why a family is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationCause {
    /// A spent refresh token came back.
    RefreshTokenReused,
    /// The authorization code came back.
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
    /// Writes the arrival of a request and returns its sequence number.
    pub(crate) fn arrival(&mut self, site: Site, request: &hyper::http::request::Parts) -> u64 {
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
            query: request.uri.query().filter(|_| site != Site::Auth).map(guarded),
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

    /// Completes an entry. One that a reset removed in the meantime stays removed.
    pub(crate) fn note(&mut self, sequence: u64, complete: impl FnOnce(&mut JournalEntry)) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.sequence == sequence) {
            complete(entry);
        }
    }

    /// Removes the entries. The sequence goes on, so that a request still under way cannot complete somebody else's
    /// entry.
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
        if SECRET_HEADERS.contains(&name.as_str()) { digest(&value) } else { guarded(&value) }
    };
    headers.keys().map(|name| (name.to_string(), joined(name))).collect()
}

/// A value that is no secret by its nature, unless somebody put one into it.
fn guarded(value: &str) -> String {
    if value.contains(CANARY) || value.contains(CANARY_IN_JWT) { digest(value) } else { value.to_owned() }
}

fn digest(value: &str) -> String {
    format!("sha256:{}", token_sha256(value))
}

/// The whole SHA-256 of a body, in hexadecimal.
pub(crate) fn body_sha256(body: &[u8]) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How a token is named where it must not be shown: enough of its SHA-256 to tell it from the others.
pub(crate) fn token_sha256(token: &str) -> String {
    Sha256::digest(token).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The machine's clock, since the Unix epoch.
pub(crate) fn machine_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
