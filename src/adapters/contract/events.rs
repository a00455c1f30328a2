//! The bodies of `/v1/auth/{provider}/events` and `/v1/activity`.

use poem_openapi::Object;
use serde::Deserialize;

use super::{EventKind, LoginOutcome, RefreshCause};
use crate::{app::ActivityEntry, domain::history::CredentialEvent};

/// An event of an account.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct AccountEvent {
    /// Increases with every event.
    pub id: i64,
    /// When, in Unix seconds.
    pub at: i64,
    pub event: EventKind,
    pub cause: Option<RefreshCause>,
    /// The provider's code of `refused`.
    pub code: Option<String>,
    /// The cause, the code or the outcome as a sentence.
    pub reason: Option<String>,
    pub login_id: String,
    pub generation: u64,
}

impl From<CredentialEvent> for AccountEvent {
    fn from(event: CredentialEvent) -> Self {
        Self {
            id: event.revision.0,
            at: event.at.unix_seconds(),
            event: event.kind.into(),
            cause: event.cause,
            reason: event.reason().map(as_sentence),
            code: event.code.map(|code| code.to_string()),
            login_id: event.login_id.to_string(),
            generation: event.generation.0,
        }
    }
}

/// A page of an account's events, newest first.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct EventPage {
    pub events: Vec<AccountEvent>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

/// An event of any account.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct ActivityEvent {
    /// When, in Unix seconds.
    pub at: i64,
    /// The account's name. The account may have been removed since.
    pub provider: String,
    pub event: EventKind,
    pub cause: Option<RefreshCause>,
    /// The provider's code of `refused`.
    pub code: Option<String>,
    /// The cause, the code or the outcome as a sentence, with what the provider said about a login.
    pub reason: Option<String>,
    pub outcome: Option<LoginOutcome>,
    pub login_id: String,
    pub generation: Option<u64>,
}

impl From<ActivityEntry> for ActivityEvent {
    fn from(entry: ActivityEntry) -> Self {
        match entry {
            ActivityEntry::Account(event) => Self {
                at: event.at.unix_seconds(),
                provider: event.name.to_string(),
                event: event.kind.into(),
                cause: event.cause,
                reason: event.reason().map(as_sentence),
                code: event.code.map(|code| code.to_string()),
                outcome: None,
                login_id: event.login_id.to_string(),
                generation: Some(event.generation.0),
            },
            ActivityEntry::Login { name, login_id, end, at } => Self {
                at: at.unix_seconds(),
                provider: name.to_string(),
                event: EventKind::SignInEnded,
                cause: None,
                code: None,
                reason: Some(end.reason.into_owned()),
                outcome: Some(end.outcome),
                login_id: login_id.to_string(),
                generation: None,
            },
        }
    }
}

/// A page of the events of all accounts, newest first.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct ActivityPage {
    pub events: Vec<ActivityEvent>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

/// Turns a phrase into a sentence: capitalizes the first letter and appends a period.
fn as_sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}
