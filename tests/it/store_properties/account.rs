//! The model of one account: plain values and an event history, advanced by the production `step`.

use std::time::Duration;

use goclaw::{
    domain::{
        account::AccountLabels,
        credential::{NewSealedCredential, SealedCredential},
        history::{CredentialEvent, EventKind},
        ids::{AccountName, LoginId, ProviderId},
        provider::AuthMethod,
        provider_settings::TokenMetadata,
        refresh::{
            Cause, Effect, LeaseId, RefreshEvent, RefreshPolicy, RefreshState, RefreshTrigger, Rotation, Step,
            TokenVersion, step,
        },
        sealed_secret::SealedSecret,
        time::Timestamp,
    },
    ports::ProfileChange,
};

use super::lives::{Event, ResponseKind, Seen};
use crate::store_contract::samples::{at, credential, name};

/// The row that the store must hold, without its revision.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    refresh: RefreshState,
    access_token: SealedSecret,
    refresh_token: Option<SealedSecret>,
    metadata: TokenMetadata,
    id: ProviderId,
    display_name: Option<String>,
    enabled: bool,
    created_at: Timestamp,
}

/// An event without its revision.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RecordedEvent {
    version: TokenVersion,
    kind: EventKind,
    cause: Option<Cause>,
    at: Timestamp,
}

pub(super) struct Account {
    pub(super) name: AccountName,
    pub(super) now: Timestamp,
    pub(super) events: Vec<RecordedEvent>,
    number: u32,
    held: Option<Held>,
    /// Every token version so far, after one that no login has.
    versions: Vec<TokenVersion>,
    /// The event that [`Event::Again`] repeats.
    last: Option<RefreshEvent>,
    /// The number of token responses, which makes tokens unique.
    responses: u32,
}

impl Account {
    pub(super) fn new(number: u32) -> Self {
        Self {
            name: name(&format!("life-{number}")),
            now: at(0),
            events: Vec::new(),
            number,
            held: None,
            versions: vec![TokenVersion::first_of(LoginId::from_stored("none yet".to_owned()))],
            last: None,
            responses: 0,
        }
    }

    pub(super) fn advance_clock(&mut self, millis: i64) {
        self.now = Timestamp::from_unix_millis(self.now.unix_millis() + millis);
    }

    pub(super) fn held(&self) -> Option<Held> {
        self.held.clone()
    }

    /// Converts a stored account to the model.
    pub(super) fn of_stored(stored: &SealedCredential) -> Held {
        let stored = stored.clone();
        assert_eq!(stored.settings.metadata(), Ok(stored.metadata.clone()), "the settings contain the same metadata");
        Held {
            refresh: stored.refresh,
            access_token: stored.access_token,
            refresh_token: stored.refresh_token,
            metadata: stored.metadata,
            id: stored.id,
            display_name: stored.display_name,
            enabled: stored.enabled,
            created_at: stored.created_at,
        }
    }

    pub(super) fn without_revision(event: &CredentialEvent) -> RecordedEvent {
        let version = TokenVersion { login_id: event.login_id.clone(), generation: event.generation };
        RecordedEvent { version, kind: event.kind, cause: event.cause, at: event.at }
    }

    /// Applies a login. Returns it with the account's resulting id.
    pub(super) fn sign_in(&mut self, kind: ResponseKind) -> (NewSealedCredential, ProviderId) {
        let (access_token, refresh_token, metadata) = self.response(kind);
        let number = (u64::from(self.number) << 32) | u64::from(self.responses);
        let mut entropy = [0; 16];
        entropy[..8].copy_from_slice(&number.to_be_bytes());
        let new = NewSealedCredential {
            id: ProviderId::new(at(0), entropy.first_chunk().expect("16 bytes")),
            name: self.name.clone(),
            login_id: LoginId::from_bytes(entropy),
            access_token,
            refresh_token,
            metadata,
            ..credential(0, self.name.as_str())
        };
        let before = self.held.take();
        let held = Held {
            refresh: RefreshState::after_login(
                new.login_id.clone(),
                new.refresh_token.is_some(),
                new.metadata.obtained_at,
                new.metadata.expires_at,
            ),
            access_token: new.access_token.clone(),
            refresh_token: new.refresh_token.clone(),
            metadata: new.metadata.clone(),
            id: before.as_ref().map_or_else(|| new.id.clone(), |before| before.id.clone()),
            created_at: before.as_ref().map_or(self.now, |before| before.created_at),
            display_name: before.and_then(|before| before.display_name),
            enabled: true,
        };
        let id = held.id.clone();
        self.replace(held, EventKind::SignedIn);
        (new, id)
    }

