//! Bodies of prompts: no panic, and every translation is valid JSON.
#![no_main]

use goclaw::domain::dialect::{
    ChatRequest, NOTHING_RECALLED, ResponsesRequest, TranslatedChat, TranslatedRequest, model_of,
    without_lone_surrogates,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fn check_json(translated: &[u8]) {
    assert!(serde_json::from_slice::<Value>(translated).is_ok(), "{}", String::from_utf8_lossy(translated));
}

fuzz_target!(|body: &[u8]| {
    let body = &*without_lone_surrogates(body);
    // `model_of` checks the body, which `of_checked` requires.
    if model_of(body).is_err() {
        return;
    }
    if let Ok(TranslatedRequest { request, .. }) =
        ResponsesRequest::of_checked(body).and_then(|request| request.into_backend("m", &NOTHING_RECALLED))
    {
        check_json(&request.body);
    }
    if let Ok(TranslatedChat { request, .. }) =
        ChatRequest::of_checked(body).and_then(|request| request.into_backend("m", &NOTHING_RECALLED))
    {
        check_json(&request.body);
    }
    check_json(&ChatRequest::of_checked(body).expect("a checked body").with_model("m"));
});
