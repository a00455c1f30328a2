//! A music API modelled on Suno's: a valid session token gives access to the remaining credits. Its paths are below
//! [`BASE_PATH`], as at the real host.

use std::sync::Arc;

use hyper::{Method, Request, http::request::Parts};
use serde_json::json;

use crate::{
    faults::Endpoint,
    http::{ConnectionCut, Origin, Reply, UnreadBody, bearer, read_body},
    interference,
    journal::token_sha256,
    provider::{Entry, Provider, SessionRefusal, TokenStatus, check_session},
    refusals,
    settings::Account,
    site::Site,
};

/// The path prefix that belongs to the base URL.
pub(crate) const BASE_PATH: &str = "/api";

/// The maximum request body in bytes; a song's lyrics fit.
const BODY_LIMIT: usize = 1024 * 1024;

/// The credits of a monthly plan.
const MONTHLY_CREDITS: u32 = 2_500;

/// The music API as an origin.
pub(crate) struct StudioOrigin {
    pub(crate) provider: Arc<Provider>,
}

impl Origin for StudioOrigin {
    async fn answer(&self, request: Request<UnreadBody>) -> Result<Reply, ConnectionCut> {
        let (head, body) = request.into_parts();
        let entry = self.provider.record_arrival(Site::Studio, &head);
        entry.record_response(self.answer_to(&entry, head, body)).await
    }
}

impl StudioOrigin {
    async fn answer_to(&self, entry: &Entry, head: Parts, body: UnreadBody) -> Result<Reply, ConnectionCut> {
        let Ok(body) = read_body(body, BODY_LIMIT).await else { return Err(ConnectionCut::Close) };
        entry.record_body(&body);
        let authenticated = self.authenticate(entry, bearer(&head.headers));
        let fault = self.provider.state().faults.next_for(Endpoint::Studio);
        let decide = || match (authenticated, &head.method, head.uri.path().strip_prefix(BASE_PATH)) {
            (Err(refusal), _, _) => refusal,
            (Ok(account), &Method::GET, Some("/billing/info/")) => billing(&account),
            (Ok(_), _, _) => Reply::json(404, &refusals::detail("Not Found")),
        };
        interference::apply(fault, entry, (), decide).await
    }

    fn authenticate(&self, entry: &Entry, token: Option<&str>) -> Result<Account, Reply> {
        let checked = token.map(|token| check_session(&self.provider, token));
        let (status, outcome) = match &checked {
            None => (None, "no_bearer"),
            Some(Ok(_)) => (Some(TokenStatus::Live), "undecided"),
            Some(Err(SessionRefusal::Expired)) => (Some(TokenStatus::Expired), "token_expired"),
            Some(Err(SessionRefusal::Unknown)) => (Some(TokenStatus::Unknown), "unknown_token"),
        };
        entry.set_outcome(outcome);
        entry.update(|entry| {
            entry.token_sha256 = token.map(token_sha256);
            entry.token_status = status;
        });
        match checked {
            Some(Ok(account)) => Ok(account),
            Some(Err(SessionRefusal::Expired)) => Err(Reply::json(401, &refusals::detail("Token validation failed."))),
            Some(Err(SessionRefusal::Unknown)) | None => Err(Reply::json(401, &refusals::unauthorized())),
        }
    }
}

fn billing(account: &Account) -> Reply {
    Reply::json(
        200,
        &json!({
            "is_active": true,
            "user_id": account.user_id,
            "plan": {"name": "Pro Plan"},
            "period": "month",
            "monthly_limit": MONTHLY_CREDITS,
            "monthly_usage": 0,
            "credits": 0,
            "total_credits_left": MONTHLY_CREDITS,
        }),
    )
}
