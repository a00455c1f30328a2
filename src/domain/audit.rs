//! The audit log: who changed what, when, and from where. It never contains a secret.
//!
//! The digest of an entry covers the entry and the digest before it. The mark authenticates the digest with an
//! encryption key. Without the key, nobody can change, insert or remove an entry unnoticed, except by removing the
//! newest ones: a [`Checkpoint`] reveals that. A mark authenticates all earlier entries too, even those whose own key
//! is gone.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    api_token::{ApiToken, ApiTokenId, Grant},
    ids::{AccountName, DisplayName, LoginId},
    login::LoginSession,
    login_outcome::LoginOutcome,
    sealed_secret::SealedSecret,
    time::Timestamp,
};

/// The prefixes of the names of page sessions and programs.
const PAGE_SESSION: &str = "page session ";
const PROGRAM: &str = "token ";

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// For example `gateway token`, `page session 1f0c…` or `callback`.
    pub name: String,
    /// The IP address that the request came from.
    pub address: Option<String>,
    pub request_id: Option<String>,
}

impl Actor {
    /// Returns an actor without a request.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), address: None, request_id: None }
    }

    /// Returns the name of a page session.
    pub fn page_session(id: &ApiTokenId) -> String {
        format!("{PAGE_SESSION}{}", id.as_str())
    }

    /// Returns the name of a program with an API token.
    pub fn program(id: &ApiTokenId, name: &DisplayName) -> String {
        format!("{PROGRAM}{} ({})", id.as_str(), name.as_str())
    }

    /// Returns the id of the token of a page session or program; None for other actors.
    pub fn token_id(&self) -> Option<&str> {
        let id = self.name.strip_prefix(PAGE_SESSION).or_else(|| self.name.strip_prefix(PROGRAM))?;
        id.split(' ').next()
    }

    /// Returns the name of a link that a browser opens.
    pub fn link(id: &ApiTokenId) -> String {
        format!("link {}", id.as_str())
    }

    /// Returns the gateway itself, for changes without a caller.
    pub fn gateway() -> Self {
        Self::named("gateway")
    }
}

/// What was done. Entries store the name as text, because a later version may add names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum AuditAction {
    LoginStarted,
    LoginEnded,
    SignedIn,
    SignedOut,
    AccountChanged,
    TokenCreated,
    TokenRevoked,
    /// The token got a new secret. The detail says how long the old one stays valid.
    TokenRotated,
    LinkCreated,
    LinkUsed,
    /// The link was deleted without having been used.
    LinkEnded,
    SessionStarted,
    SessionEnded,
    KeyAdded,
    ValuesResealed,
    /// The database was copied into an archive. The subject is what was copied, the detail the number of rows.
    BackedUp,
    /// The account was exported to another installation and removed here. The detail names the archive.
    Exported,
    /// The account came from another installation.
    Imported,
    /// The database was restored from an archive. The subject says when the archive was made.
    Restored,
    /// Old entries were deleted. The subject is the id of the last deleted entry, the detail its digest.
    EntriesDeleted,
}

/// A change, as its audit entry describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    pub action: AuditAction,
    /// What was changed, for example the account's name, or the id of the token or key.
    pub subject: String,
    /// `done`, or the outcome of a login.
    pub result: &'static str,
    pub detail: Option<String>,
}

impl AuditEvent {
    pub fn done(action: AuditAction, subject: impl Into<String>, detail: Option<String>) -> Self {
        Self { action, subject: subject.into(), result: "done", detail }
    }

    /// Returns the event of a login whose tokens were saved.
    pub fn signed_in(name: &AccountName, id: &LoginId) -> Self {
        Self::done(AuditAction::SignedIn, name.as_str(), Some(format!("login {id}")))
    }

    pub fn login_started(login: &LoginSession) -> Self {
        Self::done(AuditAction::LoginStarted, login.name.as_str(), Some(format!("login {}", login.id)))
    }

