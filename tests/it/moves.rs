//! Tests of `goclaw export` and `goclaw import`: accounts move, and only one installation has a login at any time.

use std::{fs, path::Path};

use goclaw::adapters::{
    archive::{ArchiveKind, ArchiveWriter, ArchivedAccount, Header, Line},
    system::SystemRandom,
};
use http_message::Method;
use serde_json::{Value, json};

use crate::{
    replicas,
    support::{
        command_output::CommandOutput,
        gateway::{Gateway, Home, eventually},
        postgres::Database,
        provider::Provider,
    },
};

const PASSPHRASE: &str = "correct horse battery staple\n";

fn run(home: &Home, command: &str, file: &Path, arguments: &[&str]) -> CommandOutput {
    let file = file.display().to_string();
    home.run_with_input(&[&[command, &file], arguments].concat(), PASSPHRASE)
}

async fn refresh(gateway: &Gateway) -> u16 {
    gateway.post("/v1/auth/openai/refresh", json!({})).await.status
}

/// Asserts the number of presentations, that no token was presented twice, and that nothing was revoked.
async fn assert_presented_without_reuse(provider: &Provider, presentations: u32) {
    let totals = provider.get_control("/presentations/totals").await;
    let counts = ["presentations", "reuse_refused", "families_killed"].map(|count| totals[count].clone());
    assert_eq!(counts, [json!(presentations), json!(0), json!(0)], "{totals}");
}

async fn wait_for_state(gateway: &Gateway, state: &str) -> Value {
    let status_with_state = || async { Some(gateway.status().await).filter(|status| status["state"] == state) };
    eventually("the state", status_with_state).await
}

