//! Tests of one unreadable row: the account is quarantined on every replica and across restarts, and no other account
//! is affected.

use serde_json::{Value, json};

use crate::{
    replicas::home,
    support::{
        gateway::{Gateway, Home, eventually},
        postgres::Database,
        provider::Provider,
    },
};

async fn sign_in(provider: &Provider, gateway: &Gateway, account: &str) {
    let start = json!({"provider_type": "openai-codex", "force": true});
    let started = gateway.post(&format!("/v1/auth/{account}/start"), start).await;
    assert_eq!(started.status, 200, "{}", started.text);
    let redirect_url = provider.redirect_for(started.json()["auth_url"].as_str().expect("an auth_url")).await;
    let pasted = gateway.post(&format!("/v1/auth/{account}/callback"), json!({"redirect_url": redirect_url})).await;
    assert_eq!(pasted.status, 200, "{}", pasted.text);
}

async fn status(gateway: &Gateway, account: &str) -> Value {
    gateway.get(&format!("/v1/auth/{account}/status")).await.json()
}

/// Sends a prompt and returns the status and the error.
async fn ask(gateway: &Gateway, account: &str) -> (u16, Value) {
    let response = gateway.post("/v1/responses", json!({"model": format!("{account}/gpt-5.5"), "input": "hi"})).await;
    (response.status, response.json()["error"].clone())
}

async fn assert_only_studio_is_unreadable(gateway: &Gateway, table: &str, why: &str) {
    let studio = status(gateway, "studio").await;
    assert_eq!(
        (&studio["state"], &studio["unreadable"]["table"]),
        (&json!("unreadable"), &json!(table)),
        "{why}: {studio}"
    );
    assert!(studio["reason"].as_str().is_some_and(|reason| reason.contains(table)), "{why}: {studio}");
    assert_eq!(status(gateway, "openai").await["state"], "active", "{why}");
    let listed = gateway.get("/v1/providers").await;
    assert_eq!(listed.status, 200, "{why}: {}", listed.text);
    assert!(listed.text.contains("openai-codex") && listed.text.contains("\"studio\""), "{why}: {}", listed.text);
    assert_eq!(ask(gateway, "openai").await.0, 200, "{why}");
    let models = gateway.get("/v1/models").await;
    assert!(models.status == 200 && models.text.contains("openai-codex/"), "{why}: {}", models.text);
    assert_eq!(models.header("goclaw-incomplete-models"), "studio", "{why}");
    let (refused, error) = ask(gateway, "studio").await;
    assert_eq!((refused, &error["code"]), (400, &json!("account_unreadable")), "{why}: {error}");
    assert!(error["message"].as_str().is_some_and(|message| message.contains(table) && message.contains("sign in")));
}

const DAMAGES: [(&str, &str); 6] = [
    ("llm_providers", "UPDATE llm_providers SET api_key = 'not-a-seal' WHERE name = 'studio'"),
    ("llm_providers", "UPDATE llm_providers SET provider_type = 'acme' WHERE name = 'studio'"),
    ("llm_providers", "UPDATE llm_providers SET settings = '[]' WHERE name = 'studio'"),
    ("llm_providers", "UPDATE llm_providers SET state = 'asleep' WHERE name = 'studio'"),
    ("llm_providers", "UPDATE llm_providers SET cause = 'boredom' WHERE name = 'studio'"),
    ("config_secrets", "UPDATE config_secrets SET value = 'x' WHERE key = 'oauth.studio.refresh_token'"),
];

#[tokio::test]
async fn an_unreadable_row_affects_no_other_account_on_any_replica() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let homes = [home(&provider, &database), home(&provider, &database)];
    let (first, mut second) = tokio::join!(homes[0].start(), homes[1].start());
    first.sign_in().await;
    for (table, damage) in DAMAGES {
        sign_in(&provider, &first, "studio").await;
        sign_in(&provider, &first, "spare").await;
        let serves_spare = || async { (ask(&second, "spare").await.0 == 200).then_some(()) };
        eventually("the second gateway to serve the account", serves_spare).await;
        database.execute(damage).await;
        assert_only_studio_is_unreadable(&first, table, damage).await;
        assert_only_studio_is_unreadable(&second, table, damage).await;
        assert_eq!(first.post("/v1/auth/spare/logout", json!({})).await.status, 200);
        let rejects_spare = || async { (ask(&second, "spare").await.0 != 200).then_some(()) };
        eventually("the second gateway to read the logout", rejects_spare).await;
    }
    second.stop().await;
    second = homes[1].start().await;
    assert_only_studio_is_unreadable(&second, "config_secrets", "after a restart").await;
    let logout = second.post("/v1/auth/studio/logout", json!({})).await;
    assert_eq!((logout.status, &logout.json()["removed"]), (200, &json!(true)), "{}", logout.text);
    assert_eq!(status(&second, "studio").await["state"], "absent");
}

/// SQLite stores bytes that are no UTF-8. PostgreSQL refuses them.
const NOT_UTF8: [&str; 10] = [
    "UPDATE llm_providers SET api_key = CAST(x'76323aff' AS TEXT) WHERE name = 'studio'",
    "UPDATE llm_providers SET display_name = CAST(x'ff' AS TEXT) WHERE name = 'openai-codex'",
    "UPDATE api_tokens SET name = CAST(x'ff' AS TEXT) WHERE id = (SELECT max(id) FROM api_tokens)",
    "UPDATE api_tokens SET digest = CAST(x'ff' AS TEXT) WHERE id = (SELECT min(id) FROM api_tokens)",
    "UPDATE credential_events SET provider = CAST(x'ff' AS TEXT) WHERE id = 1",
    "UPDATE login_sessions SET detail = CAST(x'ff' AS TEXT), provider = CAST(x'ff' AS TEXT)",
    "UPDATE audit_log SET subject = CAST(x'ff' AS TEXT)",
    "INSERT INTO provider_feedback VALUES ('spare', CAST(x'ff' AS TEXT), '{}')",
    "UPDATE change_feed SET accounts = CAST(x'ff' AS TEXT)",
    "INSERT INTO revocations (id, provider, provider_type, login_id, token, client, created_at, next_attempt_at) \
     VALUES (CAST(x'ff' AS TEXT), 'studio', 'openai-codex', 'l', 't', CAST(x'ff' AS TEXT), 0, 0)",
];