    pub(super) fn sign_out(&mut self) {
        if let Some(held) = self.held.take() {
            self.record(&held.refresh, EventKind::SignedOut);
        }
    }

    pub(super) fn change_profile(&mut self, change: &ProfileChange) {
        if let Some(mut held) = self.held.take() {
            held.display_name = change.display_name.clone().or(held.display_name);
            held.enabled = change.enabled.unwrap_or(held.enabled);
            self.replace(held, EventKind::Changed);
        }
    }

    pub(super) fn advance(&mut self, event: &RefreshEvent, policy: &RefreshPolicy) -> Effect {
        let Step { row, effect, events } = step(self.held.as_ref().map(|held| &held.refresh), event, policy, self.now);
        for event in events {
            self.record(&event.state, event.kind);
        }
        let Some(mut held) = self.held.take() else {
            assert_eq!(row, None);
            return effect;
        };
        let after = row.expect("no event removes an account");
        if let (RefreshEvent::Succeeded(rotation), Effect::Stored) = (event, effect) {
            held.access_token = rotation.access_token.clone();
            held.refresh_token = rotation.refresh_token.clone().or(held.refresh_token);
            held.metadata = rotation.metadata.clone();
            self.versions.push(after.version.clone());
        }
        self.held = Some(Held { refresh: after, ..held });
        effect
    }

    /// Converts a generated event to one with this account's token versions.
    pub(super) fn resolve(&mut self, event: &Event) -> RefreshEvent {
        let lease = |replica: u8| LeaseId::from_bytes([replica; 16]);
        let resolved = match event.clone() {
            Event::Begin { seen, lease: replica, trigger } => {
                RefreshEvent::Begin { seen: self.version(&seen), lease: lease(replica), trigger }
            }
            Event::Failed { seen, lease: replica, failure, spread } => {
                RefreshEvent::Failed { seen: self.version(&seen), lease: lease(replica), failure, spread }
            }
            Event::Succeeded { seen, kind, same_account } => {
                let (access_token, refresh_token, metadata) = self.response(kind);
                // Without a refresh token nothing is presented, so no response can bring the first one.
                let had_refresh_token = self.held.as_ref().is_none_or(|held| held.refresh_token.is_some());
                let refresh_token = refresh_token.filter(|_| had_refresh_token);
                let seen = self.version(&seen);
                RefreshEvent::Succeeded(Rotation {
                    version: seen.next(),
                    access_token,
                    refresh_token,
                    metadata,
                    same_account,
                })
            }
            Event::Again => match &self.last {
                Some(last) => last.clone(),
                None => RefreshEvent::Begin {
                    seen: self.version(&Seen::Current),
                    lease: lease(0),
                    trigger: RefreshTrigger::Now,
                },
            },
        };
        self.last = Some(resolved.clone());
        resolved
    }

    fn version(&self, seen: &Seen) -> TokenVersion {
        match seen {
            Seen::Current => self.versions.last().expect("the first version").clone(),
            Seen::Earlier(which) => which.get(&self.versions).clone(),
        }
    }

    fn response(&mut self, kind: ResponseKind) -> (SealedSecret, Option<SealedSecret>, TokenMetadata) {
        self.responses += 1;
        let sealed = |what| SealedSecret::from_stored(format!("v1:key:{what}-{}-{}", self.number, self.responses));
        let obtained_at = Timestamp::from_unix_seconds(self.now.unix_seconds());
        let metadata = TokenMetadata {
            auth_method: AuthMethod::OAuth,
            obtained_at,
            expires_at: kind.lifetime.map(|seconds| obtained_at.plus(Duration::from_secs(seconds.into()))),
            scopes: vec![format!("scope-{}", self.responses)],
            account: AccountLabels { plan_type: Some(format!("plan-{}", self.responses)), ..AccountLabels::default() },
            cookie_rotates: false,
        };
        (sealed("access"), kind.has_refresh_token.then(|| sealed("refresh")), metadata)
    }

    fn replace(&mut self, held: Held, kind: EventKind) {
        self.record(&held.refresh, kind);
        if kind == EventKind::SignedIn {
            self.versions.push(held.refresh.version.clone());
        }
        self.held = Some(held);
    }

    fn record(&mut self, state: &RefreshState, kind: EventKind) {
        let (version, cause) = (state.version.clone(), state.cause);
        self.events.push(RecordedEvent { version, kind, cause, at: self.now });
    }
}
