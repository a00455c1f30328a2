//! A request in the Chat Completions dialect. This module handles the members that only this API has; [`translate`]
//! writes the rest as a Responses request.

use super::{StopSequences, legacy};
use crate::domain::{
    dialect::{
        BackendModel, BackendRequest, InvalidRequest, NOTHING_RECALLED, Recalled,
        json_writer::JsonWriter,
        members::Members,
        reasoning::Summary,
        request::{Api, Prompt, Translation, translate},
    },
    model_ref::ModelName,
};

/// A caller's request, of which only `model` has been read.
#[derive(Debug, Clone)]
pub struct ChatRequest<'a> {
    model: ModelName,
    body: Members<'a>,
    size: usize,
}

/// The options of a request that the translation of its response needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatOptions {
    /// The model as the caller named it. The response repeats the name.
    pub model: ModelName,
    /// Whether the stream ends with a chunk of usage (`stream_options.include_usage`).
    pub include_usage: bool,
    /// The content ends before the first of these.
    pub stop: StopSequences,
    /// Whether the caller sent the deprecated `functions` and expects a `function_call` in the response.
    pub wants_function_call: bool,
}

/// A request for the backend, and what the translation of its response needs.
#[derive(Debug)]
pub struct TranslatedChat {
    pub request: BackendRequest,
    pub options: ChatOptions,
    /// The ids of the calls for which no stored reasoning was found, oldest first.
    pub calls_without_reasoning: Vec<String>,
}

impl<'a> ChatRequest<'a> {
    /// Parses a body that [`model_of`](crate::domain::dialect::model_of) has checked.
    pub fn of_checked(body: &'a [u8]) -> Result<Self, InvalidRequest> {
        let size = body.len();
        let mut body = Members::of_body(body)?;
        Ok(Self { model: body.take_model()?, body, size })
    }

    /// Writes the same request with another model, for a provider with this dialect.
    pub fn with_model(self, model: &str) -> Vec<u8> {
        let mut out = JsonWriter::for_body(self.size);
        out.word("model", model);
        self.body.write(&mut out);
        out.end_object();
        out.into_bytes()
    }

    /// Writes the body for the backend.
    pub fn into_backend(
        self,
        model: impl Into<BackendModel>,
        recalled: &Recalled,
    ) -> Result<TranslatedChat, InvalidRequest> {
        self.into_translated_chat(&model.into(), Prompt::Member("messages"), recalled)
    }

    /// Writes the body of a legacy completion for the backend. Its `prompt` becomes a user message.
    pub fn prompt_into_backend(mut self, model: impl Into<BackendModel>) -> Result<TranslatedChat, InvalidRequest> {
        let prompt = legacy::take_prompt(&mut self.body)?;
        self.into_translated_chat(&model.into(), Prompt::Text(prompt), &NOTHING_RECALLED)
    }

    fn into_translated_chat(
        self,
        model: &BackendModel,
        prompt: Prompt<'_>,
        recalled: &Recalled,
    ) -> Result<TranslatedChat, InvalidRequest> {
        let Self { model: named_model, mut body, size } = self;
        body.refuse_all(&[(
            "previous_response_id",
            "A chat completion continues no response: send the whole conversation in `messages`, or use /v1/responses.",
        )])?;
        let include_usage = match body.take_object("stream_options")? {
            Some(mut options) => options.take_flag("include_usage")?,
            None => false,
        };
        let stop = StopSequences::take(&mut body)?;
        let api = Api { prompt, summary: Summary::ForChat, recalled };
        let Translation { mut request, wants_function_call, missing, store, .. } = translate(body, size, model, api)?;
        if missing.needed().is_some() {
            let advice = "a chat completion refers to no stored items: send the item itself.";
            return Err(InvalidRequest::unsupported_value("messages", advice));
        }
        request.ignored.extend((store == Some(true)).then(|| "store".to_owned()));
        let options = ChatOptions { model: named_model, include_usage, stop, wants_function_call };
        Ok(TranslatedChat { request, options, calls_without_reasoning: missing.calls })
    }
}
