//! Measures the memory that the translation of a request allocates in addition to the body. Compare "max alloc" in the
//! output with the size in the benchmark's name: a body of many small values must not need a multiple of its size.
//!
//!     cargo bench --bench bodies

// Makes clippy treat the whole file as test code, helpers included.
#![cfg(test)]

use divan::{AllocProfiler, Bencher, black_box};
use goclaw::domain::dialect::{ChatRequest, NOTHING_RECALLED, ResponsesRequest, model_of};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const MIB: usize = 1024 * 1024;

fn main() {
    divan::main();
}

/// Returns a body of about `size` bytes: `piece` repeated between `beginning` and `end`.
fn body(beginning: &str, piece: &str, size: usize, end: &str) -> Vec<u8> {
    let pieces = vec![piece; size / (piece.len() + 1)].join(if beginning.ends_with('"') { "" } else { "," });
    [beginning, &pieces, end].concat().into_bytes()
}

/// Measures the check and the translation of a body. A refused body is measured until its refusal.
fn measure(bencher: Bencher, body: &[u8], is_chat: bool) {
    bencher.bench_local(|| {
        let body = black_box(body);
        if is_chat {
            model_of(body)
                .and_then(|_| ChatRequest::of_checked(body)?.into_backend("m", &NOTHING_RECALLED))
                .map(|chat| chat.request)
        } else {
            model_of(body)
                .and_then(|_| ResponsesRequest::of_checked(body)?.into_backend("m", &NOTHING_RECALLED))
                .map(|translated| translated.request)
        }
    });
}

/// Far more values than the limit allows: measures the refusal.
#[divan::bench(args = [true, false], sample_count = 1, sample_size = 1)]
fn empty_arrays_16_mib(bencher: Bencher, is_chat: bool) {
    let beginning = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"input":"x","metadata":["#;
    measure(bencher, &body(beginning, "[]", 16 * MIB, "]}"), is_chat);
}

/// Almost three times as many values as the limit allows: measures the refusal.
#[divan::bench(args = [true, false], sample_count = 1, sample_size = 1)]
fn empty_arrays_2_mib(bencher: Bencher, is_chat: bool) {
    let beginning = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"input":"x","metadata":["#;
    measure(bencher, &body(beginning, "[]", 2 * MIB, "]}"), is_chat);
}

#[divan::bench(args = [true, false], sample_count = 1, sample_size = 1)]
fn one_text_16_mib(bencher: Bencher, is_chat: bool) {
    let beginning =
        if is_chat { r#"{"model":"m","messages":[{"role":"user","content":""# } else { r#"{"model":"m","input":""# };
    measure(bencher, &body(beginning, "0123456789 abcde", 16 * MIB, if is_chat { "\"}]}" } else { "\"}" }), is_chat);
}

#[divan::bench(args = [true, false], sample_count = 1, sample_size = 1)]
fn one_escaped_text_16_mib(bencher: Bencher, is_chat: bool) {
    let beginning =
        if is_chat { r#"{"model":"m","messages":[{"role":"user","content":""# } else { r#"{"model":"m","input":""# };
    measure(bencher, &body(beginning, r"0123456789\nabcd", 16 * MIB, if is_chat { "\"}]}" } else { "\"}" }), is_chat);
}

#[divan::bench(args = [true, false], sample_count = 1, sample_size = 1)]
fn conversation_1_mib(bencher: Bencher, is_chat: bool) {
    let beginning = if is_chat { r#"{"model":"m","messages":["# } else { r#"{"model":"m","input":["# };
    let text = "a word ".repeat(300);
    let piece = format!(r#"{{"role":"user","content":"{text}"}},{{"role":"assistant","content":"{text}\n"}}"#);
    measure(bencher, &body(beginning, &piece, MIB, "]}"), is_chat);
}

/// The smallest items of a translation. The chat's values are just within the limit; a Responses body of this size has
/// more than twice as many as the limit allows, and is refused.
#[divan::bench(args = [true, false], sample_count = 1, sample_size = 1)]
fn small_items_2_mib(bencher: Bencher, is_chat: bool) {
    let (beginning, piece) = if is_chat {
        (r#"{"model":"m","messages":[{"role":"user","content":["#, r#"{"type":"text","text":""}"#)
    } else {
        (r#"{"model":"m","input":["#, r#"{"":0}"#)
    };
    measure(bencher, &body(beginning, piece, 2 * MIB, if is_chat { "]}]}" } else { "]}" }), is_chat);
}
