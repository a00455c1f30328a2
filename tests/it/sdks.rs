//! OpenAI's SDKs against a whole gateway, with an API token. `tests/sdk` has the programs.

use std::process::Command;

use serde_json::json;

use crate::{models::signed_in, support::gateway::CommandOutput};

/// Runs an SDK program with an environment of its own. It must print "ok".
async fn run(mut program: Command) {
    let (provider, home, gateway) = signed_in().await;
    let made = gateway.post("/v1/tokens", json!({"name": "sdk"})).await.json();
    program.env("OPENAI_BASE_URL", format!("{}/v1", gateway.base));
    program.env("OPENAI_API_KEY", made["token"].as_str().expect("a token"));
    program.env("SIMULATOR_CONTROL_URL", &provider.control_url);
    program.env("HOME", home.path()).current_dir(home.path());
    let output = CommandOutput::of(program);
    assert_eq!((output.code, output.stdout.trim()), (Some(0), "ok"), "{}\n{}", output.stderr, gateway.log());
}

/// Returns the command for a program of `tests/sdk`. A variable of `test.sh` names the interpreter.
#[expect(clippy::disallowed_methods, reason = "this is how test.sh tells")]
fn script(runner: &str, name: &str) -> Command {
    let sentence = "no SDK for the tests: run them with ./test.sh, which installs it";
    let mut program = Command::new(std::env::var_os(runner).expect(sentence));
    let path = std::env::var_os("PATH").unwrap_or_default();
    program.env_clear().env("PATH", path).env("OPENAI_SDK", std::env::var_os("TEST_NODE_SDK").expect(sentence));
    program.arg(format!("{}/tests/sdk/{name}", env!("CARGO_MANIFEST_DIR")));
    program
}

#[tokio::test]
async fn python() {
    run(script("TEST_PYTHON", "openai_sdk.py")).await;
}

#[tokio::test]
async fn node() {
    run(script("TEST_NODE", "openai_sdk.mjs")).await;
}
