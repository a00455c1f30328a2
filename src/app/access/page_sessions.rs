//! Sessions of the page. The gateway's token or a single-use link starts one, use extends it, signing out ends it. They
//! are API tokens, so every replica accepts them.

use std::sync::Arc;

use super::{Access, IssuedToken};
use crate::{
    app::AppError,
    domain::{
        api_token::{ApiToken, ApiTokenId, Scope, SealedApiToken},
        ids::DisplayName,
    },
};

impl Access {
    /// Creates a link that starts one session, within ten minutes.
    #[tracing::instrument(name = "access.create_page_link", skip_all)]
    pub async fn create_page_link(self: &Arc<Self>) -> Result<IssuedToken, AppError> {
        self.issue(DisplayName::parse("page")?, Scope::Link).await
    }

    /// Starts a session for a caller that presented the gateway's token.
    #[tracing::instrument(name = "access.start_page_session", skip_all)]
    pub async fn start_page_session(self: &Arc<Self>) -> Result<IssuedToken, AppError> {
        self.issue(DisplayName::parse("page")?, Scope::Page).await
    }

    /// Starts a session for a link. Only one caller can use a link, also with several replicas.
    ///
    /// # Errors
    /// [`AppError::LinkUsed`].
    #[tracing::instrument(name = "access.redeem_page_link", skip_all)]
    pub async fn redeem_page_link(self: &Arc<Self>, link: &ApiTokenId) -> Result<IssuedToken, AppError> {
        if !self.store.remove(link, &self.author()).await? {
            return Err(AppError::LinkUsed);
        }
        self.start_page_session().await
    }

    /// Extends a session and returns it with its new expiry.
    ///
    /// # Errors
    /// [`AppError::UnknownToken`] if it has ended.
    #[tracing::instrument(name = "access.extend_page_session", skip_all)]
    pub async fn extend_page_session(&self, session: &ApiToken) -> Result<ApiToken, AppError> {
        let extended = session.clone().refreshed(self.now());
        let mac = Some(self.vault.mark(&extended)?);
        if self.store.extend(&SealedApiToken { token: extended.clone(), mac }).await? {
            self.reload().await?;
            return Ok(extended);
        }
        Err(AppError::UnknownToken)
    }

    #[tracing::instrument(name = "access.end_page_session", skip_all)]
    pub async fn end_page_session(&self, session: &ApiTokenId) -> Result<(), AppError> {
        self.store.remove(session, &self.author()).await?;
        self.reload().await
    }
}
