//! OpenAI's own SDKs against a whole gateway, with a program's token: `tests/sdk` holds what they do.

use std::process::Command;

use serde_json::json;

use crate::{models::signed_in, support::gateway::Said};

/// Runs a program of an SDK with nothing of the test's own environment but the way to programs; the last word must be "ok".
async fn run(mut program: Command) {
    let (provider, home, gateway) = signed_in().await;
    let made = gateway.post("/v1/tokens", json!({"name": "sdk"})).await.json();
    let said = tokio::task::spawn_blocking({
        let base = format!("{}/v1", gateway.base);
        let token = made["token"].as_str().expect("a token").to_owned();
        let control = provider.control_url.clone();
        program.env("OPENAI_BASE_URL", base).env("OPENAI_API_KEY", token).env("SIMULATOR_CONTROL_URL", control);
        program.env("HOME", home.path()).current_dir(home.path());
        move || Said::by(program)
    });
    let said = said.await.expect("it runs");
    assert_eq!((said.code, said.stdout.trim()), (Some(0), "ok"), "{}\n{}", said.stderr, gateway.log());
}

/// A program of `tests/sdk`, run by what `test.sh` has installed and names in a variable.
#[expect(clippy::disallowed_methods, reason = "this is how test.sh tells")]
fn script(runner: &str, name: &str) -> Command {
    let sentence = "no SDK for the tests: run them with ./test.sh, which installs it";
    let mut program = Command::new(std::env::var_os(runner).expect(sentence));
    let path = std::env::var_os("PATH").unwrap_or_default();
    program.env_clear().env("PATH", path).env("OPENAI_SDK", std::env::var_os("TEST_NODE_SDK").expect(sentence));
    program.arg(format!("{}/tests/sdk/{name}", env!("CARGO_MANIFEST_DIR")));
    program
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python() {
    run(script("TEST_PYTHON", "openai_sdk.py")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node() {
    run(script("TEST_NODE", "openai_sdk.mjs")).await;
}