    /// Returns the event of a login that ended without tokens.
    pub fn login_ended(name: &str, outcome: LoginOutcome, detail: String) -> Self {
        let (action, subject) = (AuditAction::LoginEnded, name.to_owned());
        Self { action, subject, result: outcome.as_str(), detail: Some(detail) }
    }

    pub fn account_changed(name: &AccountName, display_name: Option<&str>, enabled: Option<bool>) -> Self {
        let display_name = display_name.map(|text| format!("display name {text:?}"));
        let enabled = enabled.map(|is| if is { "switched on" } else { "switched off" }.to_owned());
        let changes: Vec<String> = display_name.into_iter().chain(enabled).collect();
        Self::done(AuditAction::AccountChanged, name.as_str(), Some(changes.join(", ")))
    }

    pub fn token_created(token: &ApiToken) -> Self {
        let name = token.name.as_str();
        let (action, detail) = match &token.grant {
            Grant::Program(scopes) => (AuditAction::TokenCreated, format!("{name}, {scopes}")),
            Grant::Page => (AuditAction::SessionStarted, name.to_owned()),
            Grant::Link => (AuditAction::LinkCreated, name.to_owned()),
        };
        Self::done(action, token.id.as_str(), Some(detail))
    }

    /// Returns the event of a token that got a new secret. `old` has the old secret.
    pub fn token_rotated(token: &ApiToken, old: &ApiToken) -> Self {
        let until = old.expires_at.map(in_utc).unwrap_or_default();
        let detail = format!("{}, the old one until {until}", token.name.as_str());
        Self::done(AuditAction::TokenRotated, token.id.as_str(), Some(detail))
    }

    /// Returns the event of a token that `by` deleted before its expiry. A link that is used deletes itself.
    pub fn token_revoked(id: &ApiTokenId, name: String, grant: Option<&Grant>, by: &Actor) -> Self {
        let action = match grant {
            Some(Grant::Page) => AuditAction::SessionEnded,
            Some(Grant::Link) if by.name == Actor::link(id) => AuditAction::LinkUsed,
            Some(Grant::Link) => AuditAction::LinkEnded,
            Some(Grant::Program(_)) | None => AuditAction::TokenRevoked,
        };
        Self::done(action, id.as_str(), Some(name))
    }
}

/// Formats a time for an entry, like `2026-11-30T00:40:20Z`. Machines in several time zones read the same log.
pub fn in_utc(time: Timestamp) -> String {
    jiff::Timestamp::from_second(time.unix_seconds()).unwrap_or_default().to_string()
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Sequential, from 1.
    pub id: i64,
    pub at: Timestamp,
    pub actor: Actor,
    pub action: String,
    pub subject: String,
    pub result: String,
    pub detail: Option<String>,
    /// SHA-256 of the entry and the digest before it, base64url.
    pub digest: String,
    /// Authenticates the digest with an encryption key.
    pub mark: SealedSecret,
}

impl AuditEntry {
    /// Returns the digest of this entry. `previous` is the digest of the entry before it, or empty for the first entry.
    pub fn digest_after(&self, previous: &str) -> String {
        let Self { id, at, actor, action, subject, result, detail, digest: _, mark: _ } = self;
        let Actor { name, address, request_id } = actor;
        let at = at.unix_millis();
        let text = json!([previous, id, at, name, address, request_id, action, subject, result, detail]).to_string();
        URL_SAFE_NO_PAD.encode(Sha256::digest(text))
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { id: self.id, digest: self.digest.clone() }
    }
}

/// The id and digest of an entry. Stored outside of the database, it reveals whether the end of the log was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub id: i64,
    pub digest: String,
}

impl std::fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.id, self.digest)
    }
}

impl std::str::FromStr for Checkpoint {
    type Err = &'static str;

    /// Parses `ID:DIGEST`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once(':').and_then(|(id, digest)| Some((id.parse().ok()?, digest.to_owned())));
        let (id, digest) = parts.ok_or("a checkpoint has the form ID:DIGEST, as the log shows it")?;
        Ok(Self { id, digest })
    }
}
