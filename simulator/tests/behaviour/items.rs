//! Tests how the backend checks and answers the items of an input.

use goclaw_simulator::Settings;
use serde_json::{Value, json};

use crate::{
    backend::{ACCOUNT_ID, prompt},
    client::{Answer, Fixture},
    model_output::output,
};

/// Sends a prompt with these members and headers.
async fn ask(fixture: &Fixture, access_token: &str, members: Value, headers: &[(&str, &str)]) -> Answer {
    let mut body = prompt();
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let request = fixture.http.post(format!("{}/codex/responses", fixture.simulator.backend_url()));
    let request = request.bearer_auth(access_token).header("ChatGPT-Account-ID", ACCOUNT_ID).json(&body);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn tools_in_the_input_need_their_header_and_a_model_for_it() {
    let lite = |settings: &mut Settings| settings.lite_models = vec!["gpt-5.4".to_owned()];
    let fixture = Fixture::with(lite).await;
    let tokens = fixture.sign_in().await;
    let tools = json!({"type": "additional_tools", "role": "developer", "tools": []});
    let user = json!({"role": "user", "content": "Hello"});
    let header = [("x-openai-internal-codex-responses-lite", "true")];
    for (model, input, headers, status) in [
        ("gpt-5.4", json!([tools, user]), &header[..], 200),
        ("gpt-5.4", json!([tools, user]), &header[..0], 400),
        ("gpt-5.4", json!([user]), &header[..], 400),
        ("gpt-5.4", json!([user]), &header[..0], 200),
        ("gpt-5.5", json!([tools, user]), &header[..], 400),
    ] {
        let answer = ask(&fixture, &tokens.access, json!({"model": model, "input": input}), headers).await;
        assert_eq!(answer.status, status, "{model} {input} {headers:?}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_repeated_member_is_refused_at_any_depth() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let whole = prompt().to_string();
    let repeated =
        [whole.replacen('{', r#"{"store": false, "#, 1), whole.replacen(r#""role""#, r#""role": "user", "role""#, 1)];
    for (body, status) in [(whole, 200)].into_iter().chain(repeated.map(|body| (body, 400))) {
        let request = fixture.http.post(format!("{}/codex/responses", fixture.simulator.backend_url()));
        let request = request.bearer_auth(&tokens.access).header("ChatGPT-Account-ID", ACCOUNT_ID);
        let request = request.header("content-type", "application/json").body(body.clone());
        assert_eq!(request.send().await.unwrap().status(), status, "{body}");
    }
}

#[tokio::test]
async fn a_compaction_trigger_is_answered_with_one_compaction() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let input = json!([{"role": "user", "content": "Hello"}, {"type": "compaction_trigger"}]);
    let members = json!({"input": input, "include": ["reasoning.encrypted_content"]});
    let items = output(&fixture.response_frames(&tokens, members).await);
    assert_eq!((items.len(), &items[0]["type"]), (1, &json!("compaction")));
    let input = json!([items[0], {"role": "user", "content": "Hello"}]);
    assert_eq!(ask(&fixture, &tokens.access, json!({"input": input}), &[]).await.status, 200);
}
