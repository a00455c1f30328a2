//! What happened, as the API tells it.

use poem_openapi::Object;

use crate::{app::ActivityEntry, domain::history::CredentialEvent};

/// Something that happened to an account.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct EventAnswer {
    /// Grows with every event.
    id: i64,
    /// When, in Unix seconds.
    at: i64,
    /// `signed_in`, `signed_out`, `changed`, `refresh_started`, `refreshed`, `refresh_postponed`, `in_doubt`,
    /// `needs_reauth`.
    event: String,
    /// Why, for the last three.
    cause: Option<String>,
    login_id: String,
    generation: u64,
}

/// Something that happened, to whichever account it was.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct ActivityEventAnswer {
    /// When, in Unix seconds.
    at: i64,
    /// The account's name; it may be gone meanwhile.
    provider: String,
    /// As in an account's own events, or `sign_in_ended`: a login that came to nothing.
    event: String,
    /// Why a refresh failed.
    cause: Option<String>,
    /// How the login ended: as in `last_login` of a status.
    outcome: Option<String>,
    login_id: String,
    generation: Option<u64>,
}

/// What happened to all accounts, newest first.
#[derive(Object)]
pub(super) struct ActivityAnswer {
    events: Vec<ActivityEventAnswer>,
}

impl From<Vec<ActivityEntry>> for ActivityAnswer {
    fn from(events: Vec<ActivityEntry>) -> Self {
        let answer = |happened| match happened {
            ActivityEntry::Account(event) => ActivityEventAnswer {
                at: event.at.unix_seconds(),
                provider: event.name.to_string(),
                event: event.kind.as_str().to_owned(),
                cause: event.cause.map(|cause| cause.as_str().to_owned()),
                outcome: None,
                login_id: event.login_id.to_string(),
                generation: Some(event.generation.0),
            },
            ActivityEntry::Login { name, login_id, outcome, at } => ActivityEventAnswer {
                at: at.unix_seconds(),
                provider: name.to_string(),
                event: "sign_in_ended".to_owned(),
                cause: None,
                outcome: Some(outcome.as_str().to_owned()),
                login_id: login_id.to_string(),
                generation: None,
            },
        };
        Self { events: events.into_iter().map(answer).collect() }
    }
}

/// What happened to an account, newest first.
#[derive(Object)]
pub(super) struct EventsAnswer {
    events: Vec<EventAnswer>,
}

impl From<Vec<CredentialEvent>> for EventsAnswer {
    fn from(events: Vec<CredentialEvent>) -> Self {
        let answer = |event: CredentialEvent| EventAnswer {
            id: event.revision.0,
            at: event.at.unix_seconds(),
            event: event.kind.as_str().to_owned(),
            cause: event.cause.map(|cause| cause.as_str().to_owned()),
            login_id: event.login_id.to_string(),
            generation: event.generation.0,
        };
        Self { events: events.into_iter().map(answer).collect() }
    }
}
