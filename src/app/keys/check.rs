//! Checks, before anything else is written, that this gateway has a key of its database.
//!
//! The database holds a sealed constant for each key in use, the key check. A gateway that opens none of them has the
//! wrong key and does not start. This holds on an empty database too: if two gateways with different keys add the first
//! check at once, one wins, and the other finds a check that it cannot open.
//!
//! A database without any check is new, or has the first format, whose secrets were bound to fewer values and whose API
//! tokens had no marks. It is adopted in one transaction. From then on the first format does not open. Deleted checks
//! do not change that, because values of the current format remain.

use std::collections::BTreeSet;

use super::{Keys, Resealed, plan::Plan};
use crate::{
    app::AppError,
    domain::{
        ids::KeyId,
        keys::{KeyCheck, SealedColumn},
        login_outcome::LoginOutcome,
    },
};

/// Attempts to add this gateway's check while other gateways add theirs.
const TRIES: usize = 5;

/// Why the keys of this gateway do not fit its database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error(
        "the database was sealed with the key {used}, and the configured keys open nothing in it (the first is \
         {configured}); configure the right key, or move the database away and sign in again"
    )]
    Wrong { used: String, configured: KeyId },
    #[error(
        "the database was written by an earlier version, whose secrets were bound to less; stop all gateways, then run once: \
         goclaw keys adopt"
    )]
    NotAdopted,
    #[error("other gateways are changing the database; try again")]
    Contended,
}

/// When a database of the first format may be adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// Never: other gateways may share it.
    No,
    /// If one of its secrets opens: only a holder of the key can have written that one.
    IfASecretOpens,
    /// Yes: the owner asked for it.
    Ordered,
}

impl Keys {
    /// Checks the keys and adds the check of this gateway's first key. Returns what was adopted.
    ///
    /// # Errors
    /// [`AppError::Key`], [`AppError::Store`]. Nothing was written.
    pub async fn check(&self, adoption: Adoption) -> Result<Resealed, AppError> {
        for _ in 0..TRIES {
            let checks = self.store.key_checks().await?;
            let mut plan = Plan::default();
            if checks.is_empty() {
                plan = self.plan_for_unchecked(adoption).await?;
            } else if !checks.iter().any(|check| self.vault.opens_key_check(check)) {
                return Err(self.wrong_key(checks.into_iter().map(|check| check.key_id)));
            }
            if self.has_own(&checks) || self.add_own(&checks, &plan).await? {
                return Ok(plan.into());
            }
        }
        Err(KeyError::Contended.into())
    }

    /// Reads the key file again, for keys that another process has added. Warns of each key check whose key it lacks.
    pub(in crate::app) async fn meet_new_keys(&self) -> Result<(), AppError> {
        if self.cipher.reload() {
            tracing::info!(key.id = %self.cipher.key_id(), "the encryption keys have changed");
        }
        let configured = self.cipher.key_ids();
        for check in self.store.key_checks().await?.iter().filter(|check| !configured.contains(&check.key_id)) {
            tracing::warn!(key.id = %check.key_id, "this gateway lacks a key of the database; add it here if another gateway seals with it");
        }
        Ok(())
    }

    fn has_own(&self, checks: &[KeyCheck]) -> bool {
        checks.iter().any(|check| check.key_id == self.cipher.key_id())
    }

    /// Adds the check of the first key to `seen`, and carries out the plan. Returns false if another gateway was
    /// faster.
    async fn add_own(&self, seen: &[KeyCheck], plan: &Plan) -> Result<bool, AppError> {
        let check = self.vault.key_check()?;
        let is_added = self.store.add_key_check(&check, seen, &plan.replacements, &self.author()).await?;
        if is_added && !plan.replacements.is_empty() {
            tracing::info!(values = plan.replacements.len(), "adopted a database of the first format");
            // Pending logins have secrets of the first format too, and live for minutes only.
            for login in self.logins.open_logins(self.now()).await? {
                self.logins.end(&login.session.id, LoginOutcome::Cancelled, None, &self.author()).await?;
            }
        }
        Ok(is_added)
    }

    /// Returns the plan to adopt a database without checks; an empty one if there is nothing to adopt.
    async fn plan_for_unchecked(&self, adoption: Adoption) -> Result<Plan, AppError> {
        let values = self.store.sealed_values().await?;
        let used: BTreeSet<KeyId> = values.iter().filter_map(|value| value.value.as_ref()?.key_id()).collect();
        let is_current = values.iter().filter_map(|value| value.value.as_ref()).any(|value| !value.is_first_format());
        if is_current {
            let opens = self.opens_any().await?;
            return if opens { Ok(Plan::default()) } else { Err(self.wrong_key(used.into_iter())) };
        }
        let has_secrets = !used.is_empty();
        match adoption {
            Adoption::Ordered => {}
            Adoption::IfASecretOpens if has_secrets => {}
            Adoption::No if has_secrets => return Err(KeyError::NotAdopted.into()),
            // API tokens without marks prove nothing; they stay refused.
            Adoption::No | Adoption::IfASecretOpens => return Ok(Plan::default()),
        }
        let plan = self.plan_to_adopt().await?;
        // A mark needs no key to be made. Values that do not open stay as they are, and harm only themselves.
        let opens = plan.replacements.iter().any(|value| value.column != SealedColumn::ApiToken);
        if opens || plan.unopened.is_empty() { Ok(plan) } else { Err(self.wrong_key(used.into_iter())) }
    }

    /// Whether any value of the current format opens.
    async fn opens_any(&self) -> Result<bool, AppError> {
        let accounts = self.credentials.list().await?.readable;
        let tokens = self.api_tokens.list().await?;
        Ok(accounts.iter().any(|account| self.vault.open_access_token(account).is_ok())
            || tokens.into_iter().any(|token| self.vault.open_api_token(token).is_ok()))
    }

    fn wrong_key(&self, used: impl Iterator<Item = KeyId>) -> AppError {
        let used: Vec<String> = used.map(|id| id.to_string()).collect();
        KeyError::Wrong { used: used.join(", "), configured: self.cipher.key_id() }.into()
    }
}
