//! Tests the backend: authentication, validation, and its endpoints.

use base64::{Engine, engine::general_purpose::STANDARD};
use goclaw_simulator::{AccessTokenForm, Account, Endpoint, Fault, FaultOrder, Site, TokenStatus};
use reqwest::{RequestBuilder, Response, header::HeaderMap};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};

use crate::client::{Answer, Fixture};

/// The workspace of the first account.
pub(crate) const ACCOUNT_ID: &str = "00000000-0000-4000-8000-000000000001";

/// A clock offset at which an access token of the default lifetime, seven days, has expired.
const AFTER_ACCESS_LIFETIME: i64 = 7 * 24 * 3600 + 1;

impl Fixture {
    pub(crate) fn usage(&self) -> RequestBuilder {
        self.http.get(format!("{}/wham/usage", self.simulator.backend_url()))
    }

    pub(crate) async fn usage_of(&self, access_token: &str) -> Answer {
        let request = self.usage().bearer_auth(access_token).header("ChatGPT-Account-ID", ACCOUNT_ID);
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn models(&self, access_token: &str, query: &str, etag: &str) -> Response {
        let request = self.http.get(format!("{}/codex/models{query}", self.simulator.backend_url()));
        let request = request.bearer_auth(access_token).header("chatgpt-account-id", ACCOUNT_ID);
        request.header("if-none-match", etag).send().await.unwrap()
    }

    pub(crate) async fn responses(&self, access_token: &str, body: &Value) -> Result<Response, reqwest::Error> {
        let request = self.http.post(format!("{}/codex/responses", self.simulator.backend_url()));
        request.bearer_auth(access_token).header("ChatGPT-Account-ID", ACCOUNT_ID).json(body).send().await
    }
}

impl Fixture {
    /// Checks that requests with invalid items, tools or parameters are refused.
    async fn check_invalid_requests(&self, access_token: &str) {
        let call = json!({"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"});
        let output = |output: Value| json!({"type": "function_call_output", "call_id": "call_1", "output": output});
        let tool = |schema: Value| json!([{"type": "function", "name": "f", "parameters": schema}]);
        let nested = json!({"type": "object", "properties": {"a": {"type": "object"}}});
        let array = json!({"type": "object", "properties": {"a": {"type": ["array", "null"]}}});
        let reasoning =
            json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e", "status": null});
        let thought = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e",
            "content": [{"type": "reasoning_text", "text": "Hm."}]});
        let image = json!({"type": "image_generation_call", "id": "ig_1", "result": "AAAA", "action": "generate"});
        let unnamed = json!({"type": "function_call", "call_id": "", "name": "f", "arguments": "{}"});
        let dotted = json!({"type": "function_call", "call_id": "call_1", "name": "f.g", "arguments": "{}"});
        let orphan = json!({"type": "function_call_output", "call_id": "call_2", "output": ""});
        let parsed = json!({"type": "output_text", "text": "{}", "parsed": {}});
        let mut extended = call.clone();
        extended["parsed_arguments"] = json!({});
        let said = |id: &str| json!([{"type": "message", "role": "assistant", "id": id, "content": []}]);
        for (member, value, status, code) in [
            ("input", said(&"msg_".repeat(17)), 400, json!("string_above_max_length")),
            ("input", said("msg_a/b"), 400, json!("invalid_value")),
            ("input", said("item_1"), 400, json!("invalid_value")),
            ("input", json!([{"role": "user", "id": "1", "content": "Hi"}]), 400, json!("invalid_value")),
            ("input", json!([reasoning]), 400, json!("unknown_parameter")),
            ("input", json!([extended]), 400, json!("unknown_parameter")),
            ("input", json!([{"role": "assistant", "content": [parsed]}]), 400, json!("unknown_parameter")),
            ("input", json!([thought]), 400, json!("array_above_max_length")),
            ("input", json!([image]), 400, json!("unknown_parameter")),
            ("input", json!([{"role": "tool", "content": "Hi"}]), 400, json!("invalid_value")),
            ("input", json!([unnamed]), 400, json!("empty_string")),
            ("input", json!([dotted]), 400, json!("invalid_value")),
            // The first rule decides, whatever the order of the items.
            ("input", json!([call, output(Value::Null), orphan]), 400, Value::Null),
            ("input", json!([{"type": "reasoning", "id": "rs_1", "summary": []}]), 404, Value::Null),
            ("input", json!([{"type": "item_reference", "id": "rs_1"}]), 404, Value::Null),
            ("input", json!([{"id": "rs_1"}]), 404, Value::Null),
            ("input", json!([{"type": "image_generation_call", "id": "ig_1"}]), 404, Value::Null),
            ("input", json!([call, output(Value::Null)]), 400, json!("invalid_type")),
            (
                "input",
                json!([{"type": "function_call", "call_id": "c".repeat(65)}]),
                400,
                json!("string_above_max_length"),
            ),
            ("input", json!([{"role": "user", "content": [{"type": "text"}]}]), 400, json!("invalid_value")),
            ("input", json!([{"role": "user", "content": null}]), 400, json!("missing_required_parameter")),
            ("input", json!([{"role": "user", "content": [{"type": "output_text"}]}]), 400, json!("invalid_value")),
            ("input", json!([{"role": "assistant", "content": [{"type": "input_text"}]}]), 400, json!("invalid_value")),
            ("input", json!([call, output(json!([{"type": "text", "text": "1"}]))]), 400, json!("invalid_value")),
            (
                "input",
                json!([{"role": "user", "id": "msg_1", "content": "a"}, {"role": "user", "id": "msg_1", "content": "b"}]),
                400,
                Value::Null,
            ),
            ("tools", tool(json!({"type": "object"})), 400, json!("invalid_function_parameters")),
            ("tools", tool(json!({})), 400, json!("invalid_function_parameters")),
            ("tools", tool(nested), 400, json!("invalid_function_parameters")),
            ("tools", tool(array), 400, json!("invalid_function_parameters")),
            ("tools", json!([{"type": "image_generation", "size": "9x9"}]), 400, json!("invalid_value")),
            ("tools", json!([{"type": "image_generation", "n": 2}]), 400, json!("unknown_parameter")),
            ("tool_choice", json!({"type": "image_generation"}), 400, Value::Null),
            ("reasoning", json!({"effort": "huge"}), 400, json!("invalid_value")),
            ("service_tier", json!("fast"), 400, Value::Null),
            ("service_tier", json!("auto"), 400, Value::Null),
            ("text", json!({"format": {"type": "json_object"}}), 400, Value::Null),
        ] {
            let mut body = prompt();
            body[member] = value;
            let answer = Answer::of(self.responses(access_token, &body).await.unwrap()).await;
            assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &code), "{body}");
        }
    }
}

