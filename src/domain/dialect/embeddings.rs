//! Embeddings (OpenAI API reference, `POST /v1/embeddings`). OpenAI's SDKs request base64, which is shorter than
//! an array of numbers, and some decode every response as base64. The provider returns only arrays, so the gateway
//! encodes them.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{InvalidRequest, json_writer::JsonWriter, members::Members};
use crate::domain::model_ref::ModelName;

/// A caller's request.
#[derive(Debug)]
pub struct EmbeddingsRequest<'a> {
    model: ModelName,
    body: Members<'a>,
    size: usize,
}

/// Converts the response for the caller.
#[derive(Debug)]
pub struct EmbeddingsConverter {
    /// The model as the caller named it.
    model: ModelName,
    is_base64: bool,
}

impl<'a> EmbeddingsRequest<'a> {
    /// Parses a body that [`model_of`](super::model_of) has checked.
    pub fn of_checked(body: &'a [u8]) -> Result<Self, InvalidRequest> {
        let size = body.len();
        let mut body = Members::of_body(body)?;
        Ok(Self { model: body.take_model()?, body, size })
    }

    /// Writes the body for the provider. `model` is the provider's name of the model.
    pub fn into_provider(mut self, model: &str) -> Result<(Vec<u8>, EmbeddingsConverter), InvalidRequest> {
        refuse_token_ids(&self.body)?;
        let is_base64 = body_wants_base64(&mut self.body)?;
        let mut out = JsonWriter::for_body(self.size);
        out.word("model", model);
        out.word("encoding_format", "float");
        self.body.write(&mut out);
        out.end_object();
        Ok((out.into_bytes(), EmbeddingsConverter { model: self.model, is_base64 }))
    }
}

/// Refuses the ids of tokens, which some clients send instead of texts. The provider does not know their tokens.
fn refuse_token_ids(body: &Members<'_>) -> Result<(), InvalidRequest> {
    let Some(input) = body.list("input") else { return Ok(()) };
    input.each_raw(|item, path| match item.get().as_bytes().first() {
        Some(b'[' | b'0'..=b'9') => Err(InvalidRequest::invalid_type(&path, "a string; token ids are not supported")),
        Some(_) | None => Ok(()),
    })
}

fn body_wants_base64(body: &mut Members<'_>) -> Result<bool, InvalidRequest> {
    if body.get("input").is_none() {
        return Err(InvalidRequest::missing("input"));
    }
    match body.take_text("encoding_format")?.map(super::raw_json::Text::unescaped).as_deref() {
        None | Some("float") => Ok(false),
        Some("base64") => Ok(true),
        Some(_) => Err(InvalidRequest::unsupported_value("encoding_format", "use `float` or `base64`.")),
    }
}

impl EmbeddingsConverter {
    /// Converts the provider's response; None if it has no embeddings.
    pub fn convert(&self, mut response: Value) -> Option<Value> {
        let data = response.get_mut("data")?.as_array_mut()?;
        if self.is_base64 {
            for embedding in data.iter_mut().filter_map(|entry| entry.get_mut("embedding")) {
                *embedding = base64_of(embedding)?.into();
            }
        }
        response.as_object_mut()?.insert("model".to_owned(), self.model.as_str().into());
        Some(response)
    }
}

/// Encodes numbers as OpenAI's API does: 32-bit floats in little-endian order.
fn base64_of(embedding: &Value) -> Option<String> {
    let numbers = embedding.as_array()?.iter().map(Value::as_f64);
    let bytes = numbers.map(|number| number.map(|number| (number as f32).to_le_bytes())).collect::<Option<Vec<_>>>()?;
    Some(STANDARD.encode(bytes.concat()))
}
