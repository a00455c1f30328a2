//! A request in the Responses dialect.

use super::RequestEcho;
use crate::domain::{
    dialect::{
        BackendModel, BackendRequest, InvalidRequest, Missing, Recalled,
        members::Members,
        reasoning::Summary,
        request::{Api, Prompt, Translation, translate},
    },
    model_ref::ModelName,
};

/// A caller's request, of which only `model` has been read.
#[derive(Debug, Clone)]
pub struct ResponsesRequest<'a> {
    model: ModelName,
    body: Members<'a>,
    size: usize,
}

/// A request for the backend, and what the translation of its response needs.
#[derive(Debug)]
pub struct TranslatedRequest {
    pub request: BackendRequest,
    pub echo: RequestEcho,
    /// The request's own items, without those of earlier responses, as a JSON array.
    pub own_input: String,
    /// The ids of items that were not found, although the request refers to them. `request` lacks these items.
    pub missing: Missing,
    /// Whether later requests may refer to the response.
    pub store: bool,
}

impl<'a> ResponsesRequest<'a> {
    /// Parses a body that [`model_of`](crate::domain::dialect::model_of) has checked.
    pub fn of_checked(body: &'a [u8]) -> Result<Self, InvalidRequest> {
        let size = body.len();
        let mut body = Members::of_body(body)?;
        Ok(Self { model: body.take_model()?, body, size })
    }

    /// Returns the id of the response that the request continues.
    pub fn previous(&self) -> Result<Option<String>, InvalidRequest> {
        let id = self.body.clone().take_text("previous_response_id")?;
        Ok(id.map(|id| id.unescaped().into_owned()))
    }

    /// Writes the body for the backend.
    pub fn into_backend(
        self,
        model: impl Into<BackendModel>,
        recalled: &Recalled,
    ) -> Result<TranslatedRequest, InvalidRequest> {
        let Self { model: named_model, mut body, size } = self;
        let echo = RequestEcho::of(named_model, &body);
        let _previous = body.take("previous_response_id");
        let api = Api { prompt: Prompt::Member("input"), summary: Summary::AsSent, recalled };
        let Translation { request, own_input, missing, store, wants_function_call: _ } =
            translate(body, size, &model.into(), api)?;
        Ok(TranslatedRequest { request, echo, own_input, missing, store: store.unwrap_or(true) })
    }
}
