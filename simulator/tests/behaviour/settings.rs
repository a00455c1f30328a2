//! Tests that every setting can be set over the control API, in the format in which it is shown.

use std::time::Duration;

use goclaw_simulator::{ReusePolicy, Settings};
use serde_json::{Value, json};

use crate::client::Fixture;

/// A non-default value for each setting. The test checks that none is missing.
fn others() -> Value {
    let account = json!({
        "user_id": "user", "account_id": "account", "name": "Somebody", "email": null, "plan": "pro", "fedramp": true,
    });
    json!({
        "clients": [{"client_id": "app_other", "name": "Other"}],
        "accounts": [account],
        "signed_in": 1,
        "redirect_ports": {"only": [1455, 1457]},
        "approval": {"mode": "error_param", "error": "server_error"},
        "callback": "wrong_issuer",
        "code_lifetime": "1m",
        "access_lifetime": "20s",
        "refresh_lifetime": "1d",
        "reuse": {"grace": "1500ms"},
        "revocation_ends_grant": true,
        "error_shape": "truncated_json",
        "expires_in": {"value": "3600"},
        "access_token_form": "unreadable_exp",
        "omit_id_token": true,
        "omit_refresh_token": true,
        "answer_for_account": 1,
        "clock_offset_seconds": -5,
        "session_lifetime": "30s",
        "models": ["model-of-a-test"],
        "lite_models": ["model-of-a-test"],
        "speech": "sentences",
        "stream_deltas": 9,
        "stream_pause": "10ms",
        "used_percent": 100,
        "secondary_used_percent": 3,
        "used_percent_by_account": {"account": {"primary": 1, "secondary": 2}},
        "deactivated_workspaces": ["account"],
        "percent_per_response": {"primary": 5, "secondary": 1},
        "rate_limits_in_stream": true,
        "api_keys": ["sk-of-a-test"],
        "dashscope_models": ["model-of-a-test"],
        "embedding_models": ["embedding-of-a-test"],
    })
}

#[tokio::test]
async fn every_setting_can_be_set_alone_and_with_all_others() {
    let fixture = Fixture::new().await;
    let (default, others) = (fixture.get_control("/settings").await, others());
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let (mut known, mut tested) = (names(&default), names(&others));
    known.sort();
    tested.sort();
    assert_eq!(tested, known, "a setting is missing in this test");

    for name in known {
        assert_ne!(others[&name], default[&name], "{name}");
        let shown = fixture.post_control("/settings", json!({ &name: others[&name] })).await.json();
        assert_eq!(shown[&name], others[&name], "{name}");
        let unchanged: Vec<_> = names(&default).into_iter().filter(|other| *other != name).collect();
        assert!(unchanged.iter().all(|other| shown[other] == default[other]), "{name} has changed another setting");
        fixture.post_control("/reset", json!({})).await;
        assert_eq!(fixture.simulator.settings(), Settings::default(), "{name}");
    }
    assert_eq!(fixture.post_control("/settings", others.clone()).await.json(), others);
    assert_eq!(fixture.get_control("/settings").await, others);
}

#[tokio::test]
async fn all_reuse_policies_can_be_set() {
    let fixture = Fixture::new().await;
    for (given, policy) in [
        (json!("refuse_only"), ReusePolicy::RefuseOnly),
        (json!({"grace": "2m"}), ReusePolicy::Grace(Duration::from_secs(120))),
        (json!("kill_family"), ReusePolicy::KillFamily),
    ] {
        assert_eq!(fixture.post_control("/settings", json!({"reuse": given})).await.status, 200);
        assert_eq!(fixture.simulator.settings().reuse, policy);
    }
}

#[tokio::test]
async fn invalid_settings_are_refused_without_effect() {
    let fixture = Fixture::new().await;
    for wrong in [
        json!({"reuse": {"grace": 10}}),
        json!({"reuse": "sometimes"}),
        json!({"access_lifetime": "7"}),
        json!({"accounts": [{"user_id": "only"}]}),
        json!({"used_percent": -1}),
        json!({"used_percent_by_account": {"account": 100}}),
        json!({"no_such_setting": true}),
        json!({"omit_id_token": true, "stream_pause": "soon"}),
        json!(["not", "an", "object"]),
    ] {
        let answer = fixture.post_control("/settings", wrong.clone()).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(!answer.json()["error"].as_str().unwrap().is_empty());
        assert_eq!(fixture.simulator.settings(), Settings::default(), "{wrong}");
    }
}
