//! `POST /v1/responses`: OpenAI's Responses API. A stream goes to the caller byte for byte as the backend wrote it; who
//! wants no stream gets the one JSON that it comes to.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_message::{
    HeaderValue, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use serde_json::Value;

use super::{AppError, Gateway, ModelRequest, ProxyResponse, ask_model::is_event_stream};
use crate::{
    domain::{
        dialect::{BackendRequest, ResponsesRequest},
        provider::Dialect,
    },
    ports::UpstreamResponse,
};

/// Names the parameters of a request that were not passed on, separated by commas.
pub const IGNORED_PARAMETERS: &str = "goclaw-ignored-parameters";

/// Where the provider says which model has answered.
const MODEL: &str = "openai-model";

impl Gateway {
    pub async fn create_response(self: &Arc<Self>, request: ModelRequest) -> Result<ProxyResponse, AppError> {
        let ModelRequest { headers, body } = request;
        let asked = ResponsesRequest::parse(&body)?;
        // What goes to the provider is written anew.
        drop(body);
        let name = asked.model().to_owned();
        let target = self.model_named(&name)?;
        match target.api.dialect {
            Dialect::Codex => {}
            Dialect::ChatCompletions => {
                return Err(AppError::UnsupportedApi {
                    name: target.definition.name.clone(),
                    instead: "/v1/chat/completions",
                });
            }
        }
        let BackendRequest { body, stream, ignored } = asked.into_backend(&target.model)?;
        let answer = self.prompt(&target, &headers, body.into(), "text/event-stream").await?;
        if !is_event_stream(&answer) {
            return Err(AppError::InvalidUpstreamResponse("its answer is no stream of events"));
        }
        let answer =
            if stream { ProxyResponse::of(answer)? } else { self.in_one_piece(answer, |response| response).await? };
        Ok(answer.of_model(&target.model, &name).ignoring(&ignored))
    }

    /// The answer as one JSON: what `form` makes of the response.
    pub(super) async fn in_one_piece(
        &self,
        answer: UpstreamResponse,
        form: impl FnOnce(Value) -> Value,
    ) -> Result<ProxyResponse, AppError> {
        let headers = answer.headers.clone();
        let body = form(self.whole_response(answer).await?).to_string();
        let mut answer = ProxyResponse::of(UpstreamResponse {
            status: StatusCode::OK,
            headers,
            body: Box::pin(stream::once(async { Ok(Bytes::from(body)) })),
        })?;
        answer.is_now("application/json");
        Ok(answer)
    }
}

impl ProxyResponse {
    /// Says what the body is, where it is not the provider's own any more.
    pub(super) fn is_now(&mut self, content_type: &'static str) {
        self.headers.remove(CONTENT_LENGTH);
        self.headers.remove(CONTENT_ENCODING);
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }

    /// Calls the model that was asked as its caller does: the Codex CLI takes another name for another model, and says so.
    fn of_model(mut self, asked: &str, name: &str) -> Self {
        if let Some(answered) = self.headers.get_mut(MODEL)
            && answered == asked
            && let Ok(name) = HeaderValue::from_str(name)
        {
            *answered = name;
        }
        self
    }

    /// Says which parameters were not passed on.
    pub(super) fn ignoring(mut self, parameters: &[String]) -> Self {
        if let Ok(value) = HeaderValue::from_str(&parameters.join(", "))
            && !parameters.is_empty()
        {
            self.headers.insert(IGNORED_PARAMETERS, value);
        }
        self
    }
}
