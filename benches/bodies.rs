//! Measures the memory that the translation of a request allocates in addition to the body. Compare "max alloc" in the
//! output with the size in the benchmark's name: a body of many small values must not need a multiple of its size.
//!
//!     cargo bench --bench bodies

// Makes clippy treat the whole file as test code, helpers included.
#![cfg(test)]

use divan::{AllocProfiler, Bencher, black_box};
use goclaw::domain::dialect::{
    BackendRequest, ChatRequest, InvalidRequest, NOTHING_RECALLED, ResponsesRequest, model_of,
};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn main() {
    divan::main();
}

/// Returns a body of about `size` bytes: `piece` repeated between `beginning` and `end`.
fn body(beginning: &str, piece: &str, size: usize, end: &str) -> Vec<u8> {
    let pieces = vec![piece; size / (piece.len() + 1)].join(if beginning.ends_with('"') { "" } else { "," });
    [beginning, &pieces, end].concat().into_bytes()
}

/// Checks a body and translates it. Only the check of `model_of` is needed here, not the model that it returns.
fn translate(body: &[u8], is_chat: bool) -> Result<BackendRequest, InvalidRequest> {
    model_of(body)?;
    if is_chat {
        Ok(ChatRequest::of_checked(body)?.into_backend("m", &NOTHING_RECALLED)?.request)
    } else {
        Ok(ResponsesRequest::of_checked(body)?.into_backend("m", &NOTHING_RECALLED)?.request)
    }
}

/// Measures the check and the translation of a body.
fn measure(bencher: Bencher, body: &[u8], is_chat: bool) {
    bencher.bench_local(|| translate(black_box(body), is_chat).expect("a body within the limits"));
}

/// Far more values than the limit allows: measures the refusal.
#[divan::bench(args = [true, false], sample_count = 1, sample_size = 1)]
fn refused_empty_arrays_16_mib(bencher: Bencher, is_chat: bool) {
    let body = empty_arrays(16 * MIB);
    bencher.bench_local(|| translate(black_box(&body), is_chat).expect_err("a body beyond the limits"));
}

/// Almost as many values as the limit allows.
#[divan::bench(args = [true, false], sample_count = 1, sample_size = 1)]
fn empty_arrays_720_kib(bencher: Bencher, is_chat: bool) {
    measure(bencher, &empty_arrays(720 * KIB), is_chat);
}

fn empty_arrays(size: usize) -> Vec<u8> {
    let beginning = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"input":"x","metadata":["#;
    body(beginning, "[]", size, "]}")
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

/// The smallest parts of a chat, almost as many as the limit allows.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn small_chat_parts_2_mib(bencher: Bencher) {
    let beginning = r#"{"model":"m","messages":[{"role":"user","content":["#;
    measure(bencher, &body(beginning, r#"{"type":"text","text":""}"#, 2 * MIB, "]}]}"), true);
}

/// The smallest items of a Responses input, almost as many as the limit allows.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn small_responses_items_840_kib(bencher: Bencher) {
    measure(bencher, &body(r#"{"model":"m","input":["#, r#"{"":0}"#, 840 * KIB, "]}"), false);
}
