//! Tests of the text that shows an account's status.

use goclaw::{
    adapters::cli::{
        status_text::{Subject, status_text},
        words::TimeFormatter,
    },
    domain::{ids::AccountName, time::Timestamp},
};
use jiff::tz::TimeZone;

const NOW: i64 = 1_000_000;

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

fn text(status: &str, subject: &Subject) -> String {
    let times = TimeFormatter { now: Timestamp::from_unix_seconds(NOW), zone: TimeZone::UTC };
    status_text(&serde_json::from_str(status).unwrap(), subject, &times)
}

fn openai(status: &str) -> String {
    text(status, &Subject::openai(&name("openai")).unwrap())
}

fn suno() -> Subject {
    let suno = r#"{"name":"suno","display_name":"Suno","provider_type":"suno","category":"media",
                   "auth_methods":["session_token"],"api_base":"","enabled":true,"state":"absent","authenticated":false}"#;
    Subject::listed(&serde_json::from_str(suno).unwrap())
}

#[test]
fn an_active_account_has_the_documented_lines() {
    assert_eq!(
        openai(r#"{"authenticated":true,"provider_name":"openai-codex","state":"active"}"#),
        "OpenAI OAuth: active (provider: openai-codex)\n\
         Use model prefix 'openai-codex/' in agent config (e.g. openai-codex/gpt-4o)."
    );
    assert_eq!(
        openai(
            r#"{"authenticated":true,"state":"active","expires_at":1601200,
                "account":{"email":"jane@example.com","plan_type":"plus"}}"#
        ),
        "OpenAI OAuth: active (provider: openai-codex)\n\
         Use model prefix 'openai-codex/' in agent config (e.g. openai-codex/gpt-4o).\n\
         Account: jane@example.com (plan plus)\n\
         Access token expires 1970-01-19 12:46 (in 6 d 23 h)."
    );
}

#[test]
fn an_absent_account_has_the_documented_lines() {
    assert_eq!(
        openai(r#"{"authenticated":false,"state":"absent"}"#),
        "No OAuth tokens found.\n\
         Use the web UI to authenticate with ChatGPT OAuth.\n\
         Or sign in from here: goclaw auth login"
    );
    assert_eq!(
        text(r#"{"authenticated":false,"state":"absent"}"#, &suno()),
        "No tokens found for suno.\nUse the web UI to connect Suno.\n\
         Or connect it from here: goclaw providers set-secret suno"
    );
}

#[test]
fn an_expired_token_is_reported_with_the_next_step() {
    let expired = r#"{"authenticated":false,"error":"token invalid or expired","state":"needs_reauth",
                      "reason":"The access token has expired."}"#;
    assert_eq!(
        openai(expired),
        "token invalid or expired\nThe access token has expired.\n\
         Run goclaw auth logout and sign in again. Or sign in directly: goclaw auth login"
    );
    assert!(text(expired, &suno()).ends_with(
        "Run goclaw auth logout suno and sign in again. Or sign in directly: goclaw providers set-secret suno"
    ));
    let retried = expired.replace("needs_reauth", "active").replace('}', r#","next_refresh_at":1000100}"#);
    assert!(
        openai(&retried).ends_with("\nIf this lasts, sign in again with: goclaw auth login"),
        "{}",
        openai(&retried)
    );
}

#[test]
fn a_pending_or_failed_login_is_mentioned() {
    let last = r#""last_login":{"login_id":"1","outcome":"denied","reason":"You declined.","at":1}"#;
    let failed = openai(&format!(r#"{{"authenticated":false,"state":"absent",{last}}}"#));
    assert!(failed.ends_with("\nLast sign-in: You declined."), "{failed}");
    let pending = r#""pending":{"login_id":"2","expires_at":1000500}"#;
    let waiting = openai(&format!(r#"{{"authenticated":false,"state":"absent",{pending},{last}}}"#));
    assert!(waiting.ends_with("\nA sign-in is waiting for the browser (8 min 20 s left)."), "{waiting}");
}

#[test]
fn a_disabled_account_shows_how_to_enable_it() {
    assert_eq!(
        text(r#"{"authenticated":false,"state":"disabled","reason":"This provider is switched off."}"#, &suno()),
        "Suno: disabled (provider: suno)\nThis provider is switched off.\n\
         Switch it on with: goclaw providers enable suno"
    );
}
