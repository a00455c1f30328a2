//! Seals every value again that another key than the first has sealed. Each value in the database is replaced on its
//! own, and only if it is still the one that was read, so that the work can be interrupted and repeated while gateways
//! run.

use super::{Keys, check::Adoption, plan::Plan};
use crate::{
    app::AppError,
    domain::audit::{AuditAction, AuditEvent},
    ports::{RecordState, StoreError},
};

/// The result of sealing again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    pub values: usize,
    pub journal_records: usize,
    /// The values that did not open, each with its place and the reason. They are unchanged.
    pub unopened: Vec<String>,
}

impl From<Plan> for Resealed {
    fn from(plan: Plan) -> Self {
        Self { values: plan.replacements.len(), journal_records: 0, unopened: plan.unopened }
    }
}

impl Keys {
    /// Seals the values again, in the database and in this gateway's journal.
    ///
    /// # Errors
    /// [`AppError::Key`] if the keys do not fit the database, [`AppError::Store`], [`AppError::Journal`]. Values that
    /// were replaced before the error stay replaced.
    pub async fn reseal(&self) -> Result<Resealed, AppError> {
        self.check(Adoption::No).await?;
        let plan = self.plan_to_reseal().await?;
        let mut done = Resealed { unopened: plan.unopened, ..Resealed::default() };
        for value in plan.replacements {
            // False if the value has changed meanwhile. The first key has then sealed it.
            done.values += usize::from(self.store.reseal(&value).await?);
        }
        for mut record in self.journal.list().await? {
            let account = match self.credentials.load(&record.name).await {
                Ok(Some(account)) => account,
                // An unreadable account was reported.
                Ok(None) | Err(StoreError::Unreadable(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            match self.vault.reseal_rotation(&record.name, account.provider_type, &record.rotation) {
                Ok(Some(rotation)) => {
                    record.rotation = rotation;
                    // A gateway may have confirmed a later version meanwhile, and `confirm` keeps that one.
                    match record.state {
                        RecordState::Committed => self.journal.confirm(&record).await?,
                        RecordState::Unsaved => self.journal.put(&record).await?,
                    }
                    done.journal_records += 1;
                }
                Ok(None) => {}
                Err(error) => done.unopened.push(format!("journal record of {}: {error}", record.name)),
            }
        }
        self.note_resealed(&done).await?;
        self.report_journal().await?;
        Ok(done)
    }

    /// Appends an audit entry. Its mark, by the first key, proves all earlier entries, so that verifying them no longer
    /// needs the other keys.
    async fn note_resealed(&self, done: &Resealed) -> Result<(), AppError> {
        let counts = format!("{} values, {} journal records", done.values, done.journal_records);
        let (key, author) = (self.cipher.key_id(), self.author());
        let event = AuditEvent::done(AuditAction::ValuesResealed, key.as_str(), Some(counts));
        Ok(self.audit.append(event, &author).await?)
    }
}
