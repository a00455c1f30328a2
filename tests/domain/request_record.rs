//! Tests of reading the token usage of responses.

use goclaw::domain::request_record::TokenUsage;

#[test]
fn the_usage_of_every_known_form_is_read() {
    let usage = |input, cached, output| Some(TokenUsage { input, cached, output });
    for (json, expected) in [
        (
            r#"{"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":3},"output_tokens":7}}"#,
            usage(5, 3, 7),
        ),
        (
            r#"{"usage":{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens":7}}"#,
            usage(5, 3, 7),
        ),
        (r#"{"type":"response.completed","response":{"usage":{"input_tokens":5,"output_tokens":7}}}"#, usage(5, 0, 7)),
        // Embeddings have no output.
        (r#"{"usage":{"prompt_tokens":5,"total_tokens":5}}"#, usage(5, 0, 0)),
        // The names of two APIs.
        (
            r#"{"usage":{"prompt_tokens":5,"input_tokens":5,"completion_tokens":7,"output_tokens":7,
                "prompt_tokens_details":{"cached_tokens":3},"input_tokens_details":null}}"#,
            usage(5, 3, 7),
        ),
        (r#"{"response":"a text","usage":{"input_tokens":5,"output_tokens":7}}"#, usage(5, 0, 7)),
        (r#"{"usage":null,"response":{"usage":{"input_tokens":5,"output_tokens":7}}}"#, usage(5, 0, 7)),
        (r#"{"response":"a text"}"#, None),
        (r#"{"usage":"much"}"#, None),
        (r#"{"usage":{"output_tokens":7}}"#, None),
        ("[DONE]", None),
    ] {
        assert_eq!(TokenUsage::of_json(json.as_bytes()), expected, "{json}");
    }
}
