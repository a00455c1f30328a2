//! Tests the content and the form of scripted responses.

use std::time::Duration;

use goclaw_simulator::{Endpoint, Fault, FaultOrder, Script, ScriptOrder, StreamCounts};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    backend::{ACCOUNT_ID, prompt},
    client::{Fixture, Tokens, host_and_port, wait_until, within_timeout},
    model_output::output,
    streams::{frames, kinds, read_all},
};

impl Fixture {
    /// Returns the frames of the next response under a script.
    async fn scripted_frames(&self, tokens: &Tokens, script: Script) -> Vec<Value> {
        self.simulator.queue_script(ScriptOrder::once(script));
        self.response_frames(tokens, json!({})).await
    }

    /// Returns the bytes of each write of the next response under a script. Each write is a chunk (RFC 9112 section
    /// 7.1), so the boundaries survive the network.
    async fn writes(&self, tokens: &Tokens, script: Script) -> Vec<Vec<u8>> {
        self.simulator.queue_script(ScriptOrder::once(script));
        let body = prompt().to_string();
        let request = format!(
            "POST /backend-api/codex/responses HTTP/1.1\r\nhost: simulator\r\nconnection: close\r\n\
             authorization: Bearer {}\r\nchatgpt-account-id: {ACCOUNT_ID}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            tokens.access,
            body.len()
        );
        let mut connection = TcpStream::connect(host_and_port(self.simulator.backend_url())).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut received = Vec::new();
        within_timeout(connection.read_to_end(&mut received)).await.unwrap();
        chunks(&received)
    }
}

/// Returns the position right after the first occurrence.
fn after(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).unwrap() + wanted.len()
}

fn chunks(answer: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &answer[after(answer, b"\r\n\r\n")..];
    let mut chunks = Vec::new();
    loop {
        let begin = after(rest, b"\r\n");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..begin - 2]).unwrap(), 16).unwrap();
        if size == 0 {
            return chunks;
        }
        chunks.push(rest[begin..begin + size].to_vec());
        rest = &rest[begin + size + 2..];
    }
}

fn text_of(writes: &[Vec<u8>]) -> String {
    String::from_utf8(writes.concat()).unwrap()
}

fn words(frames: &[Value]) -> String {
    let deltas = frames.iter().filter(|frame| frame["type"] == "response.output_text.delta");
    deltas.map(|frame| frame["delta"].as_str().unwrap()).collect()
}

/// Returns the final event's type and the response's status.
fn end(frames: &[Value]) -> (&str, &str) {
    let last = frames.last().unwrap();
    (last["type"].as_str().unwrap(), last["response"]["status"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn frames_have_the_scripted_form_and_the_same_meaning() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let kinds_of = |text: &str| kinds(&frames(text)).iter().map(ToString::to_string).collect::<Vec<_>>();
    let plain = fixture.writes(&tokens, Script::Auto).await;
    let expected = kinds_of(&text_of(&plain));
    assert_eq!(plain.len(), expected.len(), "each frame is one write");

    let bytes = fixture.writes(&tokens, Script::TinyChunks).await;
    assert!(bytes.iter().all(|write| write.len() == 1));
    assert_eq!(kinds_of(&text_of(&bytes)), expected);

    let one = fixture.writes(&tokens, Script::OneWrite).await;
    assert_eq!((one.len(), kinds_of(&text_of(&one))), (1, expected.clone()));

    let crlf = text_of(&fixture.writes(&tokens, Script::Crlf).await);
    assert_eq!(crlf.matches('\n').count(), crlf.matches("\r\n").count());
    assert_eq!(kinds_of(&crlf.replace("\r\n", "\n")), expected);

    let commented = text_of(&fixture.writes(&tokens, Script::Comments).await);
    assert!(commented.contains(": keep-alive\n") && commented.contains("\n\n\n"));
    let without: String = commented.split_inclusive('\n').filter(|line| !line.starts_with(':')).collect();
    let frames_of = without.split("\n\n").map(str::trim).filter(|frame| !frame.is_empty());
    let without: String = frames_of.map(|frame| format!("{frame}\n\n")).collect();
    assert_eq!(kinds_of(&without), expected);
}

#[tokio::test]
async fn multibyte_characters_are_split() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let writes = fixture.writes(&tokens, Script::Multibyte).await;
    let split = writes.iter().filter(|write| std::str::from_utf8(write).is_err()).count();
    let text = text_of(&writes);
    let multibyte = text.chars().filter(|character| character.len_utf8() > 1).count();
    assert!(split > multibyte && multibyte > 20, "{split} writes, {multibyte} characters");
    let whole = frames(&text);
    assert!(words(&whole).contains("日本語のテキスト 👩‍👩‍👧‍👦 "));
    assert_eq!(output(&whole)[0]["content"][0]["text"], words(&whole));
}

#[tokio::test]
async fn refusals_tool_calls_searches_and_long_texts_can_be_scripted() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let refused = fixture.scripted_frames(&tokens, Script::Refusal).await;
    let part = json!({"type": "refusal", "refusal": "I cannot help with that."});
    assert_eq!(output(&refused)[0]["content"], json!([part]));
    let kinds_of = kinds(&refused);
    assert!(kinds_of.contains(&"refusal.delta") && kinds_of.contains(&"refusal.done"));

    fixture.simulator.queue_script(ScriptOrder::once(Script::CustomTool));
    let tools = json!([{"type": "web_search"}, {"type": "custom", "name": "freeform"}]);
    let called = fixture.response_frames(&tokens, json!({ "tools": tools })).await;
    let (item, deltas) = (output(&called)[0].clone(), called.iter().filter_map(|frame| frame["delta"].as_str()));
    assert_eq!((&item["type"], &item["name"]), (&json!("custom_tool_call"), &json!("freeform")));
    assert_eq!(item["input"], deltas.collect::<String>());
    assert!(kinds(&called).contains(&"custom_tool_call_input.delta") && item["call_id"].is_string());

    let searched = fixture.scripted_frames(&tokens, Script::WebSearch).await;
    let types: Vec<_> = output(&searched).iter().map(|item| item["type"].clone()).collect();
    assert_eq!(types, ["web_search_call", "message"]);
    assert_eq!(output(&searched)[0]["action"]["query"], "Count to five.");
    assert!(kinds(&searched).contains(&"web_search_call.searching"));

    let long = fixture.scripted_frames(&tokens, Script::Long).await;
    assert!(words(&long).ends_with("word2000 "));
    assert_eq!(long.last().unwrap()["response"]["usage"]["output_tokens"], 2000);
}

