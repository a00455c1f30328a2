//! A test of the previous release and this one on one database: both log in, refresh and answer prompts, and each sees
//! the other's changes. `tests/full.sh previous_release` builds the previous release and runs this test.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    replicas,
    support::{
        gateway::{Gateway, eventually},
        postgres::Database,
        provider::Provider,
    },
};

/// The variable with the path of the previous release's program.
const PREVIOUS: &str = "TEST_PREVIOUS_GOCLAW";

#[expect(clippy::disallowed_methods, reason = "tests/full.sh sets this variable")]
fn previous_release() -> PathBuf {
    std::env::var_os(PREVIOUS)
        .expect("run it with: tests/full.sh previous_release, which builds the previous release")
        .into()
}

async fn wait_for_status(gateway: &Gateway, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || async { Some(gateway.status().await).filter(&holds) }).await
}

async fn prompt(gateway: &Gateway, token: &str) -> u16 {
    let body = json!({"model": "gpt-5.5", "input": "Hello"});
    gateway.call_as(token, Method::POST, "/v1/responses", Some(body)).await.status
}

async fn assert_both_answer(gateways: [&Gateway; 2], token: &str) {
    for gateway in gateways {
        eventually("the prompt to be answered", || async { (prompt(gateway, token).await == 200).then_some(()) }).await;
    }
}

#[tokio::test]
#[ignore = "needs the program of the previous release: tests/full.sh previous_release"]
async fn the_previous_release_and_this_one_share_a_database() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let old_home = replicas::home(&provider, &database).with_program(previous_release());
    let new_home = replicas::home(&provider, &database);
    // The previous release creates the schema, and this release migrates it while the previous one runs.
    let old = old_home.start().await;
    old.sign_in().await;
    let created = old.post("/v1/tokens", json!({"name": "editor"})).await.json();
    let token = created["token"].as_str().expect("a token").to_owned();
    let new = new_home.start().await;
    assert_both_answer([&old, &new], &token).await;

    let mut generation = 0;
    for _ in 0..2 {
        for (gateway, other) in [(&new, &old), (&old, &new)] {
            assert_eq!(gateway.post("/v1/auth/openai/refresh", json!({})).await.status, 200);
            generation += 1;
            wait_for_status(other, "the other gateway's refresh", |status| status["generation"] == generation).await;
        }
    }
    assert_both_answer([&old, &new], &token).await;

    // Each gateway replaces the other's login.
    for (gateway, other) in [(&new, &old), (&old, &new)] {
        gateway.sign_in_again().await;
        let login = gateway.status().await["login_id"].clone();
        wait_for_status(other, "the other gateway's login", |status| status["login_id"] == login).await;
    }
    // Token rotation is new in this release. The previous release accepts both tokens of a program.
    let rotated = new.post("/v1/tokens/editor/rotate", json!({"overlap": 600})).await.json();
    let rotated = rotated["token"].as_str().expect("a token").to_owned();
    for token in [&token, &rotated] {
        assert_both_answer([&old, &new], token).await;
    }
    assert_eq!(old.post("/v1/auth/openai/logout", json!({})).await.status, 200);
    wait_for_status(&new, "the other gateway's logout", |status| status["state"] == "absent").await;
    let totals = provider.get_control("/presentations/totals").await;
    assert_eq!((&totals["presentations"], &totals["reuse_refused"]), (&json!(4), &json!(0)), "{totals}");
    // A release before 0.1.0 does not start on a schema with an unknown migration, so this test does not restart it.
    // store_contract/sqlite_file.rs tests that later releases do.
}
