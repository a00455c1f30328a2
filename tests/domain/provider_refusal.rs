//! Tests of reading a provider's error responses and usage reports.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use goclaw::domain::{
    provider_refusal::{ErrorResponse, ProviderRefusal, RefusalKind},
    time::Timestamp,
    usage::Usage,
};
use serde_json::json;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000);

fn read(status: u16, body: &str) -> ProviderRefusal {
    let response = ErrorResponse {
        status,
        retry_after: None,
        retry_after_ms: None,
        limit_resets_at: None,
        cf_ray: None,
        error_json: None,
        body: body.as_bytes(),
    };
    ProviderRefusal::read(response, NOW)
}

#[test]
fn every_known_form_of_error_is_classified() {
    let limit = json!({"error": {"type": "usage_limit_reached", "message": "The usage limit has been reached",
        "plan_type": "plus", "resets_at": 1_060, "resets_in_seconds": 60}});
    let halved = r#"{"error":{"type":"usage_limit_reached","message":"left \ud83d right"}}"#;
    let unsupported = r#"{"detail":"Unsupported parameter: foo"}"#;
    let workspace = r#"{"detail":{"code":"invalid_workspace_selected"}}"#;
    let expired = r#"{"error":{"message":"expired","type":"invalid_request_error","code":"token_expired"}}"#;
    let overloaded = r#"{"error":{"code":"server_is_overloaded","message":"busy"}}"#;
    for (status, body, kind, code, message) in [
        (
            429,
            limit.to_string().as_str(),
            RefusalKind::UsageLimit,
            "usage_limit_reached",
            "The usage limit has been reached",
        ),
        (
            404,
            limit.to_string().as_str(),
            RefusalKind::UsageLimit,
            "usage_limit_reached",
            "The usage limit has been reached",
        ),
        (429, halved, RefusalKind::UsageLimit, "usage_limit_reached", "left \u{fffd} right"),
        (400, unsupported, RefusalKind::BadRequest, "bad_request", "Unsupported parameter: foo"),
        (
            403,
            workspace,
            RefusalKind::AccountRefused,
            "invalid_workspace_selected",
            "the account may not use the workspace of its login",
        ),
        (401, expired, RefusalKind::TokenRefused, "token_expired", "expired"),
        (503, overloaded, RefusalKind::Overloaded, "server_is_overloaded", "busy"),
        (
            429,
            r#"{"error":{"type":"usage_not_included","message":"no"}}"#,
            RefusalKind::AccountRefused,
            "usage_not_included",
            "the plan of the account does not include this API: no",
        ),
        (
            402,
            r#"{"detail":{"code":"deactivated_workspace"}}"#,
            RefusalKind::AccountRefused,
            "deactivated_workspace",
            "the provider has deactivated the workspace of the account",
        ),
        (402, "", RefusalKind::AccountRefused, "payment_required", "the provider requires a payment for the account"),
        (
            401,
            r#"{"error":{"code":"account_deactivated","message":"No."}}"#,
            RefusalKind::AccountRefused,
            "account_deactivated",
            "the provider has deactivated the account: No.",
        ),
        (
            403,
            r#"{"error":{"code":"missing_scope","message":"Missing scopes: api.responses.write"}}"#,
            RefusalKind::AccountRefused,
            "missing_scope",
            "Missing scopes: api.responses.write",
        ),
        (429, r#"{"code":"Throttling","message":"slower"}"#, RefusalKind::RateLimited, "Throttling", "slower"),
        (400, r#"{"error":"bad"}"#, RefusalKind::BadRequest, "bad_request", "bad"),
        (
            502,
            "<html>",
            RefusalKind::Failed,
            "provider_failed",
            "the provider responded with status 502 and no message",
        ),
        (500, "", RefusalKind::Failed, "provider_failed", "the provider responded with status 500 and no message"),
    ] {
        let refusal = read(status, body);
        let found = (refusal.kind, refusal.code.as_str(), refusal.message.as_str());
        assert_eq!(found, (kind, code, message), "{status} {body}");
    }
}

#[test]
fn a_code_about_the_account_is_found_wherever_the_body_has_it() {
    for (body, code) in [
        (r#"{"error": {"code": "ACCOUNT_DEACTIVATED"}}"#, "account_deactivated"),
        (r#"{"error": {"type": "user_suspended", "message": "No."}}"#, "user_suspended"),
        (r#"{"error": "account_deleted"}"#, "account_deleted"),
        (r#"{"error": "account_deleted", "detail": "This account does not exist."}"#, "account_deleted"),
        (r#"{"detail": "organization_deactivated"}"#, "organization_deactivated"),
        (r#"{"detail": [{"code": "workspace_deactivated"}]}"#, "workspace_deactivated"),
        (r#"{"errors": [{"code": "account_disabled", "message": "No."}]}"#, "account_disabled"),
        ("\u{feff}{\"error\": {\"code\": \"user_deactivated\"}}", "user_deactivated"),
        (r#"{"code": "arrearage"}"#, "Arrearage"),
    ] {
        for status in [400, 401, 403, 429, 500] {
            let refusal = read(status, body);
            assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::AccountRefused, code), "{status} {body}");
            assert!(refusal.message.chars().count() >= 20, "{}", refusal.message);
        }
    }
    let invalid = read(422, r#"{"detail": [{"loc": ["body"], "msg": "Field required", "type": "missing"}]}"#);
    assert_eq!((invalid.kind, invalid.message.as_str()), (RefusalKind::BadRequest, "Field required"));
}

#[test]
fn the_reason_of_an_error_may_be_in_a_header_only() {
    let read = |body: &str, header: &str| {
        let response = ErrorResponse {
            status: 401,
            retry_after: None,
            retry_after_ms: None,
            limit_resets_at: None,
            cf_ray: None,
            error_json: Some(header),
            body: body.as_bytes(),
        };
        let refusal = ProviderRefusal::read(response, NOW);
        (refusal.code, refusal.message)
    };
    let expired = r#"{"error":{"message":"expired","type":"invalid_request_error","code":"token_expired"}}"#;
    let header = STANDARD.encode(expired);
    for (body, header, code, message) in [
        (r#"{"detail":"Unauthorized"}"#, header.as_str(), "token_expired", "expired"),
        (r#"{"detail":"Unauthorized"}"#, header.trim_end_matches('='), "token_expired", "expired"),
        ("", header.as_str(), "token_expired", "expired"),
        (r#"{"error":{"code":"other","message":"body"}}"#, header.as_str(), "other", "body"),
        (r#"{"detail":"Unauthorized"}"#, "not base64", "token_refused", "Unauthorized"),
        (r#"{"detail":"Unauthorized"}"#, STANDARD.encode("{}").as_str(), "token_refused", "Unauthorized"),
        (
            r#"{"detail":"Unauthorized"}"#,
            STANDARD.encode(format!("{expired}{}", " ".repeat(8_000))).as_str(),
            "token_refused",
            "Unauthorized",
        ),
    ] {
        assert_eq!(read(body, header), (code.to_owned(), message.to_owned()), "{body} {header}");
    }
}

#[test]
fn a_model_that_the_account_does_not_have_is_not_found() {
    let detail = "The 'gpt-9' model is not supported when using Codex with a ChatGPT account.";
    for (status, body) in [
        (400, json!({"detail": detail})),
        (400, json!({"error": {"message": detail, "type": "invalid_request_error"}})),
        (404, json!({"error": {"message": "The model `qwen-9` does not exist.", "code": "model_not_found"}})),
    ] {
        let refusal = read(status, &body.to_string());
        let found = (refusal.kind, refusal.code.as_str(), refusal.param.as_deref(), refusal.forbids_retry());
        assert_eq!(found, (RefusalKind::NotFound, "model_not_found", Some("model"), true), "{body}");
    }
    let tool = read(400, r#"{"detail":"The tool is not supported when the model reasons."}"#);
    assert_eq!((tool.kind, tool.code.as_str(), tool.param), (RefusalKind::BadRequest, "bad_request", None));
}

#[test]
fn a_usage_limit_has_its_reset_time() {
    let refusal = read(429, r#"{"error":{"type":"usage_limit_reached","resets_in_seconds":90,"plan_type":"pro"}}"#);
    assert_eq!((refusal.retry_after, refusal.resets_at), (Some(Duration::from_secs(90)), Some(1_090)));
    assert_eq!(refusal.plan_type.as_deref(), Some("pro"));
}

#[test]
fn a_usage_limit_is_recognised_by_its_headers_if_the_body_is_unreadable() {
    let limit_resets_at = Some(Timestamp::from_unix_seconds(1_090));
    let response = |body| ErrorResponse {
        status: 429,
        retry_after: None,
        retry_after_ms: None,
        limit_resets_at,
        cf_ray: None,
        error_json: None,
        body,
    };
    let read = |body| ProviderRefusal::read(response(body), NOW);
    let compressed = read(b"\x1f\x8b\x08");
    assert_eq!((compressed.kind, compressed.retry_after), (RefusalKind::UsageLimit, Some(Duration::from_secs(90))));
    assert!(compressed.forbids_retry());
    let too_fast = read(br#"{"error":{"code":"rate_limit_exceeded"}}"#);
    assert_eq!(
        (too_fast.kind, too_fast.retry_after, too_fast.forbids_retry()),
        (RefusalKind::RateLimited, None, false)
    );
}

#[test]
fn the_error_of_a_blocked_request_names_its_cf_ray() {
    let body = b"<html>blocked";
    let response = ErrorResponse {
        status: 403,
        retry_after: None,
        retry_after_ms: None,
        limit_resets_at: None,
        cf_ray: Some("8f-TXL"),
        error_json: None,
        body,
    };
    let refusal = ProviderRefusal::read(response, Timestamp::from_unix_seconds(0));
    assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::NotAllowed, "blocked_by_intermediary"));
    assert!(refusal.message.contains("8f-TXL"), "{}", refusal.message);
}

#[test]
fn headers_and_endpoint_report_the_same_usage() {
    let headers = [
        ("x-codex-plan-type", "plus"),
        ("x-codex-primary-used-percent", "12.5"),
        ("x-codex-primary-window-minutes", "300"),
        ("x-codex-primary-reset-at", "2000"),
        ("x-codex-secondary-used-percent", "100"),
        ("x-codex-secondary-window-minutes", "10080"),
        ("x-codex-secondary-reset-after-seconds", "9000"),
    ];
    let of_headers = Usage::of_headers(|name| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v), NOW);
    let response = json!({"plan_type": "plus", "rate_limit": {
        "primary_window": {"used_percent": 12.5, "limit_window_seconds": 18_000, "reset_at": 2_000},
        "secondary_window": {"used_percent": 100, "limit_window_seconds": 604_800, "reset_at": 10_000},
    }});
    let of_json = Usage::of_json(&response, NOW);
    assert_eq!(of_headers, of_json);
    let usage = of_json.unwrap();
    assert!(usage.limit_reached());
    assert_eq!(usage.limit_resets_at(), Some(Timestamp::from_unix_seconds(10_000)));
}

#[test]
fn a_window_s_reset_does_not_depend_on_the_machine_s_clock() {
    for at in ["900", "5000", "1601", "1600"] {
        let header = |name: &str| match name {
            "x-codex-primary-used-percent" => Some("100"),
            "x-codex-primary-reset-at" => Some(at),
            "x-codex-primary-reset-after-seconds" => Some("600"),
            _ => None,
        };
        let resets_at = Usage::of_headers(header, NOW).and_then(|usage| usage.limit_resets_at());
        let seconds: i64 = at.parse().unwrap();
        // A reset time that differs by seconds comes from the same clock.
        let expected = if seconds == 1_601 { 1_601 } else { 1_600 };
        assert_eq!(resets_at, Some(Timestamp::from_unix_seconds(expected)), "{at}");
        let report = json!({"rate_limit": {
            "primary_window": {"used_percent": 100, "reset_at": seconds, "reset_after_seconds": 600},
        }});
        assert_eq!(Usage::of_json(&report, NOW).and_then(|usage| usage.limit_resets_at()), resets_at, "{at}");
    }
}

#[test]
fn a_window_is_unused_after_its_reset() {
    let report = json!({"rate_limit": {
        "primary_window": {"used_percent": 95, "reset_at": 2_000},
        "secondary_window": {"used_percent": 95},
    }});
    let usage = Usage::of_json(&report, NOW).unwrap();
    let ratios = |seconds| {
        let now = Timestamp::from_unix_seconds(seconds);
        usage.windows.iter().map(|window| window.used_ratio(now)).collect::<Vec<_>>()
    };
    assert_eq!((ratios(1_999), ratios(2_000)), (vec![0.95, 0.95], vec![0.0, 0.95]));
}

#[test]
fn missing_and_invalid_usage_values_are_ignored() {
    assert_eq!(Usage::of_headers(|_| None, NOW), None);
    assert_eq!(Usage::of_headers(|_| Some("NaN"), NOW), None);
    assert_eq!(Usage::of_json(&json!({"detail": "Not Found"}), NOW), None);
    let free = json!({"rate_limit": {"primary_window": {"used_percent": 1}, "secondary_window": null}});
    let free = Usage::of_json(&free, NOW).unwrap();
    assert_eq!((free.windows.len(), free.windows[0].length, free.limit_reached()), (1, None, false));
}
