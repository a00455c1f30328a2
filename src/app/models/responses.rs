//! `POST /v1/responses`: OpenAI's Responses API. A stream is forwarded byte for byte. Without `stream` the caller gets
//! the response as one JSON document.

use bytes::Bytes;
use futures_util::stream;
use http_message::{
    HeaderValue, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use serde_json::Value;

use super::{ModelRequest, Models, ProxyResponse, ask::is_event_stream};
use crate::{
    app::AppError,
    domain::{
        dialect::{BackendRequest, ResponsesRequest},
        model_ref::ModelName,
        provider::Dialect,
    },
    ports::UpstreamResponse,
};

/// The response header that names the dropped parameters of a request, separated by commas.
pub const IGNORED_PARAMETERS: &str = "goclaw-ignored-parameters";

/// The response header in which the provider names the model.
const MODEL: &str = "openai-model";

impl Models {
    #[tracing::instrument(name = "models.create_response", level = "debug", skip_all)]
    pub async fn create_response(&self, request: ModelRequest) -> Result<ProxyResponse, AppError> {
        let ModelRequest { headers, body } = request;
        let asked = ResponsesRequest::parse(&body)?;
        let name = asked.model().clone();
        let target = self.target(&name).await?;
        match target.api.dialect {
            Dialect::Codex => {}
            Dialect::ChatCompletions => {
                return Err(AppError::UnsupportedApi {
                    name: target.definition.name.clone(),
                    instead: "/v1/chat/completions",
                });
            }
        }
        let BackendRequest { body: translated, stream, ignored } = asked.into_backend(&target.model)?;
        drop(body);
        let response = self.prompt(&target, &headers, translated.into(), "text/event-stream").await?;
        if !is_event_stream(&response) {
            return Err(AppError::InvalidUpstreamResponse("its response is not an event stream"));
        }
        let response =
            if stream { ProxyResponse::of(response)? } else { self.collect(response, |whole| whole).await? };
        Ok(response.with_model(&target.model, &name).with_ignored(&ignored))
    }

    /// Collects a stream into one JSON document in the form of the caller's API.
    pub(super) async fn collect(
        &self,
        response: UpstreamResponse,
        form: impl FnOnce(Value) -> Value,
    ) -> Result<ProxyResponse, AppError> {
        let headers = response.headers.clone();
        let body = form(self.whole_response(response).await?).to_string();
        let mut response = ProxyResponse::of(UpstreamResponse {
            status: StatusCode::OK,
            headers,
            body: Box::pin(stream::once(async { Ok(Bytes::from(body)) })),
        })?;
        response.set_content_type("application/json");
        Ok(response)
    }
}

impl ProxyResponse {
    /// Sets the type of a body that the gateway created.
    pub(super) fn set_content_type(&mut self, content_type: &'static str) {
        self.headers.remove(CONTENT_LENGTH);
        self.headers.remove(CONTENT_ENCODING);
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }

    /// Replaces the provider's name of the model by the caller's: the Codex CLI reports any other name as a rerouted
    /// request.
    fn with_model(mut self, requested: &str, name: &ModelName) -> Self {
        if let Some(value) = self.headers.get_mut(MODEL)
            && value == requested
            && let Ok(name) = HeaderValue::from_str(name.as_str())
        {
            *value = name;
        }
        self
    }

    /// Adds the header that names the dropped parameters.
    pub(super) fn with_ignored(mut self, parameters: &[String]) -> Self {
        if let Ok(value) = HeaderValue::from_str(&parameters.join(", "))
            && !parameters.is_empty()
        {
            self.headers.insert(IGNORED_PARAMETERS, value);
        }
        self
    }
}
