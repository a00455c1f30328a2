//! The history of all operations, and the check of the database against it.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::races_and_faults::clock;

/// A login. Several callers may get the same one, so the times are the widest bounds.
#[derive(Debug, Clone)]
struct Login {
    id: String,
    /// When the first caller requested the login, and when the first response arrived.
    asked_at: Instant,
    started_at: Instant,
    /// When the completing paste was sent and answered.
    completed: Option<(Instant, Instant)>,
}

#[derive(Debug, Clone, Copy)]
struct Logout {
    sent_at: Instant,
    answered_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct Operations {
    logins: Vec<Login>,
    logouts: Vec<Logout>,
}

/// All operations so far.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<Operations>);

impl History {
    fn with<T>(&self, act: impl FnOnce(&mut Operations) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn note_login_start(&self, id: &str, asked_at: Instant) {
        let started_at = clock();
        self.with(|operations| match operations.logins.iter_mut().find(|login| login.id == id) {
            Some(login) => login.asked_at = login.asked_at.min(asked_at),
            None => operations.logins.push(Login { id: id.to_owned(), asked_at, started_at, completed: None }),
        });
    }

    pub(super) fn note_login_completion(&self, id: &str, pasted_at: Instant) {
        let answered_at = clock();
        self.with(|operations| {
            let login = operations.logins.iter_mut().find(|login| login.id == id).expect("a started login");
            login.completed = Some((pasted_at, answered_at));
        });
    }

    /// Records a logout before it is sent and returns its index.
    pub(super) fn note_logout(&self) -> usize {
        self.with(|operations| {
            operations.logouts.push(Logout { sent_at: clock(), answered_at: None });
            operations.logouts.len() - 1
        })
    }

    pub(super) fn note_logout_response(&self, index: usize) {
        self.with(|operations| operations.logouts[index].answered_at = Some(clock()));
    }

    pub(super) fn completed_logins(&self) -> usize {
        self.with(|operations| operations.logins.iter().filter(|login| login.completed.is_some()).count())
    }

    /// Checks the stored login, or its absence, as observed by a query sent at `queried_at`.
    pub(super) fn problem(&self, stored: Option<&str>, queried_at: Instant) -> Option<String> {
        self.with(|operations| match stored {
            Some(id) => operations.problem_of(id, queried_at),
            None => operations.problem_of_absence(queried_at),
        })
    }
}

impl Operations {
    fn problem_of(&self, id: &str, queried_at: Instant) -> Option<String> {
        let Some(stored) = self.logins.iter().find(|login| login.id == id) else {
            return Some(format!("the stored login {id} was never started"));
        };
        let is_later = |logout: &&Logout| {
            logout.sent_at > stored.started_at && logout.answered_at.is_some_and(|answered| answered < queried_at)
        };
        if let Some(logout) = self.logouts.iter().find(is_later) {
            let since = queried_at - logout.answered_at.unwrap_or(queried_at);
            return Some(format!("the login {id} is stored {since:?} after a logout that came after its start"));
        }
        let is_newer = |newer: &&Login| {
            newer.asked_at > stored.started_at && newer.completed.is_some_and(|(_, answered)| answered < queried_at)
        };
        let newer = self.logins.iter().find(is_newer)?;
        Some(format!("the login {id} is stored although the newer {} was completed", newer.id))
    }

    fn problem_of_absence(&self, queried_at: Instant) -> Option<String> {
        let must_be_stored = |login: &&Login| {
            let Some((pasted_at, answered_at)) = login.completed else { return false };
            let may_apply = |logout: &Logout| logout.answered_at.is_none_or(|answered| answered > pasted_at);
            answered_at < queried_at && !self.logouts.iter().any(may_apply)
        };
        let login = self.logins.iter().find(must_be_stored)?;
        Some(format!("the login {} was completed and not logged out, but is not stored", login.id))
    }
}
