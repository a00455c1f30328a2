//! Tests of reading a login's outcome from a status, and of pasting its redirect URL.

use goclaw::adapters::cli::{
    login::paste_hint,
    login_wait::{LoginState, PendingLogin},
    pasted_lines::{Lines, MAX_LINE_BYTES, Pasted},
};
use secrecy::ExposeSecret;

fn state(status: &str) -> LoginState {
    LoginState::of(&serde_json::from_str(status).unwrap(), "ours")
}

#[test]
fn the_outcome_is_read_from_the_status() {
    let last = |id: &str, outcome: &str| {
        format!(
            r#"{{"authenticated":false,"state":"absent","last_login":{{"login_id":"{id}","outcome":"{outcome}","reason":"R.","at":1}}}}"#
        )
    };
    let pending_status = |id: &str| {
        format!(
            r#"{{"authenticated":true,"state":"active","login_id":"old","pending":{{"login_id":"{id}","expires_at":1}}}}"#
        )
    };
    assert_eq!(state(r#"{"authenticated":true,"state":"active","login_id":"ours"}"#), LoginState::Completed);
    assert_eq!(state(&last("ours", "completed")), LoginState::Completed);
    assert_eq!(state(&last("ours", "denied")), LoginState::Failed("R.".to_owned()));
    assert_eq!(state(&last("older", "denied")), LoginState::Unknown);
    assert_eq!(state(&pending_status("ours")), LoginState::Pending);
    assert!(matches!(state(&pending_status("another")), LoginState::Failed(_)));
    assert_eq!(state(r#"{"authenticated":true,"state":"active","login_id":"old"}"#), LoginState::Unknown);
}

fn pending_login(callback: &str) -> PendingLogin {
    let redirect = "http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback";
    let started = format!(
        r#"{{"status":"pending","auth_url":"https://auth.example/authorize?redirect_uri={redirect}&state=s",
             "provider_name":"openai-codex","login_id":"1","expires_at":9,"callback":{callback}}}"#
    );
    PendingLogin::of(serde_json::from_str(&started).unwrap()).unwrap()
}

#[test]
fn the_hint_says_where_to_paste() {
    assert_eq!(
        paste_hint(&pending_login(r#"{"listening":true}"#)),
        "If the browser ends at a page that does not load, paste its whole address here \
         (it starts with http://localhost:1455/auth/callback?code=...). Then press Enter; it is not shown."
    );
    let busy = r#"{"listening":false,"error":"failed to start OAuth flow (is port 1455 available?)"}"#;
    let hint = paste_hint(&pending_login(busy));
    assert!(hint.starts_with("failed to start OAuth flow (is port 1455 available?)\n"), "{hint}");
}

#[test]
fn lines_are_joined_from_chunks_and_blank_lines_are_skipped() {
    let mut lines = Lines::default();
    lines.bytes.extend(b"\n  \r\nhttp://local");
    assert!(lines.take().is_none());
    lines.bytes.extend(b"host \nsecond\n");
    assert!(matches!(lines.take(), Some(Pasted::Line(_))));
    assert!(matches!(lines.take(), Some(Pasted::Line(_))));
    assert!(lines.take().is_none());
}

#[test]
fn lines_of_one_paste_are_joined_up_to_a_limit() {
    let line = |text: &str| Pasted::Line(text.into());
    let joined = line("http://localhost/?code=a").followed_by(line("b&state=c"));
    assert!(matches!(&joined, Pasted::Line(text) if text.expose_secret() == "http://localhost/?code=a\nb&state=c"));
    let long = "x".repeat(MAX_LINE_BYTES);
    assert!(matches!(joined.followed_by(line(&long)), Pasted::TooLong));
    assert!(matches!(line("a").followed_by(Pasted::TooLong), Pasted::TooLong));
}

#[test]
fn an_endless_line_uses_bounded_memory() {
    let mut lines = Lines::default();
    for _ in 0..10 {
        lines.bytes.extend([b'x'; MAX_LINE_BYTES]);
        assert!(lines.take().is_none());
        assert!(lines.bytes.len() <= MAX_LINE_BYTES);
    }
    lines.bytes.extend(b"x\nnext\n");
    assert!(matches!(lines.take(), Some(Pasted::TooLong)));
    assert!(matches!(lines.take(), Some(Pasted::Line(_))));
}
