//! Sessions of the page. The gateway token or a single-use link starts a session, the page extends it while it is used,
//! and signing out ends it. Sessions are API tokens, so every replica accepts them.
//!
//! A session can create a link for another browser. The link and the session that it starts never outlive the session
//! that created the link. All links and sessions end with the first start after the gateway token changes.

use std::sync::Arc;

use super::{Access, IssuedToken};
use crate::{
    app::AppError,
    domain::{
        api_token::{ApiToken, ApiTokenId, Lineage, NewToken},
        ids::DisplayName,
    },
};

impl Access {
    /// Creates a link that can start one session within ten minutes. `session` is the caller's session, or None if the
    /// caller used the gateway token.
    ///
    /// # Errors
    /// [`AppError::CallerRevoked`] if the session has ended.
    #[tracing::instrument(name = "access.create_page_link", skip_all)]
    pub async fn create_page_link(self: &Arc<Self>, session: Option<&ApiToken>) -> Result<IssuedToken, AppError> {
        self.issue(NewToken::link(label()?, session.map(ApiToken::lineage).unwrap_or_default())).await
    }

    /// Starts a session for a caller that used the gateway token.
    #[tracing::instrument(name = "access.start_page_session", skip_all)]
    pub async fn start_page_session(self: &Arc<Self>) -> Result<IssuedToken, AppError> {
        self.issue(NewToken::session(label()?, Lineage::default())).await
    }

    /// Exchanges a link for a session. Only one caller succeeds, also across replicas.
    ///
    /// # Errors
    /// [`AppError::LinkUsed`], also if the session that made the link has ended.
    #[tracing::instrument(name = "access.redeem_page_link", skip_all)]
    pub async fn redeem_page_link(self: &Arc<Self>, link: &ApiToken) -> Result<IssuedToken, AppError> {
        let session = NewToken::session(label()?, link.lineage());
        match self.tasks.run(Arc::clone(self).store_new(session, Some(link.id.clone()))).await {
            Err(AppError::CallerRevoked) => Err(AppError::LinkUsed),
            issued => issued,
        }
    }

    /// Extends a session and returns it with its new expiry.
    ///
    /// # Errors
    /// [`AppError::UnknownToken`] if it has ended.
    #[tracing::instrument(name = "access.extend_page_session", skip_all)]
    pub async fn extend_page_session(self: &Arc<Self>, session: &ApiToken) -> Result<ApiToken, AppError> {
        if !session.is_unexpired(self.now()) {
            return Err(AppError::UnknownToken);
        }
        let (access, extended) = (Arc::clone(self), session.clone().extended(self.now()));
        let extend = async move {
            if access.store.extend(&access.add_mark(&extended)?).await? {
                access.reload_after_commit().await;
                return Ok(extended);
            }
            Err(AppError::UnknownToken)
        };
        self.tasks.run(extend).await
    }

    /// Returns the sessions and links that are valid now, oldest first.
    #[tracing::instrument(name = "access.list_sessions", skip_all)]
    pub async fn list_sessions(&self) -> Result<Vec<ApiToken>, AppError> {
        let (tokens, now) = (self.load_tokens().await?.into_iter(), self.now());
        Ok(tokens.filter(|token| token.grant.is_page_token() && token.is_unexpired(now)).collect())
    }

    /// Ends a session or a link, and the sessions and links that come from it.
    ///
    /// # Errors
    /// [`AppError::UnknownSession`], also for an invalid id and for the id of a program's token.
    #[tracing::instrument(name = "access.end_page_session", skip_all)]
    pub async fn end_page_session(self: &Arc<Self>, id: &str) -> Result<(), AppError> {
        let id = ApiTokenId::parse(id).ok_or(AppError::UnknownSession)?;
        let is_session = self.list_sessions().await?.iter().any(|session| session.id == id);
        let access = Arc::clone(self);
        let end = async move {
            if !is_session || !access.store.remove(&id, &access.author()).await? {
                return Err(AppError::UnknownSession);
            }
            access.forget(|token| token.id == id).await;
            access.reload_after_commit().await;
            Ok(())
        };
        self.tasks.run(end).await
    }

    /// Ends all sessions and links, and if `with_programs` is set, revokes all program tokens. Returns how many ended.
    #[tracing::instrument(name = "access.end_all_sessions", skip_all)]
    pub async fn end_all_sessions(self: &Arc<Self>, with_programs: bool) -> Result<usize, AppError> {
        let access = Arc::clone(self);
        let end = async move {
            let ended = access.store.remove_all(with_programs, &access.author()).await?;
            access.forget(|token| with_programs || token.grant.is_page_token()).await;
            access.reload_after_commit().await;
            tracing::info!(ended, programs = with_programs, "all sessions of the page were ended");
            Ok(ended)
        };
        self.tasks.run(end).await
    }
}

/// Returns the display name of links and sessions.
fn label() -> Result<DisplayName, AppError> {
    Ok(DisplayName::parse("page")?)
}