/// The minimal request for a stream.
pub(crate) fn prompt() -> Value {
    json!({
        "model": "gpt-5.5",
        "instructions": "Count.",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Count to five."}]}],
        "store": false,
        "stream": true,
    })
}

/// Returns the code in `error` or `detail`, or else the detail. A refused token has its error in a header.
fn code_or_detail(answer: &Answer) -> String {
    let in_header = answer.headers.get("x-error-json").map(|json| STANDARD.decode(json.as_bytes()).unwrap());
    let body = in_header.map_or_else(|| answer.json(), |json| serde_json::from_slice(&json).unwrap());
    let found = [&body["error"]["code"], &body["detail"]["code"], &body["detail"]].into_iter().find_map(Value::as_str);
    found.unwrap_or_default().to_owned()
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn only_valid_tokens_for_their_own_account_are_accepted() {
    let fixture = Fixture::new().await;
    let (tokens, revoked, ended) = (fixture.sign_in().await, fixture.sign_in().await, fixture.sign_in().await);
    let browser = fixture.simulator.sign_in_browser(0).unwrap();
    fixture.revoke(&revoked.access).await;
    fixture.revoke(&ended.refresh).await;
    let (signed, signature) = tokens.access.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    for (token, status, code) in [
        (&tokens.access, 200, ""),
        (&revoked.access, 401, "token_revoked"),
        (&ended.access, 401, "token_revoked"),
        (&forged, 401, "Unauthorized"),
        (&tokens.id, 401, "Unauthorized"),
        (&tokens.refresh, 401, "Unauthorized"),
        (&browser.session_token, 401, "Unauthorized"),
    ] {
        let answer = fixture.usage_of(token).await;
        assert_eq!((answer.status, code_or_detail(&answer).as_str()), (status, code), "{token}");
    }
    let anonymous = Answer::of(fixture.usage().header("ChatGPT-Account-ID", ACCOUNT_ID).send().await.unwrap()).await;
    assert_eq!((anonymous.status, anonymous.text.as_str()), (401, r#"{"detail":"Unauthorized"}"#));

    let foreign = fixture.usage().bearer_auth(&tokens.access).header("ChatGPT-Account-ID", "somebody-else");
    let foreign = Answer::of(foreign.send().await.unwrap()).await;
    assert_eq!((foreign.status, code_or_detail(&foreign).as_str()), (403, "invalid_workspace_selected"));
    let without_account = Answer::of(fixture.usage().bearer_auth(&tokens.access).send().await.unwrap()).await;
    assert_eq!(without_account.status, 400);

    fixture.simulator.update_settings(|settings| settings.clock_offset_seconds = AFTER_ACCESS_LIFETIME);
    let expired = fixture.usage().bearer_auth(&tokens.access).header("ChatGPT-Account-ID", ACCOUNT_ID);
    let expired = expired.send().await.unwrap();
    assert_eq!(header(expired.headers(), "x-openai-authorization-error"), "401");
    assert_eq!(header(expired.headers(), "x-openai-ide-error-code"), "token_expired");
    let expired = Answer::of(expired).await;
    let body = r#"{"detail":"Unauthorized"}"#;
    assert_eq!((code_or_detail(&expired).as_str(), expired.text.as_str()), ("token_expired", body));
}

#[tokio::test]
async fn zstd_bodies_have_the_size_limit_of_uncompressed_ones() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    // 1 MiB more than the limit.
    let large = json!({"instructions": "x".repeat(33 << 20)});
    let packed = |body: &Value| compress_to_vec(body.to_string().as_bytes(), CompressionLevel::Fastest);
    for (encoding, body, status, words) in [
        ("zstd", packed(&prompt()), 200, ""),
        ("zstd", prompt().to_string().into(), 400, "The body is not zstd, or too large"),
        ("zstd", packed(&large), 400, "The body is not zstd, or too large"),
        ("gzip", packed(&prompt()), 400, "The body must be plain JSON or zstd"),
    ] {
        let request = fixture.http.post(format!("{}/codex/responses", fixture.simulator.backend_url()));
        let request = request.bearer_auth(&tokens.access).header("ChatGPT-Account-ID", ACCOUNT_ID);
        let request = request.header("content-type", "application/json").header("content-encoding", encoding);
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), status, "{encoding}: {words}");
        if status == 400 {
            assert_eq!(code_or_detail(&Answer::of(answer).await), words);
        }
    }
}

