//! Sessions of the page: begun with the gateway's token or with a link that is good once, refreshed while the page is used,
//! ended by whoever leaves. They are tokens like those of programs, so every gateway on the database knows them.

use std::sync::Arc;

use super::{AppError, Gateway, IssuedToken};
use crate::domain::{
    api_token::{ApiToken, ApiTokenId, Scope},
    ids::DisplayName,
};

impl Gateway {
    /// A link that begins one session, within ten minutes.
    pub async fn make_page_link(self: &Arc<Self>) -> Result<IssuedToken, AppError> {
        self.issue_for_page(Scope::Link).await
    }

    /// A new session, for whoever presented the gateway's token.
    pub async fn begin_page_session(self: &Arc<Self>) -> Result<IssuedToken, AppError> {
        self.issue_for_page(Scope::Page).await
    }

    /// A new session for a link. Of all who present the same one, on any number of gateways, one gets it.
    pub async fn redeem_page_link(self: &Arc<Self>, link: &ApiTokenId) -> Result<IssuedToken, AppError> {
        if !self.api_tokens_store.remove(link).await? {
            return Err(AppError::LinkUsed);
        }
        self.begin_page_session().await
    }

    /// The session with a later end.
    pub async fn extend_page_session(&self, session: &ApiToken) -> Result<ApiToken, AppError> {
        let refreshed = session.clone().refreshed(self.now());
        if let Some(expires_at) = refreshed.expires_at
            && self.api_tokens_store.extend(&refreshed.id, expires_at).await?
        {
            self.reload_api_tokens().await?;
            return Ok(refreshed);
        }
        Err(AppError::UnknownToken)
    }

    pub async fn end_page_session(&self, session: &ApiTokenId) -> Result<(), AppError> {
        self.api_tokens_store.remove(session).await?;
        self.reload_api_tokens().await
    }

    async fn issue_for_page(self: &Arc<Self>, scope: Scope) -> Result<IssuedToken, AppError> {
        let gateway = Arc::clone(self);
        let name = DisplayName::parse("page")?;
        self.tasks.run(async move { gateway.issue(name, scope).await }).await
    }
}