/// The folder of the token journal is called `escrow`.
fn journal_files(home: &Home) -> Vec<String> {
    let files = fs::read_dir(home.data_dir().join("escrow")).expect("the journal").flatten();
    files.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn an_account_moves_to_another_database_and_is_refreshed_there() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let (source, target) = (Home::new(&provider), replicas::home(&provider, &database));
    let gateway = source.start().await;
    gateway.sign_in().await;
    assert_eq!(refresh(&gateway).await, 200);
    let file = source.path().join("moving.age");
    // The gateway keeps running during the export.
    let done = run(&source, "export", &file, &["openai-codex"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    wait_for_state(&gateway, "absent").await;
    let events = gateway.get("/v1/activity").await.json();
    assert_eq!(events["events"][0]["event"], "moved_away", "{events}");
    let entry = &gateway.get("/v1/audit?limit=1").await.json()["entries"][0];
    assert_eq!((&entry["action"], &entry["subject"]), (&json!("exported"), &json!("openai-codex")), "{entry}");
    eventually("the journal to say that the login is elsewhere", || async {
        matches!(&journal_files(&source)[..], [end] if end.ends_with(".elsewhere.ended")).then_some(())
    })
    .await;
    gateway.stop().await;

    let done = run(&target, "import", &file, &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(!file.exists(), "a second import would give two installations the login");
    let gateway = target.start().await;
    let status = gateway.status().await;
    assert_eq!((&status["state"], &status["authenticated"]), (&json!("active"), &json!(true)), "{status}");
    assert!(status["account"]["email"].as_str().is_some(), "{status}");
    for _ in 0..2 {
        assert_eq!(refresh(&gateway).await, 200);
    }
    assert_presented_without_reuse(&provider, 3).await;
    // The old installation does not restore the account.
    let gateway = source.start().await;
    assert_eq!(gateway.status().await["state"], "absent");
}

#[tokio::test]
async fn a_running_gateway_gets_an_account_and_keeps_its_newest_tokens() {
    let provider = Provider::approving();
    let (source, target) = (Home::new(&provider), Home::new(&provider));
    let gateway = source.start().await;
    gateway.sign_in().await;
    gateway.call(Method::PATCH, "/v1/providers/openai-codex", Some(json!({"display_name": "Work"}))).await;
    gateway.stop().await;
    let file = source.path().join("moving.age");
    assert_eq!(run(&source, "export", &file, &["--all"]).code, Some(0));
    let gateway = target.start().await;
    assert_eq!(run(&target, "import", &file, &["openai-codex"]).code, Some(0));
    wait_for_state(&gateway, "active").await;
    let listed = gateway.get("/v1/providers").await.json();
    assert!(listed.to_string().contains(r#""display_name":"Work""#), "{listed}");
    assert!(
        journal_files(&target).iter().any(|record| record.ends_with(".committed.json")),
        "{:?}",
        journal_files(&target)
    );
    assert_eq!(refresh(&gateway).await, 200);
    // The file still has the spent token.
    let again = run(&target, "import", &file, &["openai-codex", "--replace"]);
    assert!(again.code == Some(0) && again.stdout.contains("Imported before"), "{again:?}");
    assert_eq!(refresh(&gateway).await, 200);
    assert_presented_without_reuse(&provider, 2).await;
}

#[tokio::test]
async fn an_account_in_doubt_or_unknown_is_not_exported() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    let file = home.path().join("moving.age");
    let unknown = run(&home, "export", &file, &["openai-codex", "work"]);
    assert!(unknown.code == Some(1) && unknown.stderr.contains("no account work"), "{unknown:?}");
    let fault = json!({"endpoint": "refresh", "fault": {"kind": "lose_answer"}});
    provider.post_control("/faults", fault).await;
    refresh(&gateway).await;
    for names in ["openai-codex", "--all"] {
        let refused = run(&home, "export", &file, &[names]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
    }
    assert_eq!(gateway.status().await["state"], "in_doubt");
    let left = fs::read_dir(home.path()).expect("a folder").flatten().map(|file| file.file_name());
    assert!(!left.into_iter().any(|name| name.to_string_lossy().contains("moving.age")), "no draft is left behind");
}

#[tokio::test]
async fn a_restored_source_neither_uses_nor_revokes_the_moved_tokens() {
    let provider = Provider::approving();
    let (source, target) = (Home::new(&provider), Home::new(&provider));
    let gateway = source.start().await;
    gateway.sign_in().await;
    gateway.stop().await;
    let (backup, file) = (source.path().join("backup.age"), source.path().join("moving.age"));
    assert_eq!(run(&source, "backup", &backup, &[]).code, Some(0));
    assert_eq!(run(&source, "export", &file, &["openai"]).code, Some(0));
    assert_eq!(run(&target, "import", &file, &[]).code, Some(0));
    assert_eq!(run(&source, "restore", &backup, &["--replace"]).code, Some(0));
    let (old, new) = (source.start().await, target.start().await);
    let status = old.status().await;
    assert_eq!(status["state"], "in_doubt", "{status}");
    let unasked = source.run(&["auth", "refresh"]);
    assert!(unasked.code == Some(1) && unasked.stderr.contains("Not refreshed. To retry it"), "{unasked:?}");
    refresh(&old).await;
    assert_eq!(refresh(&new).await, 200);
    assert_presented_without_reuse(&provider, 1).await;
    assert_eq!(source.number("SELECT count(*) FROM revocations"), 0);
}

#[tokio::test]
async fn import_and_restore_refuse_each_other_s_files_and_drafts() {
    let provider = Provider::approving();
    let (source, target) = (Home::new(&provider), Home::new(&provider));
    let gateway = source.start().await;
    gateway.sign_in().await;
    gateway.stop().await;
    let (backup, file) = (source.path().join("backup.age"), source.path().join("moving.age"));
    assert_eq!(run(&source, "backup", &backup, &["--with-keys"]).code, Some(0));
    assert_eq!(run(&source, "export", &file, &["openai-codex"]).code, Some(0));
    let import = run(&target, "import", &backup, &[]);
    assert!(import.code == Some(1) && import.stderr.contains("goclaw restore"), "{import:?}");
    let restore = run(&target, "restore", &file, &[]);
    assert!(restore.code == Some(1) && restore.stderr.contains("goclaw import"), "{restore:?}");
    let draft = source.path().join("moving.age.draft-1");
    fs::copy(&file, &draft).expect("a copy");
    let import = run(&target, "import", &draft, &[]);
    assert!(import.code == Some(1) && import.stderr.contains("draft of an export"), "{import:?}");
    assert!(run(&target, "import", &file, &["other"]).stderr.contains("not in the archive"));
    assert!(!target.data_dir().join("goclaw.db").exists());
}

/// One of them would be connected, and its name would be taken for the other one.
#[test]
fn an_archive_with_two_accounts_of_one_name_is_refused() {
    let home = Home::without_provider();
    let file = home.path().join("moving.age");
    let header = Header::new(ArchiveKind::Accounts, 0);
    let created = ArchiveWriter::create(&file, &PASSPHRASE.trim().into(), &SystemRandom, &header);
    let mut archive = created.expect("a file");
    for secret in ["sk-1", "sk-2"] {
        let account = ArchivedAccount {
            name: "work".to_owned(),
            provider_type: "dashscope".to_owned(),
            display_name: None,
            enabled: true,
            settings: json!({"auth_method": "api_key", "obtained_at": 1}),
            access_token: Some(secret.into()),
            refresh_token: None,
        };
        archive.write(&Line { account: Some(account), ..Line::default() }).expect("it is written");
    }
    archive.write(&Line { end: Some(2), ..Line::default() }).expect("it is written");
    archive.finish().and_then(|draft| draft.publish()).expect("it is published");
    let refused = run(&home, "import", &file, &[]);
    assert!(refused.code == Some(1) && refused.stderr.contains("the account work is in"), "{refused:?}");
    assert!(file.exists() && !home.data_dir().join("goclaw.db").exists());
}

#[tokio::test]
async fn an_import_checks_all_accounts_first_and_a_repeated_one_changes_nothing() {
    let provider = Provider::approving();
    let (source, target) = (Home::new(&provider), Home::new(&provider));
    let gateway = source.start().await;
    gateway.sign_in().await;
    let key = json!({"api_key": "sk-1", "provider_type": "dashscope", "unchecked": true});
    let saved = gateway.call(Method::PUT, "/v1/auth/work/secret", Some(key)).await;
    assert_eq!(saved.status, 200, "{}", saved.text);
    gateway.stop().await;
    let file = source.path().join("moving.age");
    assert_eq!(run(&source, "export", &file, &["--all"]).code, Some(0));
    // The second account of the file cannot be imported, so the first one is not connected either.
    let gateway = target.start().await;
    let suno = json!({"session_token": "s-1", "provider_type": "suno", "unchecked": true});
    let saved = gateway.call(Method::PUT, "/v1/auth/work/secret", Some(suno)).await;
    assert_eq!(saved.status, 200, "{}", saved.text);
    let refused = run(&target, "import", &file, &["--replace"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("an account work of type suno"), "{refused:?}");
    assert_eq!(gateway.status().await["state"], "absent");

    let copy = source.path().join("copy.age");
    fs::copy(&file, &copy).expect("a copy");
    assert_eq!(run(&target, "import", &file, &["openai-codex"]).code, Some(0));
    wait_for_state(&gateway, "active").await;
    assert_eq!(refresh(&gateway).await, 200);
    assert_eq!(gateway.post("/v1/auth/openai/logout", json!({})).await.status, 200);
    // The account has ended here, and an import of the same file does not bring it back.
    let again = run(&target, "import", &copy, &["openai-codex"]);
    assert!(again.code == Some(0) && again.stdout.contains("Imported before"), "{again:?}");
    assert_eq!(gateway.status().await["state"], "absent");
    assert_presented_without_reuse(&provider, 1).await;
}
