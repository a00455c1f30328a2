//! Reseals the values of other keys with the first key, except those of logins, remembered responses and audit entries.
//! Each value is replaced separately, and only if it has not changed since it was read. So gateways may run meanwhile,
//! and an interrupted reseal can be repeated.

use super::{Keys, check::Adoption, plan::Plan};
use crate::{
    app::AppError,
    domain::audit::{AuditAction, AuditEvent},
    ports::{RecordState, StoreError},
};

/// The result of resealing or adopting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    pub values: usize,
    pub journal_records: usize,
    /// A description of each value that did not open: its place and the reason. These values are unchanged.
    pub unopened: Vec<String>,
}

impl From<Plan> for Resealed {
    fn from(plan: Plan) -> Self {
        Self { values: plan.replacements.len(), journal_records: 0, unopened: plan.unopened }
    }
}

impl Keys {
    /// Reseals the values in the database and in this gateway's journal.
    ///
    /// # Errors
    /// [`AppError::Key`] if the keys do not fit the database, [`AppError::Store`], [`AppError::Journal`]. Values that
    /// were replaced before the error stay replaced.
    pub async fn reseal(&self) -> Result<Resealed, AppError> {
        self.check(Adoption::No).await?;
        let plan = self.plan_to_reseal().await?;
        let mut done = Resealed { unopened: plan.unopened, ..Resealed::default() };
        for value in plan.replacements {
            // False if a gateway has replaced the value since it was read.
            done.values += usize::from(self.store.reseal(&value).await?);
        }
        for mut record in self.journal.list().await? {
            let account = match self.credentials.load(&record.name).await {
                Ok(Some(account)) => account,
                // Leave a record without an account as it is. The plan has already reported an unreadable account.
                Ok(None) | Err(StoreError::Unreadable(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            match self.vault.reseal_rotation(&record.name, account.provider_type, &record.rotation) {
                Ok(Some(rotation)) => {
                    record.rotation = rotation;
                    // If a gateway has confirmed a later version meanwhile, `confirm` keeps that one.
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

    /// Appends an audit entry. The first key seals its mark, which proves all earlier entries, so verifying the log no
    /// longer needs the other keys.
    async fn note_resealed(&self, done: &Resealed) -> Result<(), AppError> {
        let counts = format!("{} values, {} journal records", done.values, done.journal_records);
        let (key, author) = (self.cipher.key_id(), self.author());
        let event = AuditEvent::done(AuditAction::ValuesResealed, key.as_str(), Some(counts));
        Ok(self.audit.append(event, &author).await?)
    }
}
