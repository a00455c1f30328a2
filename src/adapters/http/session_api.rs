//! `/v1/session`: sessions of the page. Cookies ignore ports, so every server on 127.0.0.1 would receive one;
//! the page keeps a token of its own instead (`docs/adr/0015-the-page-has-a-token-of-its-own.md`).

use poem_openapi::OpenApi;

use super::{
    authenticator::{Caller, Credential},
    responses::{ApiResult, CONFLICT, Json, NOT_FOUND},
    tags::Tag,
};
use crate::{
    adapters::contract::{PageLink, Problem, ProblemKind, Session, SessionEndStatus, SessionEnded},
    domain::api_token::Scope,
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
            Credential::ApiToken(link) if link.scope == Scope::Link => access.redeem_page_link(&link.id).await?.into(),
            Credential::ApiToken(session) => access.extend_page_session(session).await?.into(),
        }))
    }

    /// End the caller's session.
    ///
    /// Its token becomes invalid.
    #[oai(path = "/v1/session", method = "delete", operation_id = "endSession")]
    async fn end(&self, caller: Caller) -> ApiResult<SessionEnded, { CONFLICT }> {
        let Credential::ApiToken(session) = &caller.0.credential else {
            let detail = "the gateway's own token is not a session, so it cannot be ended";
            return Err(Problem::new(ProblemKind::NoSession, detail).into());
        };
        caller.app().access.end_page_session(&session.id).await?;
        Ok(Json(SessionEnded { status: SessionEndStatus::SignedOut }))
    }

    /// Create a link that opens the page.
    ///
    /// The link works once, within ten minutes.
    #[oai(path = "/v1/session/link", method = "post", operation_id = "makePageLink")]
    async fn link(&self, caller: Caller) -> ApiResult<PageLink, { CONFLICT }> {
        Ok(Json(caller.app().access.create_page_link().await?.into()))
    }
}
