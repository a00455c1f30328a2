//! Tests of the audit log: it names who made a change, and its check finds changed and removed entries.

use std::sync::Arc;

use goclaw::{
    adapters::{store::SqliteStore, system::SystemClock},
    app::{Audit, AuditFindings, Tasks, Vault},
    domain::audit::{AuditAction, AuditEvent, Checkpoint},
    ports::{AuditLog, Author},
};
use http_message::Method;
use serde_json::{Value, json};

use crate::{
    store_contract::{
        fixtures::{Fixture, Sqlite},
        samples::{at, author, author_with},
    },
    support::{
        gateway::{Gateway, Home, http},
        provider::Provider,
    },
};

/// Returns the entries as "actor: action (result)", oldest first. Parts that differ between runs are left out.
async fn audit_entries(gateway: &Gateway) -> Vec<String> {
    let page = gateway.get("/v1/audit").await.json();
    let entries = page["entries"].as_array().expect("entries").iter().rev();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let format_entry = |entry: &Value| {
        let actor = text(&entry["actor"]).split(' ').take(2).collect::<Vec<_>>().join(" ");
        format!("{actor}: {} ({})", text(&entry["action"]), text(&entry["result"]))
    };
    entries.map(format_entry).collect()
}

#[tokio::test]
async fn the_log_names_who_changed_what_and_from_where() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let mut gateway = home.start().await;
    gateway.sign_in().await;
    let created = gateway.post("/v1/tokens", json!({"name": "editor"})).await.json();
    let session = gateway.post("/v1/session", json!({})).await.json();
    gateway.token = session["token"].as_str().expect("a token").to_owned();
    gateway.post("/v1/auth/openai/refresh", json!({})).await;
    gateway.call(Method::DELETE, &format!("/v1/tokens/{}", created["id"].as_str().expect("an id")), None).await;
    gateway.post("/v1/auth/openai/logout", json!({})).await;
    let expected = [
        "gateway: key_added (done)",
        "gateway token: login_started (done)",
        "callback: signed_in (done)",
        "gateway token: token_created (done)",
        "gateway token: session_started (done)",
        "page session: token_revoked (done)",
        "page session: signed_out (done)",
    ];
    assert_eq!(audit_entries(&gateway).await, expected);
    let newest = &gateway.get("/v1/audit?limit=1").await.json();
    assert_eq!(newest["entries"][0]["address"], "127.0.0.1");
    assert_eq!(newest["entries"][0]["request_id"].as_str().map(str::len), Some(16));
    let cursor = newest["next_cursor"].as_str().expect("another page");
    let next = gateway.get(&format!("/v1/audit?limit=1&cursor={cursor}")).await.json();
    assert_eq!(next["entries"][0]["action"], "token_revoked");
}

#[tokio::test]
async fn a_link_that_its_owner_ends_is_not_recorded_as_used() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let link = async || gateway.post("/v1/session/link", json!({})).await.json();
    let used = link().await["link"].as_str().expect("a link").to_owned();
    assert_eq!(gateway.call_as(&used, Method::POST, "/v1/session", Some(json!({}))).await.status, 200);
    link().await;
    let ended = gateway.call(Method::DELETE, "/v1/sessions", None).await;
    assert_eq!(ended.json()["ended"], 2, "{}", ended.text);
    let entries = audit_entries(&gateway).await;
    let count = |action: &str| entries.iter().filter(|entry| entry.contains(action)).count();
    assert!(entries.contains(&"gateway token: link_ended (done)".to_owned()), "{entries:?}");
    assert_eq!((count("link_created"), count("link_used"), count("session_ended")), (2, 1, 1), "{entries:?}");
}

