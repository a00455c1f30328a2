//! `POST /v1/responses/compact`: replaces a long conversation with a short one.

use std::sync::Arc;

use futures_util::stream;

use super::{
    ModelRequest, Models, ProxyResponse,
    ask::PromptBody,
    refusal::read_start,
    responses::MAX_RESPONSE_BYTES,
    session::{add_session, cache_scope},
};
use crate::{
    app::{AppError, RunningRequest},
    domain::{
        dialect::{BackendRequest, compaction_of, complete_compaction},
        provider_feedback::FeedbackSource,
    },
    ports::UpstreamResponse,
};

impl Models {
    #[tracing::instrument(name = "models.compact", level = "debug", skip_all)]
    pub async fn compact(self: &Arc<Self>, request: ModelRequest) -> Result<ProxyResponse, AppError> {
        let ModelRequest { mut headers, body, rights, caller } = request;
        let (body, name, mut target) = self.check_and_resolve(body, &rights).await?;
        let path = target.api.compact_path.ok_or_else(|| target.unsupported("/v1/chat/completions"))?;
        target.model.cache = cache_scope(&headers, &caller, &target.definition.name);
        let (translated, _previous, reserved) = self.translate_response(body, &target.model, &caller).await?;
        let BackendRequest { body, session, mut ignored, is_lite, stream: _ } = translated.request;
        add_session(&mut headers, session.as_deref());
        let (body, others) = self.tasks.compute(body.len(), move || compaction_of(&body)).await?;
        ignored.extend(others);
        let sent = self.send_readable(body.into(), |json| {
            self.post(&target, path, &headers, PromptBody { json, is_lite }, "application/json")
        });
        let (account, response) = sent.await?;
        // The recalled items have been sent, so their memory is free.
        drop(reserved);
        let UpstreamResponse { status, headers, body } = response;
        let head = UpstreamResponse { status, headers, body: Box::pin(stream::empty()) };
        let (whole, _rest) = read_start(body, MAX_RESPONSE_BYTES).await?;
        let size = whole.len();
        if size > MAX_RESPONSE_BYTES {
            return Err(AppError::InvalidUpstreamResponse("its response is too large"));
        }
        let created_at = self.now().unix_seconds();
        let complete = move || {
            let completed = complete_compaction(&whole, created_at);
            completed.ok_or(AppError::InvalidUpstreamResponse("its response has no compacted conversation"))
        };
        let whole = self.tasks.compute(size, complete).await?;
        RunningRequest::current().note_usage(whole.as_bytes());
        self.note_answered(&account, FeedbackSource::Prompt);
        let response = ProxyResponse::of(head)?.with_json(whole);
        Ok(response.with_model(&target.model.name, &name).with_ignored(&ignored))
    }
}
