//! Tests of the token counts of responses.

use goclaw::domain::request_record::{TokenUsage, UsageSums};
use serde_json::json;

#[test]
fn absurd_counts_are_capped_so_that_their_sums_can_be_stored() {
    for absurd in [json!(i64::MAX), json!(u64::MAX)] {
        let response = json!({"usage": {"prompt_tokens": absurd, "completion_tokens": absurd,
            "prompt_tokens_details": {"cached_tokens": absurd}}});
        let tokens = TokenUsage::of_json(response.to_string().as_bytes()).expect("a usage");
        let mut sums = UsageSums::default();
        for _ in 0..1000 {
            sums.add(UsageSums { requests: 1, failures: 0, tokens });
        }
        for sum in [sums.tokens.input, sums.tokens.cached, sums.tokens.output] {
            assert!(i64::try_from(sum).is_ok_and(|sum| sum < i64::MAX / 1000), "{sums:?}");
        }
    }
}