#[tokio::test]
async fn the_caller_behind_a_trusted_proxy_is_named_and_others_cannot_choose_their_address() {
    for (proxies, expected) in [("127.0.0.0/8", "203.0.113.9"), ("192.0.2.1", "127.0.0.1")] {
        let home = Home::without_provider().with("GOCLAW_SERVER__TRUSTED_PROXIES", proxies);
        let gateway = home.start().await;
        let request = http().post(format!("{}/v1/tokens", gateway.base)).bearer_auth(&gateway.token);
        let request = request.header("x-forwarded-for", "198.51.100.1, 203.0.113.9").json(&json!({"name": "editor"}));
        assert_eq!(request.send().await.expect("a response").status(), 200);
        let newest = gateway.get("/v1/audit?limit=1").await.json();
        assert_eq!(newest["entries"][0]["address"], expected, "{newest}");
    }
}

#[tokio::test]
async fn a_caller_with_a_mapped_address_is_named_by_its_ipv4_address() {
    let gateway = Home::without_provider().with("GOCLAW_SERVER__HOST", "::").start().await;
    assert_eq!(gateway.post("/v1/tokens", json!({"name": "editor"})).await.status, 200);
    let newest = gateway.get("/v1/audit?limit=1").await.json();
    assert_eq!(newest["entries"][0]["address"], "127.0.0.1", "{newest}");
}