#[tokio::test]
async fn unknown_events_and_invalid_bytes_appear_among_known_events() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.simulator.queue_script(ScriptOrder::once(Script::UnknownEvents));
    let strange = fixture.response_frames(&tokens, json!({})).await;
    let unknown = strange.iter().filter(|frame| frame["type"].as_str().unwrap().contains("telepathy")).count();
    assert_eq!((unknown, words(&strange).as_str()), (2, "word1 word2 word3 word4 word5 "));
    assert_eq!(output(&strange)[0]["type"], "telepathy_call");

    let garbled = fixture.writes(&tokens, Script::Garbage).await;
    let place = garbled.iter().position(|write| std::str::from_utf8(write).is_err()).unwrap();
    assert!(String::from_utf8_lossy(&garbled[place]).contains("data: 7\n\n"));
    let rest = [&garbled[..place], &garbled[place + 1..]].concat();
    assert_eq!(words(&frames(&text_of(&rest))), "word1 word2 word3 word4 word5 ");
    assert_eq!(kinds(&frames(&text_of(&garbled[..place]))).last(), Some(&"content_part.added"));
}

#[tokio::test]
async fn responses_end_as_scripted() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    for (script, reason) in [(Script::Incomplete, "max_output_tokens"), (Script::ContentFilter, "content_filter")] {
        let cut_short = fixture.scripted_frames(&tokens, script).await;
        assert_eq!(end(&cut_short), ("response.incomplete", "incomplete"));
        let response = &cut_short.last().unwrap()["response"];
        assert_eq!(response["incomplete_details"], json!({"reason": reason}));
        assert_eq!(
            (&response["output"][0]["status"], &response["usage"]["output_tokens"]),
            (&json!("incomplete"), &json!(5))
        );
        assert!(words(&cut_short).starts_with("word1 "));
    }
    let listed = fixture.scripted_frames(&tokens, Script::ListedOutput).await;
    assert_eq!(end(&listed), ("response.completed", "completed"));
    assert_eq!(listed.last().unwrap()["response"]["output"][0]["type"], "message");
    let given = fixture.scripted_frames(&tokens, Script::Events(vec![json!({"type": "response.odd", "a": 1})])).await;
    assert_eq!(kinds(&given), ["created", "in_progress", "odd", "completed"]);

    for (code, says) in [
        ("context_length_exceeded", "context window"),
        ("insufficient_quota", "quota"),
        ("usage_not_included", "upgrade"),
        ("rate_limit_exceeded", "Please try again in 11.054s."),
        ("server_is_overloaded", "overloaded"),
        ("invalid_prompt", "Invalid prompt"),
        ("server_error", "error occurred"),
    ] {
        let failed = fixture.scripted_frames(&tokens, Script::Failed(code.to_owned())).await;
        assert_eq!(kinds(&failed), ["created", "in_progress", "failed"]);
        let error = &failed[2]["response"]["error"];
        assert_eq!((end(&failed).1, &error["code"]), ("failed", &json!(code)));
        assert!(error["message"].as_str().unwrap().contains(says), "{error}");
    }
    let error = fixture.scripted_frames(&tokens, Script::ErrorEvent("rate_limit_exceeded".to_owned())).await;
    assert_eq!((error.len(), end(&error).0, &error[2]["code"]), (3, "error", &json!("rate_limit_exceeded")));
    assert!(error[2]["message"].is_string());
}

