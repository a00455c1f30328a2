//! The token usage of a response. The numbers are invented but consistent. The beginning that a prompt shares
//! with the previous prompt of the same `prompt_cache_key` counts as cached, so that a test can check that a client
//! sends the key and repeats the conversation unchanged.

use std::{collections::HashMap, iter};

use serde_json::{Value, json};

/// Bytes of JSON per token, roughly as in real tokenizers.
const BYTES_PER_TOKEN: usize = 4;

#[derive(Debug, Clone, Copy)]
pub(super) struct InputTokens {
    total: usize,
    cached: usize,
}

impl InputTokens {
    /// Returns the `usage` of a response with this many output tokens.
    pub(super) fn with_output(self, output: usize, reasoning: usize) -> Value {
        json!({
            "input_tokens": self.total,
            "input_tokens_details": {"cached_tokens": self.cached},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": self.total + output,
        })
    }
}

/// The last prompt of each account and key, as the JSON text of its parts.
#[derive(Debug, Default)]
pub(super) struct PromptCache(HashMap<(String, String), Vec<String>>);

impl PromptCache {
    /// Counts an account's prompt and caches it under the key, if any. `head` is the part before the input: the
    /// tools and the instructions.
    pub(super) fn count_and_cache(
        &mut self,
        account_id: &str,
        key: Option<&str>,
        head: &Value,
        input: &[Value],
    ) -> InputTokens {
        let parts: Vec<String> = iter::once(head).chain(input).map(Value::to_string).collect();
        let total = tokens(parts.iter());
        let previous = match key {
            Some(key) => self.0.insert((account_id.to_owned(), key.to_owned()), parts.clone()).unwrap_or_default(),
            None => Vec::new(),
        };
        let repeated =
            parts.iter().zip(&previous).take_while(|(part, previous)| part == previous).map(|(part, _)| part);
        InputTokens { total, cached: tokens(repeated) }
    }
}

fn tokens<'a>(parts: impl Iterator<Item = &'a String>) -> usize {
    parts.map(|part| part.len().div_ceil(BYTES_PER_TOKEN)).sum()
}
