//! The documented members of each model request, for the OpenAPI document.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};

use super::model_body::Shape;

/// A request of the Responses API.
pub(super) struct ResponseShape;

impl Shape for ResponseShape {
    const NAME: &'static str = "CreateResponseRequest";
    const DESCRIPTION: &'static str =
        "A request of OpenAI's Responses API; `docs/dialect.md` describes how each parameter is translated.";
    // Documented as any JSON, because client generators do not support a union of string and array.
    const PROMPT: (&'static str, fn() -> MetaSchema) =
        ("input", || MetaSchema { description: Some("A text, or a list of input items."), ..MetaSchema::ANY });
}

/// A compaction of the Responses API.
pub(super) struct CompactionShape;

impl Shape for CompactionShape {
    const NAME: &'static str = "CompactResponseRequest";
    const DESCRIPTION: &'static str =
        "A compaction of OpenAI's Responses API; `docs/dialect.md` describes how each parameter is translated.";
    const PROMPT: (&'static str, fn() -> MetaSchema) = ResponseShape::PROMPT;
    const STREAMS: bool = false;
}

/// A request of the Chat Completions API.
pub(super) struct ChatShape;

impl Shape for ChatShape {
    const NAME: &'static str = "CreateChatCompletionRequest";
    const DESCRIPTION: &'static str =
        "A request of OpenAI's Chat Completions API; `docs/dialect.md` describes how each parameter is translated.";
    const PROMPT: (&'static str, fn() -> MetaSchema) = ("messages", array_of_objects);
}

/// A request of the legacy Completions API.
pub(super) struct CompletionShape;

impl Shape for CompletionShape {
    const NAME: &'static str = "CreateCompletionRequest";
    const DESCRIPTION: &'static str =
        "A request of OpenAI's legacy Completions API; `docs/dialect.md` describes how each parameter is translated.";
    const PROMPT: (&'static str, fn() -> MetaSchema) =
        ("prompt", || MetaSchema { description: Some("A text, or a list of one text."), ..MetaSchema::ANY });
}

/// A request for embeddings.
pub(super) struct EmbeddingsShape;

impl Shape for EmbeddingsShape {
    const NAME: &'static str = "CreateEmbeddingsRequest";
    const DESCRIPTION: &'static str = "A request of OpenAI's embeddings API.";
    const PROMPT: (&'static str, fn() -> MetaSchema) =
        ("input", || MetaSchema { description: Some("A text, or a list of texts."), ..MetaSchema::ANY });
    const STREAMS: bool = false;
}

/// A request for an image.
pub(super) struct ImageShape;

impl Shape for ImageShape {
    const NAME: &'static str = "CreateImageRequest";
    const DESCRIPTION: &'static str =
        "A request of OpenAI's image API; `docs/dialect.md` describes how each parameter is translated.";
    const PROMPT: (&'static str, fn() -> MetaSchema) = ("prompt", || MetaSchema::new("string"));
    const NEEDS_MODEL: bool = false;
    const STREAMS: bool = false;
}

fn array_of_objects() -> MetaSchema {
    MetaSchema { min_items: Some(1), items: Some(Box::new(inline(any_object()))), ..MetaSchema::new("array") }
}

/// Returns the schema of an object with any members. Some generators read a bare `object` as an object without members.
pub(super) fn any_object() -> MetaSchema {
    MetaSchema { additional_properties: Some(Box::new(inline(MetaSchema::ANY))), ..MetaSchema::new("object") }
}

pub(super) fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}
