//! Compactions (OpenAI API reference, `POST /v1/responses/compact`): the provider replaces a long conversation with a
//! short one. The backend accepts fewer parameters for them than for responses, and does not stream them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{InvalidRequest, json_writer::JsonWriter, members::Members};
use crate::domain::json;

/// The parameters of a compaction. This is an allowlist, because the backend responds with 400 to unknown members.
const PARAMETERS: [&str; 9] = [
    "input",
    "instructions",
    "model",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "service_tier",
    "text",
    "tools",
];

/// Members of every translated request. The caller need not have sent them.
const ADDED: [&str; 3] = ["include", "store", "stream"];

/// Reduces the translated body of a request to a compaction's. Also returns the names of the caller's other parameters.
pub fn compaction_of(body: &[u8]) -> Result<(Vec<u8>, Vec<String>), InvalidRequest> {
    let members = Members::of_body(body)?;
    let mut out = JsonWriter::for_body(body.len());
    let mut ignored = Vec::new();
    for (name, value) in members.iter() {
        if PARAMETERS.contains(&name) {
            out.raw(name, value);
        } else if !ADDED.contains(&name) {
            ignored.push(name.to_owned());
        }
    }
    out.end_object();
    Ok((out.into_bytes(), ignored))
}

/// Adds the members to the backend's compaction that OpenAI's API promises. Returns `None` if the compaction has no
/// output. `created_at` is in Unix seconds.
pub fn complete_compaction(body: &[u8], created_at: i64) -> Option<String> {
    json::check_size(body).ok()?;
    let mut response = Members::of_event(str::from_utf8(body).ok()?)?;
    response.get("output").filter(|output| output.get().starts_with('['))?;
    let _nulls = response.leave_out(&[]);
    let mut out = JsonWriter::for_body(body.len());
    if !response.has("id") {
        // The backend stores nothing, so no request can refer to the id.
        out.word("id", &format!("resp_{}", URL_SAFE_NO_PAD.encode(Sha256::digest(body))));
    }
    if !response.has("object") {
        out.word("object", "response.compaction");
    }
    if !response.has("created_at") {
        out.json("created_at", &created_at.to_string());
    }
    response.write(&mut out);
    out.end_object();
    Some(out.into_text())
}
