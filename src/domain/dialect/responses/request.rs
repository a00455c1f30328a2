//! A request in the Responses dialect.

use super::RequestEcho;
use crate::domain::{
    dialect::{
        BackendModel, BackendRequest, InvalidRequest,
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

impl<'a> ResponsesRequest<'a> {
    /// Opens a body that [`model_of`](crate::domain::dialect::model_of) has checked.
    pub fn of_checked(body: &'a [u8]) -> Result<Self, InvalidRequest> {
        let size = body.len();
        let mut body = Members::of_body(body)?;
        Ok(Self { model: body.take_model()?, body, size })
    }

    /// Writes the body for the backend.
    pub fn into_backend(self, model: impl Into<BackendModel>) -> Result<(BackendRequest, RequestEcho), InvalidRequest> {
        let echo = RequestEcho::of(self.model, &self.body);
        let api = Api { prompt: Prompt::Member("input"), summary: Summary::AsSent };
        let Translation { request, wants_function_call: _ } = translate(self.body, self.size, &model.into(), api)?;
        Ok((request, echo))
    }
}