#[tokio::test]
async fn bytes_that_are_no_utf8_affect_only_their_rows() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    sign_in(&provider, &gateway, "studio").await;
    for name in ["editor", "laptop"] {
        assert_eq!(gateway.post("/v1/tokens", json!({"name": name})).await.status, 200);
    }
    gateway.stop().await;
    for damage in NOT_UTF8 {
        home.change_database(damage);
    }
    let gateway = home.start().await;
    assert_only_studio_is_unreadable(&gateway, "llm_providers", "a text that is no UTF-8").await;
    for path in ["/v1/tokens", "/v1/activity", "/v1/audit"] {
        assert_eq!(gateway.get(path).await.status, 200, "{path}");
    }
    let logout = gateway.post("/v1/auth/studio/logout", json!({})).await;
    assert_eq!((logout.status, &logout.json()["removed"]), (200, &json!(true)), "{}", logout.text);
    assert_eq!(gateway.post("/v1/auth/openai/refresh", json!({})).await.status, 200);
    sign_in(&provider, &gateway, "studio").await;
    gateway.stop().await;
    home.change_database(
        "UPDATE config_secrets SET value = CAST(x'ff' AS TEXT) WHERE key = 'oauth.studio.refresh_token'",
    );
    let gateway = home.start().await;
    assert_only_studio_is_unreadable(&gateway, "config_secrets", "a refresh token that is no UTF-8").await;
}

#[tokio::test]
async fn the_cli_explains_how_to_repair_an_unreadable_account() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    home.change_database("UPDATE llm_providers SET settings = 'no JSON'");
    let shown = home.run(&["auth", "status"]);
    assert_eq!(shown.code, Some(1), "{}{}", shown.stdout, shown.stderr);
    for part in ["llm_providers.settings", "sign in again, or restore", "goclaw auth login"] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    let listed = home.run(&["providers", "list"]);
    assert!(listed.stdout.contains("unreadable"), "{}", listed.stdout);
    assert_eq!(gateway.sign_in().await.status, 200);
    assert_eq!(home.run(&["auth", "status"]).code, Some(0));
}

/// Damage that new tokens repair, because login and generation remain readable.
const REPAIRABLE: [&str; 4] = [
    "UPDATE llm_providers SET settings = '[]'",
    "UPDATE llm_providers SET state = 'asleep'",
    "UPDATE llm_providers SET cause = 'boredom', api_key = 'not-a-seal'",
    "UPDATE config_secrets SET value = 'x' WHERE key LIKE 'oauth.%'",
];

#[tokio::test]
async fn a_commit_repairs_a_row_that_was_damaged_during_the_refresh() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    for home in [home(&provider, &database), Home::new(&provider)] {
        let gateway = home.start().await;
        for (refreshes, damage) in (0_u64..).zip(REPAIRABLE) {
            if refreshes == 0 {
                gateway.sign_in().await;
            }
            // The provider rotates the token and keeps the response until the row is damaged.
            provider.post_control("/stops/clear", json!({})).await;
            provider.post_control("/stops", json!({"step": "rotated"})).await;
            let damaging = async {
                provider.post_control("/stops/await", json!({"step": "rotated"})).await;
                if home.data_dir().join("goclaw.db").exists() {
                    home.change_database(damage);
                } else {
                    database.execute(damage).await;
                }
                provider.post_control("/stops/release", json!({"release": "continue"})).await;
            };
            tokio::join!(gateway.post("/v1/auth/openai/refresh", json!({})), damaging);
            let status = gateway.status().await;
            let seen = (&status["state"], &status["generation"], &status["authenticated"]);
            assert_eq!(seen, (&json!("active"), &json!(refreshes + 1), &json!(true)), "{damage}: {status}");
            assert_eq!(gateway.get("/v1/proxy/openai/wham/usage").await.status, 200, "{damage}");
        }
    }
}

#[tokio::test]
async fn the_start_repairs_a_damaged_row_from_the_journal() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    assert_eq!(gateway.post("/v1/auth/openai/refresh", json!({})).await.status, 200);
    gateway.stop().await;
    // The token journal is called `escrow` on disk.
    let journal = home.data_dir().join("escrow");
    let record = std::fs::read_dir(&journal).expect("the journal").flatten().map(|file| file.path());
    let record = record.into_iter().find(|path| path.to_string_lossy().ends_with(".committed.json")).expect("a record");
    // Makes the record unsaved, as after a kill before the commit.
    std::fs::rename(&record, record.to_string_lossy().replace(".committed", "")).expect("it is renamed");
    home.change_database("UPDATE llm_providers SET generation = 0, state = 'asleep'");
    let gateway = home.start().await;
    let status = gateway.status().await;
    assert_eq!((&status["state"], &status["generation"]), (&json!("active"), &json!(1)), "{status}");
    assert_eq!(gateway.post("/v1/auth/openai/refresh", json!({})).await.status, 200);
}
