//! Tests the control API, and that the journal contains no secrets.

use goclaw_simulator::{
    Approval, Endpoint, FamilyLedger, Fault, JournalEntry, Options, ReusePolicy, Settings, Simulator, TokenStatus,
};
use serde_json::json;

use crate::client::{Answer, Fixture, refused};

#[tokio::test]
async fn the_journal_shows_every_request_and_no_secret() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.refresh(&tokens.refresh).await;
    fixture.refresh(&tokens.refresh).await;
    let text = fixture.get_control("/journal").await.to_string() + &fixture.get_control("/ledger").await.to_string();
    let entries: Vec<JournalEntry> = serde_json::from_value(fixture.get_control("/journal").await).unwrap();
    let outcomes: Vec<_> = entries.iter().map(|entry| (entry.sequence, entry.outcome.as_str())).collect();
    assert_eq!(outcomes, [(1, "code_issued"), (2, "tokens_issued"), (3, "tokens_issued"), (4, "refresh_token_reused")]);
    assert_eq!(entries[2].token_sha256, entries[3].token_sha256);
    assert_ne!(entries[1].token_sha256, entries[2].token_sha256);
    assert_eq!(entries[3].grant_type.as_deref(), Some("refresh_token"));
    assert_eq!(entries[1].family, Some(fixture.simulator.ledger()[0].family));
    assert!(entries[3].header_names.contains(&"content-type".to_owned()));
    for secret in fixture.simulator.issued_secrets() {
        assert!(!text.contains(&secret));
    }
    assert!(!text.contains("CANARY"));
    let ledger: Vec<FamilyLedger> = serde_json::from_value(fixture.get_control("/ledger").await).unwrap();
    assert_eq!(ledger, fixture.simulator.ledger());
}

#[tokio::test]
async fn approval_settings_and_faults_can_be_set_over_http() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.get_control("/healthz").await, json!({"status": "ok"}));
    assert_eq!(fixture.post_control("/approval", json!({"mode": "deny"})).await.status, 200);
    assert_eq!(fixture.simulator.settings().approval, Approval::Deny);
    assert_eq!(
        fixture.post_control("/approval", json!({"mode": "error_param", "error": "server_error"})).await.status,
        200
    );

    let settings = json!({"reuse": {"grace": "10s"}, "access_lifetime": "20s", "expires_in": {"value": -1}});
    assert_eq!(fixture.post_control("/settings", settings).await.status, 200);
    assert_eq!(fixture.simulator.settings().reuse, ReusePolicy::Grace(std::time::Duration::from_secs(10)));
    assert_eq!(fixture.post_control("/settings", json!({"no_such": 1})).await.status, 400);
    assert_eq!(
        serde_json::from_value::<Settings>(fixture.get_control("/settings").await).unwrap(),
        fixture.simulator.settings()
    );

    let order = json!({"endpoint": "refresh", "fault": {"kind": "lose_answer"}});
    assert_eq!(fixture.post_control("/faults", order).await.status, 200);
    let order = json!({"endpoint": "token", "fault": {"kind": "slow_drip", "every": "5ms"}, "times": {"next": 3}});
    assert_eq!(fixture.post_control("/faults", order).await.status, 200);
    assert_eq!(
        fixture.post_control("/faults", json!({"endpoint": "token", "fault": {"kind": "no"}})).await.status,
        400
    );
    let waiting = fixture.simulator.faults();
    assert_eq!((waiting.len(), waiting[0].endpoint, &waiting[0].fault), (2, Endpoint::Refresh, &Fault::LoseAnswer));
    fixture.post_control("/faults/clear", json!({})).await;
    assert!(fixture.simulator.faults().is_empty());
}

#[tokio::test]
async fn the_control_api_returns_secrets_and_token_statuses() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    assert_eq!(fixture.get_control("/issued").await, json!(fixture.simulator.issued_secrets()));
    let status = |answer: Answer| answer.json()["status"].as_str().unwrap().to_owned();
    assert_eq!(status(fixture.post_control("/introspect", json!({"token": tokens.access})).await), "live");
    fixture.post_control("/revoke-all", json!({})).await;
    assert_eq!(status(fixture.post_control("/introspect", json!({"token": tokens.access})).await), "revoked");
    assert_eq!(status(fixture.post_control("/introspect", json!({"token": "x"})).await), "unknown");
}

#[tokio::test]
async fn keys_rotate_and_a_reset_clears_the_rest() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let kid = fixture.post_control("/rotate-keys", json!({})).await.json()["kid"].clone();
    let url = format!("{}/.well-known/jwks.json", fixture.simulator.issuer());
    let keys = Answer::of(fixture.http.get(&url).send().await.unwrap()).await.json()["keys"].clone();
    assert_eq!((keys.as_array().unwrap().len(), &keys[0]["kid"]), (2, &kid));

    fixture.post_control("/approval", json!({"mode": "deny"})).await;
    fixture.post_control("/reset", json!({})).await;
    assert_eq!(fixture.simulator.settings(), Settings::default());
    assert!(fixture.simulator.journal().is_empty() && fixture.simulator.ledger().is_empty());
    assert!(fixture.simulator.issued_secrets().is_empty());
    assert_eq!(fixture.simulator.token_status(&tokens.access), TokenStatus::Unknown);
    assert_eq!(fixture.refresh(&tokens.refresh).await.refusal(), refused(401, ""));
}

#[tokio::test]
async fn stopping_frees_the_ports() {
    let fixture = Fixture::new().await;
    let port = fixture.simulator.issuer().rsplit_once(':').unwrap().1.parse().unwrap();
    fixture.simulator.stop().await;
    assert!(Simulator::start(Options { port, ..Options::default() }).await.is_ok());
}
