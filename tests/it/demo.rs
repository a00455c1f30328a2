//! Tests that the instructions of `goclaw demo` work, and that it leaves no files behind.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
};

use serde_json::json;

use crate::support::gateway::{Home, HttpResponse, eventually, http, redirecting_http};

/// Returns the text between `before` and the next quotation mark, bracket or white space.
fn text_after<'a>(text: &'a str, before: &str) -> &'a str {
    let rest = text.split_once(before).map(|(_, rest)| rest).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split(|end: char| end.is_whitespace() || ['"', ')'].contains(&end)).next().unwrap_or_default()
}

/// Starts a demo whose files are in `temporary`, and returns its guide.
async fn start(home: &Home, temporary: &Path, name: &str) -> (Child, String) {
    let mut command = home.command(&["demo"]);
    command.env("TMPDIR", temporary);
    let demo = home.spawn(command, name);
    let printed_guide = || async { Some(home.printed(name, "stdout")).filter(|text| text.contains("Ctrl-c stops")) };
    (demo, eventually("the guide", printed_guide).await)
}

/// Sends a signal and waits until the demo has ended and deleted its files.
async fn end_with(signal: &str, demo: &mut Child, temporary: &Path) {
    let killed = Command::new("kill").args(["-s", signal, &demo.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let exit_status = || std::future::ready(demo.try_wait().expect("its status"));
    assert!(eventually("the demo to end", exit_status).await.success());
    assert_eq!(fs::read_dir(temporary).expect("the folder").count(), 0, "files stay behind");
}

#[tokio::test]
async fn the_demo_connects_an_account_answers_a_prompt_and_deletes_its_files() {
    let mut home = Home::without_provider();
    // The guide shows the key that the simulated DashScope accepts.
    home.plants_secrets = true;
    let temporary = home.path().join("temporary");
    fs::create_dir(&temporary).expect("a folder");
    let (mut demo, guide) = start(&home, &temporary, "demo").await;
    let base = text_after(&guide, "GOCLAW_GATEWAY_URL=");
    let folder = Path::new(text_after(&guide, "GOCLAW_DATA_DIR="));
    let token = fs::read_to_string(folder.join("gateway.token")).expect("a token");
    let post = |path: &str, body| http().post(format!("{base}{path}")).bearer_auth(token.trim()).json(&body).send();

    let started = HttpResponse::of(post("/v1/auth/openai/start", json!({})).await.expect("a response")).await.json();
    let consent =
        redirecting_http().get(started["auth_url"].as_str().expect("an address")).send().await.expect("a page");
    let consent = HttpResponse::of(consent).await;
    let action = consent.url.parse::<reqwest::Url>().and_then(|page| page.join(text_after(&consent.text, "action=\"")));
    let approval = [("request", text_after(&consent.text, "name=\"request\" value=\"")), ("decision", "approve")];
    let connected = redirecting_http().post(action.expect("an address")).form(&approval).send().await.expect("a page");
    assert!(connected.status().is_success());
    let prompt = json!({"model": "gpt-5.5", "input": "Hello", "stream": true});
    let answer = HttpResponse::of(post("/v1/responses", prompt).await.expect("a response")).await;
    assert!(answer.text.contains("I am a simulated model, so I say the same to every prompt."), "{}", answer.text);

    end_with("TERM", &mut demo, &temporary).await;
    // The terminal is closed.
    let (mut demo, _guide) = start(&home, &temporary, "other").await;
    end_with("HUP", &mut demo, &temporary).await;
}
