//! `POST /embeddings`: three numbers for each text. The first is the text's length, so that a test can predict them.

use serde_json::{Map, Value, json};

use super::{compatible_error, completion::BYTES_PER_TOKEN};
use crate::http::Reply;

/// The parameters of a request.
const PARAMETERS: [&str; 5] = ["dimensions", "encoding_format", "input", "model", "user"];
/// The maximum number of texts of a request.
const MAX_TEXTS: usize = 10;

/// Handles a request for embeddings.
pub(super) fn embeddings(models: &[String], body: &[u8]) -> Reply {
    let invalid = |why: &str| compatible_error(400, why, "InvalidParameter");
    let Ok(request) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return invalid("The body is not a JSON object.");
    };
    if let Some(unknown) = request.keys().find(|name| !PARAMETERS.contains(&name.as_str())) {
        return invalid(&format!("Unknown parameter: {unknown}."));
    }
    let model = request.get("model").and_then(Value::as_str).unwrap_or_default();
    if !models.iter().any(|known| known == model) {
        return compatible_error(404, &format!("The model `{model}` does not exist."), "model_not_found");
    }
    if request.get("encoding_format").is_some_and(|format| format != "float") {
        return invalid("`encoding_format` must be `float`.");
    }
    let texts: Option<Vec<&str>> = match request.get("input") {
        Some(Value::String(text)) => Some(vec![text]),
        Some(Value::Array(texts)) => texts.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let Some(texts) = texts.filter(|texts| (1..=MAX_TEXTS).contains(&texts.len())) else {
        return invalid("`input` must be a text or a list of 1 to 10 texts.");
    };
    let entry = |(index, text): (usize, &&str)| {
        let numbers = [text.len() as f64, 0.5, -1.0];
        json!({"object": "embedding", "index": index, "embedding": numbers})
    };
    let data: Vec<_> = texts.iter().enumerate().map(entry).collect();
    let tokens: usize = texts.iter().map(|text| text.len().div_ceil(BYTES_PER_TOKEN)).sum();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    Reply::json(200, &json!({"object": "list", "data": data, "model": model, "usage": usage}))
}
