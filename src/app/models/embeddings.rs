//! `POST /v1/embeddings`: forwards the request to a provider that offers embeddings.

use std::sync::Arc;

use super::{ModelRequest, Models, ProxyResponse, ask::json_of};
use crate::{
    app::{AppError, RunningRequest},
    domain::{dialect::EmbeddingsRequest, provider_feedback::FeedbackSource},
    ports::UpstreamResponse,
};

impl Models {
    #[tracing::instrument(name = "models.create_embeddings", level = "debug", skip_all)]
    pub async fn create_embeddings(self: &Arc<Self>, request: ModelRequest) -> Result<ProxyResponse, AppError> {
        let ModelRequest { headers, body, rights, caller: _ } = request;
        let (body, _name, target) = self.check_and_resolve(body, &rights).await?;
        let instead = "an embedding model of a DashScope account, such as dashscope/text-embedding-v4";
        let path = target.api.embeddings_path.ok_or_else(|| target.unsupported(instead))?;
        let (model, size) = (target.model.name.clone(), body.len());
        let rename = move || EmbeddingsRequest::of_checked(&body)?.into_provider(&model);
        let (body, conversion) = self.tasks.compute(size, rename).await?;
        let (account, response) = self.post(&target, path, &headers, body.into(), "application/json").await?;
        let UpstreamResponse { status, headers, body } = response;
        let whole = json_of(UpstreamResponse { status, headers: headers.clone(), body }).await?;
        let whole =
            conversion.convert(whole).ok_or(AppError::InvalidUpstreamResponse("its response has no embeddings"))?;
        RunningRequest::current().note_usage(whole.to_string().as_bytes());
        self.note_answered(&account, FeedbackSource::Prompt);
        let head = UpstreamResponse { status, headers, body: Box::pin(futures_util::stream::empty()) };
        Ok(ProxyResponse::of(head)?.with_json(whole.to_string()))
    }
}
