//! Checks that this gateway has a key of its database, before anything else is written.
//!
//! The database has a key check, a sealed constant, for each key in use. A gateway that can open none of them has the
//! wrong key and does not start. If two gateways with different keys start on an empty database, one adds the first key
//! check. The other cannot open it and stops.
//!
//! A database without key checks is new or has the first format. In that format, secrets were bound to fewer values,
//! and API tokens had no marks. Adoption reseals the secrets in one transaction. After that, the first format no longer
//! opens. Deleting the key checks does not undo this, because values of the current format or audit entries remain.

use std::collections::BTreeSet;

use super::{Keys, Resealed, plan::Plan};
use crate::{
    app::AppError,
    domain::{ids::KeyId, keys::KeyCheck, login_outcome::LoginOutcome},
};

/// Attempts to add this gateway's key check while other gateways add theirs.
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

/// Whether a database of the first format may be adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// Never. Other gateways may share the database.
    No,
    /// Only if one of its secrets opens, which proves that a holder of the key wrote it. API tokens get no marks.
    IfASecretOpens,
    /// Always, with marks for all API tokens. The owner requested it.
    Requested,
}

impl Keys {
    /// Checks the configured keys and adds the key check of the first one. Returns the values that were adopted.
    ///
    /// # Errors
    /// [`AppError::Key`], [`AppError::Store`]. Nothing was written, unless the store failed after the adoption, while
    /// pending logins were cancelled.
    pub async fn check(&self, adoption: Adoption) -> Result<Resealed, AppError> {
        for _ in 0..TRIES {
            let checks = self.store.key_checks().await?;
            let mut plan = Plan::default();
            if checks.is_empty() {
                plan = self.plan_without_checks(adoption).await?;
            } else if !checks.iter().any(|check| self.vault.opens_key_check(check)) {
                return Err(self.wrong_key(checks.into_iter().map(|check| check.key_id)));
            }
            if self.has_own_check(&checks) || self.add_own_check(&checks, &plan).await? {
                return Ok(plan.into());
            }
        }
        Err(KeyError::Contended.into())
    }

    /// Reloads the key file, and warns of each key check whose key this gateway lacks.
    pub(in crate::app) async fn reload_keys(&self) -> Result<(), AppError> {
        if self.cipher.reload() {
            tracing::info!(key.id = %self.cipher.key_id(), "the encryption keys have changed");
        }
        let configured = self.cipher.key_ids();
        for check in self.store.key_checks().await?.iter().filter(|check| !configured.contains(&check.key_id)) {
            tracing::warn!(key.id = %check.key_id, "this gateway lacks a key of the database; add it here if another gateway seals with it");
        }
        Ok(())
    }

    fn has_own_check(&self, checks: &[KeyCheck]) -> bool {
        checks.iter().any(|check| check.key_id == self.cipher.key_id())
    }

    /// Adds the key check of the first key and carries out the plan in one transaction. Returns false if the checks in
    /// the database are no longer those of `seen`.
    async fn add_own_check(&self, seen: &[KeyCheck], plan: &Plan) -> Result<bool, AppError> {
        let check = self.vault.key_check()?;
        let is_added = self.store.add_key_check(&check, seen, &plan.replacements, &self.author()).await?;
        if is_added && !plan.replacements.is_empty() {
            tracing::info!(values = plan.replacements.len(), "adopted a database of the first format");
            for unopened in &plan.unopened {
                tracing::warn!("a value could not be opened and was left unchanged: {unopened}");
            }
            // Pending logins also have secrets of the first format. They would expire within minutes, so cancel them.
            for login in self.logins.open_logins(self.now()).await? {
                self.logins.end(&login.session.id, LoginOutcome::Cancelled, None, &self.author()).await?;
            }
        }
        Ok(is_added)
    }

    /// Plans the adoption of a database without key checks. The plan is empty if there is nothing to adopt.
    async fn plan_without_checks(&self, adoption: Adoption) -> Result<Plan, AppError> {
        let values = self.store.sealed_values().await?;
        let mut used: BTreeSet<KeyId> = values.iter().filter_map(|value| value.value.as_ref()?.key_id()).collect();
        let newest_entry = self.audit.newest(i64::MAX, 1).await?.pop();
        let has_current = values.iter().filter_map(|value| value.value.as_ref()).any(|value| !value.is_first_format());
        // Versions with the first format had no audit log.
        if has_current || newest_entry.is_some() {
            used.extend(newest_entry.as_ref().and_then(|entry| entry.mark.key_id()));
            let opens_mark = newest_entry.is_some_and(|entry| self.vault.check_audit_mark(&entry).is_ok());
            let opens = opens_mark || self.opens_any().await?;
            return if opens { Ok(Plan::default()) } else { Err(self.wrong_key(used.into_iter())) };
        }
        let has_secrets = !used.is_empty();
        match adoption {
            Adoption::Requested => {}
            Adoption::IfASecretOpens if has_secrets => {}
            Adoption::No if has_secrets => return Err(KeyError::NotAdopted.into()),
            // API tokens without marks are not adopted, because anybody could have written them.
            Adoption::No | Adoption::IfASecretOpens => return Ok(Plan::default()),
        }
        let mut plan = self.plan_to_adopt().await?;
        // Values that do not open stay unchanged.
        if plan.replacements.is_empty() && !plan.unopened.is_empty() {
            return Err(self.wrong_key(used.into_iter()));
        }
        // Anybody who can write to the database could have written the API tokens, so a start marks none.
        if adoption == Adoption::Requested {
            self.add_marks(&mut plan).await?;
        }
        Ok(plan)
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
