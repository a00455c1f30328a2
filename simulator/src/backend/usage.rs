//! The token usage of a response. The numbers are invented but consistent, and a repeated prompt with the same
//! `prompt_cache_key` counts as cached, so that a test can check a client's display of them.

use std::collections::HashMap;

use serde_json::{Value, json};

/// Bytes of JSON per token, roughly as in real tokenizers.
const BYTES_PER_TOKEN: usize = 4;

/// The input tokens.
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

/// The cached prompts: the number of tokens by account and key.
#[derive(Debug, Default)]
pub(super) struct PromptCache(HashMap<(String, String), usize>);

impl PromptCache {
    /// Counts an account's input and caches it under the key, if any.
    pub(super) fn count(&mut self, account_id: &str, key: Option<&str>, input: &[Value]) -> InputTokens {
        let bytes: usize = input.iter().map(|item| item.to_string().len()).sum();
        let total = bytes.div_ceil(BYTES_PER_TOKEN);
        let before = key.and_then(|key| self.0.insert((account_id.to_owned(), key.to_owned()), total));
        InputTokens { total, cached: before.unwrap_or_default().min(total) }
    }
}
