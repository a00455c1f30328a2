//! What a response costs, in tokens. The numbers are made up, but they add up, and what was asked before under the same
//! `prompt_cache_key` is cached: a client that shows them can be held to them.

use std::collections::HashMap;

use serde_json::{Value, json};

/// Bytes of JSON in a token, roughly as with real tokenizers.
const BYTES_PER_TOKEN: usize = 4;

/// The tokens of what was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct InputTokens {
    total: usize,
    cached: usize,
}

impl InputTokens {
    /// The `usage` of a response with so many tokens of output.
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

/// The prompts that are cached: how many tokens, by account and key.
#[derive(Debug, Default)]
pub(super) struct PromptCache(HashMap<(String, String), usize>);

impl PromptCache {
    /// Counts what an account asks, and remembers it under the key if there is one.
    pub(super) fn count(&mut self, account_id: &str, key: Option<&str>, input: &[Value]) -> InputTokens {
        let bytes: usize = input.iter().map(|item| item.to_string().len()).sum();
        let total = bytes.div_ceil(BYTES_PER_TOKEN);
        let before = key.and_then(|key| self.0.insert((account_id.to_owned(), key.to_owned()), total));
        InputTokens { total, cached: before.unwrap_or_default().min(total) }
    }
}
