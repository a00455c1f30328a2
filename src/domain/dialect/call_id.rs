//! The ids that tie the output of a tool to its call. Conversations that began with another model may have longer ids
//! than the backend accepts.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::raw_json::Text;

/// The maximum length of an id at the backend, in characters.
const MAX_CHARS: usize = 64;

/// Returns an id that the backend accepts. A longer one is replaced by its hash: the same id has the same replacement
/// in the call, in its output and in every later request, so that the backend's cache matches.
pub(super) fn accepted(id: Text<'_>) -> Text<'_> {
    // The JSON has at least one byte for each character, and the quotes.
    if id.as_json().len() <= MAX_CHARS + 2 {
        return id;
    }
    let text = id.clone().unescaped();
    if text.chars().count() <= MAX_CHARS {
        return id;
    }
    Text::from_word(&format!("call_{}", URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))))
}