#[tokio::test]
async fn reuse_and_revoke_all_invalidate_access_tokens_with_their_own_code() {
    let fixture = Fixture::new().await;
    let reused = fixture.sign_in().await;
    let current = fixture.refresh(&reused.refresh).await.tokens();
    assert_eq!(fixture.usage_of(&reused.access).await.status, 200, "a rotation does not touch access tokens");
    fixture.refresh(&reused.refresh).await;
    assert_eq!(code_or_detail(&fixture.usage_of(&current.access).await), "token_invalidated");
    let other = fixture.sign_in().await;
    fixture.simulator.revoke_all();
    assert_eq!(code_or_detail(&fixture.usage_of(&other.access).await), "token_invalidated");
}

#[tokio::test]
async fn opaque_tokens_and_tokens_without_readable_expiry_expire() {
    for form in [AccessTokenForm::Opaque, AccessTokenForm::WithoutExp, AccessTokenForm::UnreadableExp] {
        let fixture = Fixture::with(|settings| settings.access_token_form = form).await;
        let tokens = fixture.sign_in().await;
        assert_eq!(fixture.usage_of(&tokens.access).await.status, 200, "{form:?}");
        fixture.simulator.update_settings(|settings| settings.clock_offset_seconds = AFTER_ACCESS_LIFETIME);
        assert_eq!(code_or_detail(&fixture.usage_of(&tokens.access).await), "token_expired", "{form:?}");
    }
}

#[tokio::test]
async fn the_journal_shows_backend_requests_without_secrets() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.usage_of(&tokens.access).await;
    fixture.usage_of("never-issued").await;
    fixture.responses(&tokens.access, &prompt()).await.unwrap().text().await.unwrap();
    let entries: Vec<_> = fixture.simulator.journal().into_iter().filter(|entry| entry.site == Site::Backend).collect();
    let seen: Vec<_> = entries.iter().map(|entry| (entry.status.unwrap(), entry.token_status.unwrap())).collect();
    assert_eq!(seen, [(200, TokenStatus::Live), (401, TokenStatus::Unknown), (200, TokenStatus::Live)]);
    assert_eq!(entries[0].family, Some(fixture.simulator.ledger()[0].family));
    assert_eq!(entries[0].headers["chatgpt-account-id"], ACCOUNT_ID);
    assert!(entries[0].headers["authorization"].starts_with("sha256:"));
    assert_eq!(entries[2].body_bytes, Some(prompt().to_string().len() as u64));
    let text = fixture.get_control("/journal").await.to_string();
    assert!(fixture.simulator.issued_secrets().iter().all(|secret| !text.contains(secret)));
}

