//! Applies the owner's answer about an unconfirmed login, and returns the account's new status.

use std::sync::Arc;

use super::{AccountStatus, Accounts};
use crate::{
    app::{Answer, AppError},
    domain::ids::{AccountName, Principal},
};

impl Accounts {
    /// Replaces the connected account with the one that signed in, or keeps it, as `answer` says.
    ///
    /// # Errors
    /// [`AppError::NoPendingLogin`], [`AppError::OtherPrincipal`], [`AppError::LoginEnded`];
    /// [`AppError::StaleConsent`] if the connected login has changed since the question; [`AppError::Store`].
    #[tracing::instrument(name = "accounts.confirm", skip_all, fields(provider.name = %name))]
    pub async fn confirm(
        self: &Arc<Self>,
        name: &AccountName,
        principal: &Principal,
        answer: Answer,
    ) -> Result<AccountStatus, AppError> {
        self.logins.confirm(name.clone(), principal.clone(), answer).await?;
        self.status(name, principal).await
    }
}