#[tokio::test]
async fn a_stream_can_end_too_early_or_never() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let early = fixture.scripted_frames(&tokens, Script::Eof).await;
    assert_eq!(end(&early).0, "response.output_item.done");
    assert_eq!(fixture.simulator.streams(), StreamCounts { broken: 1, ..StreamCounts::default() });

    fixture.simulator.queue_script(ScriptOrder::once(Script::AfterCompleted));
    let mut response = fixture.responses(&tokens.access, &prompt()).await.unwrap();
    let mut received = String::new();
    while !received.contains("response.afterthought\"}\n\n") {
        received += std::str::from_utf8(&within_timeout(response.chunk()).await.unwrap().unwrap()).unwrap();
    }
    assert!(received.find("response.completed").unwrap() < received.find(": one more thing").unwrap());
    let more = tokio::time::timeout(Duration::from_millis(60), response.chunk()).await;
    assert!(more.is_err(), "{more:?}");
    assert_eq!(fixture.simulator.streams().open, 1);
    drop(response);
    wait_until("the stream ends", || fixture.simulator.streams().open == 0).await;
    assert_eq!(fixture.simulator.streams().completed, 1, "a disconnect after the last event counts as completed");
}

#[tokio::test]
async fn a_fault_interrupts_a_scripted_response() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.simulator.queue_script(ScriptOrder::once(Script::Crlf));
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Responses, Fault::stream_cut(1)));
    let (text, whole) = read_all(fixture.responses(&tokens.access, &prompt()).await.unwrap()).await;
    assert!(!whole && text.contains("\r\n") && text.contains("word1 ") && !text.contains("word2 "), "{text}");
    let failed = async |script| {
        fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Responses, Fault::stream_fails(0, "server_error")));
        let failed = fixture.scripted_frames(&tokens, script).await;
        failed.iter().enumerate().for_each(|(number, frame)| assert_eq!(frame["sequence_number"], number));
        end(&failed).0.to_owned()
    };
    assert_eq!(failed(Script::WebSearch).await, "response.failed");
    assert_eq!(failed(Script::ErrorEvent("x".to_owned())).await, "response.failed", "a script without deltas");
}

#[tokio::test]
async fn scripts_are_controlled_over_http_and_used_in_order() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let names = "auto multibyte crlf comments unknown_events listed_output refusal custom_tool web_search long \
                 incomplete content_filter failed:invalid_prompt eof garbage after_completed tiny_chunks one_write untyped \
                 error_event:x events:[{\"type\":\"response.odd\"}]";
    for name in names.split_whitespace() {
        let order = json!({"script": name, "times": "standing"});
        assert_eq!(fixture.post_control("/scripts", order.clone()).await.status, 200, "{name}");
        assert_eq!(fixture.get_control("/scripts").await, json!([order]));
        assert_eq!(fixture.post_control("/scripts/clear", json!({})).await.status, 200);
    }
    for wrong in [json!({"script": "no_such"}), json!({"script": "crlf:x"}), json!({"script": 1}), json!({"times": 1})]
    {
        assert_eq!(fixture.post_control("/scripts", wrong.clone()).await.status, 400, "{wrong}");
    }
    fixture.post_control("/scripts", json!({"script": "failed", "times": {"next": 2}})).await;
    fixture.post_control("/scripts", json!({"script": "incomplete"})).await;
    let mut refused = prompt();
    refused["store"] = json!(true);
    assert_eq!(fixture.responses(&tokens.access, &refused).await.unwrap().status(), 400, "no script is used up");
    for kind in ["response.failed", "response.failed", "response.incomplete", "response.completed"] {
        assert_eq!(end(&fixture.response_frames(&tokens, json!({})).await).0, kind);
    }
    assert!(fixture.simulator.scripts().is_empty());

    fixture.post_control("/scripts", json!({"script": "eof", "times": "standing"})).await;
    fixture.post_control("/reset", json!({})).await;
    assert!(fixture.simulator.scripts().is_empty());
}
