//! The backend's state between requests: cached prompts, the account of each turn, and the usage of each plan window.

use std::collections::HashMap;

use super::{limits::AddedUsage, usage::PromptCache};
use crate::provider::random_text;

/// The backend's memory; a reset empties it.
#[derive(Debug, Default)]
pub(crate) struct BackendMemory {
    pub(super) prompts: PromptCache,
    pub(super) turns: Turns,
    pub(super) added_usage: AddedUsage,
}

/// The account of every issued turn state, the value of `x-codex-turn-state`.
#[derive(Debug, Default)]
pub(super) struct Turns(HashMap<String, String>);

/// The turn state belongs to another account: the client has moved a turn between accounts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ForeignTurn;

impl Turns {
    /// Returns the turn state of a response: the one in the request if it belongs to this account, or a new one if it
    /// is unknown or missing.
    pub(super) fn state_for(&mut self, account_id: &str, requested: Option<&str>) -> Result<String, ForeignTurn> {
        match requested.and_then(|state| Some((state, self.0.get(state)?))) {
            Some((state, owner)) if owner == account_id => Ok(state.to_owned()),
            Some(_) => Err(ForeignTurn),
            None => {
                let state = format!("turn_{}", random_text());
                self.0.insert(state.clone(), account_id.to_owned());
                Ok(state)
            }
        }
    }
}