#[tokio::test]
async fn usage_and_models_are_json_and_models_have_an_etag() {
    let fixture = Fixture::with(|settings| settings.used_percent = 100).await;
    let tokens = fixture.sign_in().await;
    let usage = fixture.usage_of(&tokens.access).await.json();
    assert_eq!((&usage["plan_type"], &usage["email"]), (&json!("plus"), &json!("person1@example.com")));
    assert_eq!(usage["rate_limit"]["limit_reached"], true);
    let window = &usage["rate_limit"]["primary_window"];
    assert_eq!((&window["used_percent"], &window["limit_window_seconds"]), (&json!(100), &json!(18_000)));

    let version = "?client_version=1.0.0";
    let listed = fixture.models(&tokens.access, version, "").await;
    let etag = header(listed.headers(), "etag");
    let listed = Answer::of(listed).await.json();
    let slugs: Vec<_> = listed["models"].as_array().unwrap().iter().map(|model| &model["slug"]).collect();
    assert_eq!(slugs, ["gpt-5.5", "gpt-5.4", "gpt-5.3-codex-spark"]);
    assert_eq!(fixture.models(&tokens.access, version, &etag).await.status(), 304);
    fixture.simulator.update_settings(|settings| settings.models = vec!["another".to_owned()]);
    assert_eq!(fixture.models(&tokens.access, version, &etag).await.status(), 200);
}

#[tokio::test]
async fn the_model_list_requires_a_client_version() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    for (query, status, listed) in [
        ("?client_version=0.1.0", 200, 3),
        ("?client_version=1.2.3-alpha.1", 200, 3),
        ("?client_version=0.0.9", 200, 0),
        ("", 400, 0),
        ("?client_version=", 400, 0),
        ("?client_version=new", 400, 0),
    ] {
        let answer = Answer::of(fixture.models(&tokens.access, query, "").await).await;
        let models = answer.json()["models"].as_array().map_or(0, Vec::len);
        assert_eq!((answer.status, models, answer.json()["detail"].is_string()), (status, listed, status == 400));
    }
}

#[tokio::test]
async fn invalid_requests_and_unknown_paths_are_refused() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    for (member, value, detail) in [
        ("max_output_tokens", json!(5), "Unsupported parameter: max_output_tokens"),
        ("previous_response_id", json!("resp_1"), "Unsupported parameter: previous_response_id"),
        ("temperature", json!(1), "Unsupported parameter: temperature"),
        ("store", json!(true), "Store must be set to false"),
        ("stream", json!(false), "Stream must be set to true"),
        ("model", json!("gpt-2"), "The 'gpt-2' model is not supported when using Codex with a ChatGPT account."),
        ("instructions", json!(["x"]), "Instructions are not valid"),
        ("input", json!("Count."), "Input must be a list"),
        ("input", json!([{"role": "system", "content": "x"}]), "System messages are not allowed"),
    ] {
        let mut body = prompt();
        body[member] = value;
        let answer = Answer::of(fixture.responses(&tokens.access, &body).await.unwrap()).await;
        assert_eq!((answer.status, code_or_detail(&answer).as_str()), (400, detail));
    }
    let mut body = prompt();
    (body["store"], body["input"]) = (json!(true), json!([{"type": "item_reference", "id": "rs_1"}]));
    let answer = Answer::of(fixture.responses(&tokens.access, &body).await.unwrap()).await;
    assert_eq!((answer.status, code_or_detail(&answer).as_str()), (400, "Store must be set to false"));
    fixture.check_invalid_requests(&tokens.access).await;
    let url = format!("{}/codex/nothing", fixture.simulator.backend_url());
    let nothing = fixture.http.get(url).bearer_auth(&tokens.access).header("ChatGPT-Account-ID", ACCOUNT_ID);
    assert_eq!(nothing.send().await.unwrap().status(), 404);
    let socket = fixture.http.get(format!("{}/codex/responses", fixture.simulator.backend_url()));
    let socket = socket.bearer_auth(&tokens.access).header("ChatGPT-Account-ID", ACCOUNT_ID);
    assert_eq!(socket.header("upgrade", "websocket").send().await.unwrap().status(), 426);
    assert_eq!(fixture.simulator.streams().open, 0);
}

