//! `/v1/session`: how the page is let in. Cookies know no ports, so every program on 127.0.0.1 would be sent one; the page
//! keeps a token of its own instead (`docs/adr/0015-the-page-has-a-token-of-its-own.md`).

use poem_openapi::{Object, OpenApi, payload::Json};
use secrecy::ExposeSecret;

use super::{
    Service,
    authenticator::{Caller, Credential},
    problem::Problem,
    problem_kind::ProblemKind,
    refusal::Refusal,
};
use crate::{
    app::{Access, IssuedToken},
    domain::api_token::{ApiToken, Scope},
};

pub(super) const PATH: &str = "/v1/session";

pub(super) struct SessionApi;

#[OpenApi(tag = "super::Tag::Session")]
impl SessionApi {
    /// Begin a session of the page, or refresh it.
    ///
    /// With the gateway's token or a one-time link's a session begins, and the answer holds its token, which nothing can tell
    /// again; a link is used up by that. With the token of a session, that session ends later.
    #[oai(path = "/v1/session", method = "post", operation_id = "beginSession")]
    async fn begin(&self, access: Service<'_, Access>, caller: Caller) -> Result<Json<SessionAnswer>, Refusal> {
        let begun = match caller.0.credential {
            Credential::GatewayToken => access.start_page_session().await?,
            Credential::ApiToken(link) if link.scope == Scope::Link => access.redeem_page_link(&link.id).await?,
            Credential::ApiToken(session) => {
                return Ok(Json(SessionAnswer::of(&access.extend_page_session(&session).await?, None)));
            }
        };
        let IssuedToken { token, secret } = begun;
        // Out of its wrapping at the last moment: it is the answer to its owner.
        Ok(Json(SessionAnswer::of(&token, Some(secret.expose_secret().to_owned()))))
    }

    /// End the session whose token this is.
    #[oai(path = "/v1/session", method = "delete", operation_id = "endSession")]
    async fn end(&self, access: Service<'_, Access>, caller: Caller) -> Result<Json<SessionEndedAnswer>, Refusal> {
        match caller.0.credential {
            Credential::ApiToken(session) => access.end_page_session(&session.id).await?,
            Credential::GatewayToken => {
                let words = "the gateway's own token is no session, and does not end";
                return Err(Problem::new(ProblemKind::NoSession, words).into());
            }
        }
        Ok(Json(SessionEndedAnswer { status: "signed out".to_owned() }))
    }

    /// Make a link that opens the page once, within ten minutes.
    #[oai(path = "/v1/session/link", method = "post", operation_id = "makePageLink")]
    async fn link(&self, access: Service<'_, Access>, _caller: Caller) -> Result<Json<PageLinkAnswer>, Refusal> {
        let IssuedToken { token, secret } = access.create_page_link().await?;
        let expires_at = token.expires_at.map_or(0, |at| at.unix_seconds());
        Ok(Json(PageLinkAnswer { link: secret.expose_secret().to_owned(), expires_at }))
    }
}

/// A session of the page.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct SessionAnswer {
    /// What the page sends as `Authorization: Bearer <token>`. Only where a session begins.
    token: Option<String>,
    /// When it ends unless it is refreshed, in Unix seconds: 30 minutes after it was refreshed last.
    expires_at: i64,
    /// When it ends in any case, in Unix seconds.
    ends_at: i64,
}

impl SessionAnswer {
    fn of(session: &ApiToken, token: Option<String>) -> Self {
        let ends_at = session.session_ends_at();
        let expires_at = session.expires_at.unwrap_or(ends_at).unix_seconds();
        Self { token, expires_at, ends_at: ends_at.unix_seconds() }
    }
}

/// What is left of a session.
#[derive(Object)]
struct SessionEndedAnswer {
    /// `signed out`.
    status: String,
}

/// A link that opens the page.
#[derive(Object)]
struct PageLinkAnswer {
    /// What comes after `/#link=` in its address.
    link: String,
    /// Until when it opens the page, in Unix seconds.
    expires_at: i64,
}
