//! `/v1/session` and `/v1/sessions`: page sessions. The page authenticates with a token and not with a cookie, because
//! browsers send a cookie to all ports of 127.0.0.1 (`docs/adr/0015-the-page-has-a-token-of-its-own.md`).

use poem_openapi::{
    OpenApi,
    param::{Path, Query},
};

use super::{
    authenticator::{Caller, Credential},
    responses::{ApiResult, BAD_REQUEST, CONFLICT, Json, NOT_FOUND},
    tags::Tag,
};
use crate::{
    adapters::contract::{
        PageLink, Problem, ProblemKind, Session, SessionEndStatus, SessionEnded, SessionInfo, SessionList,
        SessionsEnded,
    },
    app::AppError,
    domain::api_token::Grant,
};

pub(super) struct SessionApi;

#[OpenApi(tag = "Tag::Session")]
impl SessionApi {
    /// Start a session of the page, or extend it.
    ///
    /// The gateway's token or a one-time link starts a session. Only this response contains the session's token, and
    /// the link becomes invalid. The token of a session extends that session.
    #[oai(path = "/v1/session", method = "post", operation_id = "beginSession")]
    async fn begin(&self, caller: Caller) -> ApiResult<Session, { NOT_FOUND | CONFLICT }> {
        let access = &caller.app().access;
        Ok(Json(match &caller.0.credential {
            Credential::GatewayToken => access.start_page_session().await?.into(),
            Credential::ApiToken(issued) => match issued.token.grant {
                Grant::Link => access.redeem_page_link(&issued.token).await?.into(),
                Grant::Page | Grant::Program(_) => access.extend_page_session(&issued.token).await?.into(),
            },
        }))
    }

    /// End the caller's session.
    ///
    /// Its token becomes invalid, and so does everything that was opened with its links.
    #[oai(path = "/v1/session", method = "delete", operation_id = "endSession")]
    async fn end(&self, caller: Caller) -> ApiResult<SessionEnded, { CONFLICT }> {
        let Credential::ApiToken(session) = &caller.0.credential else {
            let detail = "the gateway's own token is not a session, so it cannot be ended";
            return Err(Problem::new(ProblemKind::NoSession, detail).into());
        };
        match caller.app().access.end_page_session(session.token.id.as_str()).await {
            Ok(()) | Err(AppError::UnknownSession) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Json(SessionEnded { status: SessionEndStatus::SignedOut }))
    }

    /// Create a link that opens the page.
    ///
    /// The link works once, within ten minutes. The link of a session, and the session that it starts, end with that
    /// session.
    #[oai(path = "/v1/session/link", method = "post", operation_id = "makePageLink")]
    async fn link(&self, caller: Caller) -> ApiResult<PageLink, { NOT_FOUND | CONFLICT }> {
        let session = match &caller.0.credential {
            Credential::GatewayToken => None,
            Credential::ApiToken(session) => Some(&session.token),
        };
        Ok(Json(caller.app().access.create_page_link(session).await?.into()))
    }

    /// List the sessions of the page and the links to it.
    ///
    /// Oldest first, without their tokens.
    #[oai(path = "/v1/sessions", method = "get", operation_id = "listSessions")]
    async fn list(&self, caller: Caller) -> ApiResult<SessionList, 0> {
        let sessions = caller.app().access.list_sessions().await?.into_iter();
        let own = caller.0.token_id();
        Ok(Json(SessionList { sessions: sessions.filter_map(|session| SessionInfo::of(session, own)).collect() }))
    }

    /// End a session or a link.
    ///
    /// Everything that was opened with its links ends too. All replicas reject the tokens within a second.
    #[oai(path = "/v1/sessions/:id", method = "delete", operation_id = "endOneSession")]
    async fn end_one(&self, caller: Caller, id: Path<String>) -> ApiResult<SessionEnded, { BAD_REQUEST | NOT_FOUND }> {
        caller.app().access.end_page_session(&id.0).await?;
        Ok(Json(SessionEnded { status: SessionEndStatus::SignedOut }))
    }

    /// End all sessions and links.
    ///
    /// The caller's session ends too. The gateway's token stays valid. Pending logins of the owner are cancelled, because
    /// a session may have started them.
    #[oai(path = "/v1/sessions", method = "delete", operation_id = "endAllSessions")]
    async fn end_all(
        &self,
        caller: Caller,
        /// Whether the tokens of programs are revoked too; by default they stay.
        tokens: Query<Option<bool>>,
    ) -> ApiResult<SessionsEnded, { BAD_REQUEST }> {
        let ended = caller.app().access.end_all_sessions(tokens.0.unwrap_or_default()).await?;
        Ok(Json(SessionsEnded { ended: ended.try_into().unwrap_or(u64::MAX) }))
    }
}
