//! A provider's events, one per line: no panic, and every repaired event is valid JSON.
#![no_main]

use goclaw::domain::dialect::{
    ChatRequest, ChatStream, CompletionReader, NOTHING_RECALLED, ResponseReader, ResponsesRequest, SseEvent,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const CHAT: &[u8] = br#"{"model":"m","stop":["ab"],"messages":[{"role":"user","content":"a"}]}"#;
const RESPONSES: &[u8] = br#"{"model":"m","metadata":{"a":"b"},"input":"a"}"#;

fuzz_target!(|lines: &str| {
    let options = || {
        ChatRequest::of_checked(CHAT)
            .and_then(|request| request.into_backend("m", &NOTHING_RECALLED))
            .expect("a request")
            .options
    };
    let echo = ResponsesRequest::of_checked(RESPONSES)
        .and_then(|request| request.into_backend("m", &NOTHING_RECALLED))
        .expect("a request")
        .echo;
    let (mut reader, mut chat) = (ResponseReader::new(echo), ChatStream::new(options()));
    let mut completion = CompletionReader::new(options());
    for line in lines.lines() {
        let event = SseEvent { event: "".into(), data: line.into() };
        if let Ok(Some(read)) = reader.on_event(&event) {
            if let Some(frame) = read.repaired_frame() {
                let (_, data) = frame.split_once("data: ").expect("a data line");
                assert!(serde_json::from_str::<Value>(data.trim_end()).is_ok(), "{data}");
            }
            let _ = read.into_response();
        }
        let _ = (chat.on_event(&event), completion.on_event(&event));
    }
});
