//! The `call_id` that links a tool's output to its call. Conversations that began with another model may have longer
//! ids than the backend accepts.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::raw_json::Text;

/// The maximum length of an id at the backend, in characters.
const MAX_CHARS: usize = 64;

/// Returns `id`, or its hash if the id is longer than the backend accepts. The same id always gets the same hash, so
/// the output still matches its call, and later requests match the backend's cache.
pub(super) fn shorten(id: Text<'_>) -> Text<'_> {
    // JSON takes at least one byte for each character, plus the quotes.
    if id.as_json().len() <= MAX_CHARS + 2 {
        return id;
    }
    let text = id.clone().unescaped();
    if text.chars().count() <= MAX_CHARS {
        return id;
    }
    Text::from_plain(&format!("call_{}", URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))))
}
