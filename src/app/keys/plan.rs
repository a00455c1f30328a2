//! Plans which stored values are replaced by newly sealed ones, for `reseal.rs` and for adoption in `check.rs`.

use super::Keys;
use crate::{
    app::{AppError, VaultError},
    domain::{
        keys::{Replacement, SealedColumn},
        sealed::{SealContext, refresh_token_key},
        sealed_secret::SealedSecret,
    },
};

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) replacements: Vec<Replacement>,
    /// A description of each value that does not open: its place and the reason.
    pub(super) unopened: Vec<String>,
}

impl Plan {
    fn add(
        &mut self,
        column: SealedColumn,
        row: &str,
        old: Option<&SealedSecret>,
        new: Result<SealedSecret, VaultError>,
    ) {
        match new {
            Ok(new) => self.replacements.push(Replacement { column, row: row.to_owned(), old: old.cloned(), new }),
            Err(error) => {
                let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
                self.unopened.push(format!("{} of {row}: {error}{source}", column.as_str()));
            }
        }
    }
}

impl Keys {
    /// Plans to reseal every value in a [`SealedColumn`] that is not sealed with the first key.
    pub(super) async fn plan_to_reseal(&self) -> Result<Plan, AppError> {
        let first = self.cipher.key_id();
        let has_other_key = |sealed: &SealedSecret| sealed.key_id().as_ref() != Some(&first);
        let mut plan = Plan::default();
        let stored = self.credentials.list().await?;
        plan.unopened.extend(stored.unreadable.iter().map(|account| account.row.to_string()));
        for account in stored.readable {
            let (name, key, place) = (account.name.as_str(), refresh_token_key(&account.name), account.token_place());
            if has_other_key(&account.access_token) {
                let new = self.vault.reseal(&SealContext::AccessToken(place), &account.access_token);
                plan.add(SealedColumn::AccessToken, name, Some(&account.access_token), new);
            }
            if let Some(token) = account.refresh_token.as_ref().filter(|token| has_other_key(token)) {
                plan.add(
                    SealedColumn::RefreshToken,
                    &key,
                    Some(token),
                    self.vault.reseal(&SealContext::RefreshToken(place), token),
                );
            }
        }
        for queued in self.revocations.all().await?.iter().filter(|queued| has_other_key(&queued.token)) {
            let new = self.vault.reseal(&SealContext::of_revocation(queued), &queued.token);
            plan.add(SealedColumn::Revocation, queued.id.as_str(), Some(&queued.token), new);
        }
        for stored in self.api_tokens.list().await? {
            if let Some(mark) = stored.mark.as_ref().filter(|mark| has_other_key(mark)) {
                let new = self.vault.reseal(&SealContext::ApiToken(&stored.token), mark);
                plan.add(SealedColumn::ApiToken, stored.token.id.as_str(), Some(mark), new);
            }
        }
        Ok(plan)
    }

    /// Plans to reseal all secrets of a database of the first format.
    pub(super) async fn plan_to_adopt(&self) -> Result<Plan, AppError> {
        let mut plan = Plan::default();
        for account in self.credentials.list().await?.readable {
            let (name, key, place) = (account.name.as_str(), refresh_token_key(&account.name), account.token_place());
            let new = self.vault.adopt(&SealContext::AccessToken(place), &account.access_token);
            plan.add(SealedColumn::AccessToken, name, Some(&account.access_token), new);
            if let Some(token) = &account.refresh_token {
                plan.add(
                    SealedColumn::RefreshToken,
                    &key,
                    Some(token),
                    self.vault.adopt(&SealContext::RefreshToken(place), token),
                );
            }
        }
        for queued in self.revocations.all().await? {
            let new = self.vault.adopt(&SealContext::of_revocation(&queued), &queued.token);
            plan.add(SealedColumn::Revocation, queued.id.as_str(), Some(&queued.token), new);
        }
        Ok(plan)
    }

    /// Adds the marks of all API tokens to the plan of an adoption.
    pub(super) async fn add_marks(&self, plan: &mut Plan) -> Result<(), AppError> {
        for stored in self.api_tokens.list().await? {
            let new = self.vault.mark(&stored.token, None);
            plan.add(SealedColumn::ApiToken, stored.token.id.as_str(), None, new);
        }
        Ok(())
    }
}
