//! `prompt_cache_key`: the provider caches the beginning of a conversation under this key. The gateway derives one for
//! clients that send none, because cached tokens are processed faster and use less of the plan.

use std::borrow::Cow;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Builder;

use super::{json_writer::JsonWriter, members::Members};

/// The maximum length of a key at the backend, in characters.
const MAX_CHARS: usize = 64;
/// A key is derived from at most this many bytes of each text.
const MAX_START_BYTES: usize = 64 * 1024;

/// The caller, account and session that a cache key belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheScope {
    /// The session id from the caller's headers.
    pub session: Option<String>,
    /// The caller and the account, so that no others get the same key. None: no key is derived.
    pub parties: Option<String>,
}

impl CacheScope {
    /// Removes the caller's own key from the body and returns it. Without one, returns the caller's session.
    pub(super) fn take_own_key(&self, body: &mut Members<'_>) -> Option<String> {
        let Some(own) = body.word("prompt_cache_key").filter(|key| !key.is_empty()) else {
            return self.session.clone();
        };
        let _own = body.take("prompt_cache_key");
        Some(own.into_owned())
    }

    /// Derives a key from the beginning of the conversation, which every turn repeats. `items` are JSON objects,
    /// separated by commas.
    pub(super) fn derive(&self, instructions: &str, items: &str) -> Option<String> {
        Some(key_of(&[self.parties.as_deref()?, instructions, start_of(items)]))
    }

    /// Writes the key. Returns the session id for a header of the request.
    pub(super) fn write(&self, key: String, out: &mut JsonWriter) -> String {
        let key = if key.chars().count() <= MAX_CHARS { key } else { key_of(&[&key]) };
        out.word("prompt_cache_key", &key);
        let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        self.session.clone().unwrap_or_else(|| if is_visible { key } else { key_of(&[&key]) })
    }
}

/// Returns a UUID derived from the texts (version 8, RFC 9562 section 5.8). OpenAI's clients use UUIDs as keys.
fn key_of(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        let kept = text.as_bytes().get(..MAX_START_BYTES).unwrap_or(text.as_bytes());
        hash.update(kept.len().to_be_bytes());
        hash.update(kept);
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().map(|start| Builder::from_custom_bytes(*start).into_uuid().to_string()).unwrap_or_default()
}

#[derive(Deserialize)]
struct Role<'a> {
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
}

/// Returns the items up to and including the user's first message.
fn start_of(items: &str) -> &str {
    let mut end = 0;
    while let Some(rest) = items.get(end..) {
        let mut parsed = serde_json::Deserializer::from_str(rest).into_iter::<Role<'_>>();
        let Some(Ok(item)) = parsed.next() else { break };
        end += parsed.byte_offset();
        let is_separated = items.get(end..).is_some_and(|rest| rest.starts_with(','));
        if item.role.as_deref() == Some("user") || !is_separated {
            return items.get(..end).unwrap_or(items);
        }
        end += 1;
    }
    items
}