#[tokio::test]
async fn instructions_are_optional_and_content_headers_must_match_the_body() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let mut without = prompt();
    without.as_object_mut().unwrap().remove("instructions");
    assert_eq!(fixture.responses(&tokens.access, &without).await.unwrap().status(), 200);
    for (instructions, status) in [(json!(null), 200), (json!(""), 200), (json!("Anything."), 200), (json!(["x"]), 400)]
    {
        let mut body = prompt();
        body["instructions"] = instructions;
        assert_eq!(fixture.responses(&tokens.access, &body).await.unwrap().status(), status, "{body}");
    }
    for (content_type, content_encoding, status) in [
        ("application/json; charset=utf-8", None, 200),
        ("text/plain", None, 400),
        ("application/json", Some("zstd"), 400),
    ] {
        let request = fixture.http.post(format!("{}/codex/responses", fixture.simulator.backend_url()));
        let request = request.bearer_auth(&tokens.access).header("ChatGPT-Account-ID", ACCOUNT_ID);
        let request = request.header("content-type", content_type).body(prompt().to_string());
        let encoded =
            content_encoding.into_iter().fold(request, |request, name| request.header("content-encoding", name));
        assert_eq!(encoded.send().await.unwrap().status(), status, "{content_type} {content_encoding:?}");
    }
}

#[tokio::test]
async fn a_turn_stays_with_its_account() {
    let fixture = Fixture::new().await;
    let first = fixture.sign_in().await;
    fixture.simulator.update_settings(|settings| settings.signed_in = 1);
    let second = fixture.sign_in().await;
    let accounts = [Account::numbered(1).account_id, Account::numbered(2).account_id];
    let asked = async |access: &str, account: &str, turn: &str| {
        let request =
            fixture.http.post(format!("{}/codex/responses", fixture.simulator.backend_url())).bearer_auth(access);
        let request = request.header("ChatGPT-Account-ID", account).header("x-codex-turn-state", turn);
        request.json(&prompt()).send().await.unwrap()
    };
    let begun = asked(&first.access, &accounts[0], "never-issued").await;
    let turn = header(begun.headers(), "x-codex-turn-state");
    assert!(begun.status() == 200 && turn.len() > 20);
    let continued = asked(&first.access, &accounts[0], &turn).await;
    assert_eq!((continued.status().as_u16(), header(continued.headers(), "x-codex-turn-state")), (200, turn.clone()));
    let moved = Answer::of(asked(&second.access, &accounts[1], &turn).await).await;
    assert_eq!((moved.status, code_or_detail(&moved).as_str()), (400, "The turn state belongs to another account"));
    let other = asked(&second.access, &accounts[1], "never-issued").await;
    assert_ne!(header(other.headers(), "x-codex-turn-state"), turn);
}

#[tokio::test]
async fn responses_have_the_real_backends_headers() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let listed = fixture.models(&tokens.access, "?client_version=1.0.0", "").await;
    let response = fixture.responses(&tokens.access, &prompt()).await.unwrap();
    assert_eq!(header(response.headers(), "x-models-etag"), header(listed.headers(), "etag"));
    assert_eq!(header(response.headers(), "x-request-id"), header(response.headers(), "x-oai-request-id"));
    assert!(header(response.headers(), "set-cookie").starts_with("__cf_bm="));
    for name in ["openai-model", "openai-version", "openai-processing-ms", "cf-ray", "x-codex-credits-balance"] {
        assert!(response.headers().contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn a_conversation_is_compacted() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let user = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Remember me."}]});
    let assistant = json!({"type": "message", "role": "assistant", "content": "Very well."});
    let compact = async |members: Value| {
        let mut body = json!({"model": "gpt-5.5", "input": [user, assistant]});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let request = fixture.http.post(format!("{}/codex/responses/compact", fixture.simulator.backend_url()));
        let request = request.bearer_auth(&tokens.access).header("ChatGPT-Account-ID", ACCOUNT_ID);
        Answer::of(request.json(&body).send().await.unwrap()).await
    };
    let answer = compact(json!({"instructions": "Be short."})).await.json();
    assert_eq!((answer["output"].as_array().unwrap().len(), &answer["output"][0]), (2, &user));
    let rest = &answer["output"][1];
    assert!(rest["type"] == "compaction" && rest["encrypted_content"].as_str().unwrap().len() > 40);
    assert_eq!(code_or_detail(&compact(json!({"stream": true})).await), "Unsupported parameter: stream");

    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Compact, Fault::internal_server_error()));
    assert_eq!(compact(json!({})).await.status, 500);
    fixture.simulator.update_settings(|settings| settings.used_percent = 100);
    assert_eq!(compact(json!({})).await.status, 429);
}
