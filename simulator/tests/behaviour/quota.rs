//! Tests that headers, `/wham/usage` and refusals report the same plan usage.

use std::time::{SystemTime, UNIX_EPOCH};

use goclaw_simulator::{Account, UsedPercent};
use reqwest::Response;
use serde_json::{Value, json};

use crate::{
    backend::{ACCOUNT_ID, prompt},
    client::{Answer, Fixture},
};

fn header_number(response: &Response, name: &str) -> f64 {
    response.headers()[name].to_str().unwrap().parse().unwrap()
}

/// Returns the header values about both windows that `/wham/usage` reports too.
fn windows(response: &Response) -> Vec<Vec<f64>> {
    let window = |name: &str| {
        let header = |member: &str| header_number(response, &format!("x-codex-{name}-{member}"));
        vec![header("used-percent"), header("window-minutes") * 60.0, header("reset-at")]
    };
    vec![window("primary"), window("secondary")]
}

fn windows_of_usage(usage: &Value) -> Vec<Vec<f64>> {
    let window = |name: &str| {
        let member = |member: &str| usage["rate_limit"][name][member].as_f64().unwrap();
        vec![member("used_percent"), member("limit_window_seconds"), member("reset_at")]
    };
    vec![window("primary_window"), window("secondary_window")]
}

#[tokio::test]
async fn headers_and_usage_report_the_same_windows() {
    let fixture = Fixture::with(|settings| settings.secondary_used_percent = Some(77)).await;
    let tokens = fixture.sign_in().await;
    let response = fixture.responses(&tokens.access, &prompt()).await.unwrap();
    let usage = fixture.usage_of(&tokens.access).await.json();
    assert_eq!((response.status().as_u16(), windows(&response)), (200, windows_of_usage(&usage)));
    assert_eq!((windows(&response)[0][0], windows(&response)[1][0]), (12.0, 77.0));
    assert_eq!(response.headers()["x-codex-credits-has-credits"], "False");
    assert_eq!((&usage["rate_limit"]["allowed"], &usage["credits"]["has_credits"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn an_exhausted_plan_refuses_with_its_reset_time() {
    for (primary, secondary, reached) in
        [(100, None, "primary"), (0, Some(100), "secondary"), (100, Some(120), "secondary")]
    {
        let fixture = Fixture::with(|settings| {
            settings.used_percent = primary;
            settings.secondary_used_percent = secondary;
        })
        .await;
        let tokens = fixture.sign_in().await;
        let refused = fixture.responses(&tokens.access, &prompt()).await.unwrap();
        let usage = fixture.usage_of(&tokens.access).await.json();
        assert_eq!((refused.status().as_u16(), windows(&refused)), (429, windows_of_usage(&usage)));
        assert_eq!(refused.headers()["x-codex-rate-limit-reached-type"], reached);
        assert_eq!(usage["rate_limit_reached_type"]["type"], reached);
        assert_eq!(
            (&usage["rate_limit"]["allowed"], &usage["rate_limit"]["limit_reached"]),
            (&json!(false), &json!(true))
        );
        let resets_at = header_number(&refused, &format!("x-codex-{reached}-reset-at"));
        let resets_in = header_number(&refused, &format!("x-codex-{reached}-reset-after-seconds"));
        let error = Answer::of(refused).await.json()["error"].clone();
        let expected = json!({
            "type": "usage_limit_reached",
            "message": "The usage limit has been reached",
            "plan_type": "plus",
            "resets_at": resets_at as u64,
            "resets_in_seconds": resets_in as u64,
            "eligible_promo": null,
        });
        assert_eq!(error, expected);
        assert_eq!(fixture.simulator.streams().completed, 0);
        assert_eq!(
            fixture.simulator.journal().iter().filter(|entry| entry.outcome == "usage_limit_reached").count(),
            1
        );
    }
}

#[tokio::test]
async fn accounts_have_separate_usage() {
    let used_up = UsedPercent { primary: 100, secondary: 40 };
    let fixture = Fixture::with(|settings| {
        settings.used_percent_by_account.insert(ACCOUNT_ID.to_owned(), used_up);
    })
    .await;
    let first = fixture.sign_in().await;
    fixture.simulator.update_settings(|settings| settings.signed_in = 1);
    let second = fixture.sign_in().await;
    assert_eq!(fixture.responses(&first.access, &prompt()).await.unwrap().status(), 429);
    let other = fixture.http.post(format!("{}/codex/responses", fixture.simulator.backend_url()));
    let other = other.bearer_auth(&second.access).header("ChatGPT-Account-ID", Account::numbered(2).account_id);
    let answer = other.json(&prompt()).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), windows(&answer)[0][0]), (200, 12.0));
}

#[tokio::test]
async fn responses_add_usage_until_the_windows_end() {
    let fixture = Fixture::with(|settings| {
        settings.used_percent = 80;
        settings.percent_per_response = UsedPercent { primary: 10, secondary: 1 };
    })
    .await;
    // Start in the middle of a five-hour window, so that no new one begins during the test.
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() % 18_000;
    let to_the_middle = 9_000_i64 - i64::try_from(elapsed).unwrap();
    fixture.simulator.update_settings(|settings| settings.clock_offset_seconds = to_the_middle);
    let tokens = fixture.sign_in().await;
    for reported in [80.0, 90.0] {
        let answer = fixture.responses(&tokens.access, &prompt()).await.unwrap();
        assert_eq!((answer.status().as_u16(), windows(&answer)[0][0]), (200, reported));
    }
    let refused = fixture.responses(&tokens.access, &prompt()).await.unwrap();
    assert_eq!((refused.status().as_u16(), windows(&refused)[0][0]), (429, 100.0));

    fixture.simulator.update_settings(|settings| settings.clock_offset_seconds += 18_000);
    let answer = fixture.responses(&tokens.access, &prompt()).await.unwrap();
    assert_eq!((answer.status().as_u16(), windows(&answer)[0][0]), (200, 80.0));
    assert!((40.0..=42.0).contains(&windows(&answer)[1][0]), "the longer window continues, unless it ended too");
}

#[tokio::test]
async fn a_stream_can_report_the_windows_like_its_headers() {
    let fixture = Fixture::with(|settings| settings.rate_limits_in_stream = true).await;
    let tokens = fixture.sign_in().await;
    let answer = fixture.responses(&tokens.access, &prompt()).await.unwrap();
    let reported = windows(&answer);
    let text = answer.text().await.unwrap();
    let event = text.split("\n\n").find_map(|frame| frame.strip_prefix("event: codex.rate_limits\ndata: ")).unwrap();
    let event: Value = serde_json::from_str(event).unwrap();
    let window = |name: &str| {
        let member = |member: &str| event["rate_limits"][name][member].as_f64().unwrap();
        vec![member("used_percent"), member("window_minutes") * 60.0, member("reset_at")]
    };
    assert_eq!(vec![window("primary"), window("secondary")], reported);
}