#[tokio::test]
async fn the_command_line_lists_exports_and_verifies_the_log() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    let listed = home.run(&["audit", "list", "--limit", "2"]);
    assert_eq!((listed.code, listed.stdout.lines().count()), (Some(0), 3), "{}{}", listed.stdout, listed.stderr);
    assert!(listed.stdout.contains("signed_in"), "{}", listed.stdout);
    let exported = home.run(&["audit", "export"]);
    let first: Value = serde_json::from_str(exported.stdout.lines().next().expect("a line")).expect("JSON");
    assert_eq!((exported.stdout.lines().count(), &first["id"], &first["action"]), (3, &json!(1), &json!("key_added")));
    let verified = home.run(&["audit", "verify"]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    let checkpoint = verified.stdout.trim().rsplit(' ').next().expect("a checkpoint").to_owned();
    gateway.stop().await;
    home.change_database("DELETE FROM audit_log WHERE id = 3");
    assert_eq!(home.run(&["audit", "verify"]).code, Some(0), "a truncation is not detected without a checkpoint");
    let verified = home.run(&["audit", "verify", "--checkpoint", &checkpoint]);
    assert_eq!(verified.code, Some(1), "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("the entries from 3 to at least 3 are missing"), "{}", verified.stdout);
}

/// Returns the audit service of a store, with the key of [`author`].
fn audit(store: Arc<SqliteStore>) -> Audit {
    let vault = Vault::new(author(at(0)).cipher);
    Audit { log: store, clock: Arc::new(SystemClock), vault, tasks: Tasks::default() }
}

async fn append(store: &SqliteStore, subject: &str, author: &Author) {
    let event = AuditEvent::done(AuditAction::SignedOut, subject, None);
    store.append(event, author).await.expect("no store error");
}

/// Verifies six entries after `change`, with a checkpoint of the newest.
async fn findings(change: &str) -> AuditFindings {
    let sqlite = Sqlite::open().await;
    let store = sqlite.store();
    for seconds in 1..=6 {
        append(&store, &seconds.to_string(), &author(at(seconds))).await;
    }
    let newest: Checkpoint = store.newest(i64::MAX, 1).await.expect("no store error")[0].checkpoint();
    sqlite.execute(change);
    audit(store).verify(Some(&newest)).await.expect("no store error")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_to_the_log_is_detected() {
    assert_eq!(findings("").await.problems, Vec::<String>::new());
    let assignments = [
        "at = at + 1",
        "actor = 'x'",
        "address = 'x'",
        "request_id = 'x'",
        "action = 'x'",
        "subject = 'x'",
        "result = 'x'",
        "detail = 'x'",
        "digest = 'x'",
        "mark = 'x'",
    ];
    for assignment in assignments {
        for id in [1, 3, 6] {
            let change = format!("UPDATE audit_log SET {assignment} WHERE id = {id}");
            assert!(!findings(&change).await.problems.is_empty(), "{change}");
        }
    }
    for change in [
        "DELETE FROM audit_log WHERE id = 1",
        "DELETE FROM audit_log WHERE id = 3",
        "DELETE FROM audit_log WHERE id = 6",
        "DELETE FROM audit_log",
        "UPDATE audit_log SET mark = (SELECT mark FROM audit_log WHERE id = 2) WHERE id = 3",
        "UPDATE audit_log SET id = id + 1 WHERE id = 6",
        "DELETE FROM audit_log WHERE id < 4; UPDATE audit_log SET id = id - 3",
        "INSERT INTO audit_log SELECT id + 1, at, actor, address, request_id, action, subject, result, detail, digest, mark
         FROM audit_log WHERE id = 6",
    ] {
        assert!(!findings(change).await.problems.is_empty(), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_by_the_gateway_is_not_reported_as_a_problem() {
    let sqlite = Sqlite::open().await;
    let store = sqlite.store();
    for seconds in 1..=6 {
        append(&store, &seconds.to_string(), &author(at(seconds))).await;
    }
    let oldest = store.oldest(0, 2).await.expect("no store error");
    let [first, second] = [0, 1].map(|index: usize| oldest[index].checkpoint());
    let audit = audit(store);
    assert_eq!(audit.delete_before(at(3)).await.expect("no store error"), 2);
    assert_eq!(audit.delete_before(at(5)).await.expect("no store error"), 2);
    assert_eq!(audit.verify(None).await.expect("no store error").problems, Vec::<String>::new());
    for deleted in [first, second] {
        let problems = audit.verify(Some(&deleted)).await.expect("no store error").problems;
        assert!(problems.len() == 1 && problems[0].contains("was deleted"), "{problems:?}");
    }
    sqlite.execute("UPDATE audit_log SET subject = 'x' WHERE id = 5");
    assert_eq!(audit.verify(None).await.expect("no store error").problems.len(), 1, "the change of entry 5");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_times_delete_no_entry() {
    for change in [
        "UPDATE audit_log SET at = 0",
        "UPDATE audit_log SET at = 0 WHERE id = 1",
        "UPDATE audit_log SET at = 0 WHERE id = 5",
        "UPDATE audit_log SET at = 0, digest = 'x' WHERE id = 1",
    ] {
        let sqlite = Sqlite::open().await;
        let store = sqlite.store();
        for seconds in 11..=16 {
            append(&store, &seconds.to_string(), &author(at(seconds))).await;
        }
        sqlite.execute(change);
        assert_eq!(audit(store.clone()).delete_before(at(9)).await.expect("no store error"), 0, "{change}");
        assert_eq!(store.oldest(0, 9).await.expect("no store error").len(), 6, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_from_a_clock_in_the_past_deletes_no_newer_entries() {
    let sqlite = Sqlite::open().await;
    let store = sqlite.store();
    for seconds in [1, 11, 2, 12] {
        append(&store, &seconds.to_string(), &author(at(seconds))).await;
    }
    let audit = audit(store.clone());
    assert_eq!(audit.delete_before(at(9)).await.expect("no store error"), 1);
    assert_eq!(audit.verify(None).await.expect("no store error").problems, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_mark_proves_entries_whose_key_is_missing() {
    let sqlite = Sqlite::open().await;
    let store = sqlite.store();
    append(&store, "1", &author_with(2, at(1))).await;
    let audit = audit(store.clone());
    let problems = audit.verify(None).await.expect("no store error").problems;
    assert!(problems[0].contains("cannot be proven"), "{problems:?}");
    append(&store, "2", &author(at(2))).await;
    assert_eq!(audit.verify(None).await.expect("no store error").problems, Vec::<String>::new());
}
