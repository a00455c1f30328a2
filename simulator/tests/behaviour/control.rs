//! Tests the control API, and that the journal contains no secrets.

use goclaw_simulator::{
    Approval, Endpoint, FamilyLedger, Fault, JournalEntry, Options, ReusePolicy, Settings, Simulator, TokenStatus,
};
use serde_json::json;

use crate::client::{Answer, Party, refused};

#[tokio::test]
async fn the_journal_shows_every_request_and_no_secret() {
    let party = Party::new().await;
    let tokens = party.sign_in().await;
    party.refresh(&tokens.refresh).await;
    party.refresh(&tokens.refresh).await;
    let text = party.look("/journal").await.to_string() + &party.look("/ledger").await.to_string();
    let entries: Vec<JournalEntry> = serde_json::from_value(party.look("/journal").await).unwrap();
    let outcomes: Vec<_> = entries.iter().map(|entry| (entry.sequence, entry.outcome.as_str())).collect();
    assert_eq!(outcomes, [(1, "code_issued"), (2, "tokens_issued"), (3, "tokens_issued"), (4, "refresh_token_reused")]);
    assert_eq!(entries[2].token_sha256, entries[3].token_sha256);
    assert_ne!(entries[1].token_sha256, entries[2].token_sha256);
    assert_eq!(entries[3].grant_type.as_deref(), Some("refresh_token"));
    assert_eq!(entries[1].family, Some(party.simulator.ledger()[0].family));
    assert!(entries[3].header_names.contains(&"content-type".to_owned()));
    for secret in party.simulator.issued_secrets() {
        assert!(!text.contains(&secret));
    }
    assert!(!text.contains("CANARY"));
    let ledger: Vec<FamilyLedger> = serde_json::from_value(party.look("/ledger").await).unwrap();
    assert_eq!(ledger, party.simulator.ledger());
}

#[tokio::test]
async fn approval_settings_and_faults_can_be_set_over_http() {
    let party = Party::new().await;
    assert_eq!(party.look("/healthz").await, json!({"status": "ok"}));
    assert_eq!(party.change("/approval", json!({"mode": "deny"})).await.status, 200);
    assert_eq!(party.simulator.settings().approval, Approval::Deny);
    assert_eq!(party.change("/approval", json!({"mode": "error_param", "error": "server_error"})).await.status, 200);

    let settings = json!({"reuse": {"grace": "10s"}, "access_lifetime": "20s", "expires_in": {"value": -1}});
    assert_eq!(party.change("/settings", settings).await.status, 200);
    assert_eq!(party.simulator.settings().reuse, ReusePolicy::Grace(std::time::Duration::from_secs(10)));
    assert_eq!(party.change("/settings", json!({"no_such": 1})).await.status, 400);
    assert_eq!(serde_json::from_value::<Settings>(party.look("/settings").await).unwrap(), party.simulator.settings());

    let order = json!({"endpoint": "refresh", "fault": {"kind": "lose_answer"}});
    assert_eq!(party.change("/faults", order).await.status, 200);
    let order = json!({"endpoint": "token", "fault": {"kind": "slow_drip", "every": "5ms"}, "times": {"next": 3}});
    assert_eq!(party.change("/faults", order).await.status, 200);
    assert_eq!(party.change("/faults", json!({"endpoint": "token", "fault": {"kind": "no"}})).await.status, 400);
    let waiting = party.simulator.faults();
    assert_eq!((waiting.len(), waiting[0].endpoint, &waiting[0].fault), (2, Endpoint::Refresh, &Fault::LoseAnswer));
    party.change("/faults/clear", json!({})).await;
    assert!(party.simulator.faults().is_empty());
}

#[tokio::test]
async fn the_control_api_returns_secrets_and_token_statuses() {
    let party = Party::new().await;
    let tokens = party.sign_in().await;
    assert_eq!(party.look("/issued").await, json!(party.simulator.issued_secrets()));
    let status = |answer: Answer| answer.json()["status"].as_str().unwrap().to_owned();
    assert_eq!(status(party.change("/introspect", json!({"token": tokens.access})).await), "live");
    party.change("/revoke-all", json!({})).await;
    assert_eq!(status(party.change("/introspect", json!({"token": tokens.access})).await), "revoked");
    assert_eq!(status(party.change("/introspect", json!({"token": "x"})).await), "unknown");
}

#[tokio::test]
async fn keys_rotate_and_a_reset_clears_the_rest() {
    let party = Party::new().await;
    let tokens = party.sign_in().await;
    let kid = party.change("/rotate-keys", json!({})).await.json()["kid"].clone();
    let url = format!("{}/.well-known/jwks.json", party.simulator.issuer());
    let keys = Answer::of(party.http.get(&url).send().await.unwrap()).await.json()["keys"].clone();
    assert_eq!((keys.as_array().unwrap().len(), &keys[0]["kid"]), (2, &kid));

    party.change("/approval", json!({"mode": "deny"})).await;
    party.change("/reset", json!({})).await;
    assert_eq!(party.simulator.settings(), Settings::default());
    assert!(party.simulator.journal().is_empty() && party.simulator.ledger().is_empty());
    assert!(party.simulator.issued_secrets().is_empty());
    assert_eq!(party.simulator.token_status(&tokens.access), TokenStatus::Unknown);
    assert_eq!(party.refresh(&tokens.refresh).await.refusal(), refused(401, ""));
}

#[tokio::test]
async fn stopping_frees_the_ports() {
    let party = Party::new().await;
    let port = party.simulator.issuer().rsplit_once(':').unwrap().1.parse().unwrap();
    party.simulator.stop().await;
    assert!(Simulator::start(Options { port, ..Options::default() }).await.is_ok());
}
