//! The table of expectations: each fault, the login's state right after it, and its final state.

use serde_json::{Value, json};

/// The number of presentations. If they continue until the provider is back, only the minimum is certain.
#[derive(Debug, Clone, Copy)]
pub(super) enum Count {
    Exactly(u64),
    AtLeast(u64),
}

/// The login's state as the gateway reports it, and the provider's counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) state: &'static str,
    pub(super) authenticated: bool,
    pub(super) generation: u64,
    pub(super) presentations: Count,
    pub(super) reuse: u64,
}

/// The owner's final action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Nothing,
    SignIn,
}

impl Owner {
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::SignIn => "signs in again",
        }
    }
}

/// How a case causes the fault.
#[derive(Debug, Clone)]
pub(super) enum Strike {
    /// The next refresh fails this way.
    Fault(Value),
    /// Every refresh fails this way until some time after the access token's expiry.
    FaultBeyondLife(Value),
    /// The next request is stopped at this step.
    Stop(Value),
    /// The first settings apply to the next refresh. The second ones restore the simulator's settings.
    Setting(Value, Value),
    /// The response to one refresh lacks the refresh token that the provider has issued. The next refresh presents the
    /// spent one.
    LostUnnoticed(Value),
    /// The provider ends the session.
    Revoked,
    /// The provider is down until some time after the access token's expiry.
    Outage,
}

#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) fault: &'static str,
    pub(super) strike: Strike,
    /// The provider's initial settings.
    pub(super) provider: Value,
    /// Further settings of the gateway.
    pub(super) gateway: Option<(&'static str, &'static str)>,
    pub(super) after: Expected,
    pub(super) end: Expected,
    pub(super) owner: Owner,
}

fn expect(state: &'static str, authenticated: bool, generation: u64, presentations: u64, reuse: u64) -> Expected {
    Expected { state, authenticated, generation, presentations: Count::Exactly(presentations), reuse }
}

fn case(fault: &'static str, strike: Strike, after: Expected, end: Expected, owner: Owner) -> Case {
    Case { fault, strike, provider: json!({}), gateway: None, after, end, owner }
}

/// The token was not consumed, but the gateway cannot know that. One late retry succeeds.
fn doubted(fault: &'static str, how: Value) -> Case {
    let (doubt, well) = (expect("in_doubt", true, 0, 1, 0), expect("active", true, 1, 2, 0));
    case(fault, Strike::Fault(how), doubt, well, Owner::Nothing)
}

/// The token was consumed and its successor lost. The one late retry is refused.
fn lost(fault: &'static str, how: Value) -> Case {
    let (doubt, over) = (expect("in_doubt", true, 0, 1, 0), expect("needs_reauth", false, 0, 2, 1));
    case(fault, Strike::Fault(how), doubt, over, Owner::SignIn)
}

/// The provider reported that it did not consume the token. The gateway retries when the retry is due.
fn spared(fault: &'static str, how: Value) -> Case {
    let (postponed, well) = (expect("active", true, 0, 1, 0), expect("active", true, 1, 2, 0));
    case(fault, Strike::Fault(how), postponed, well, Owner::Nothing)
}

/// A definite refusal. There is no retry, and the access token serves until its expiry.
fn refused(fault: &'static str, strike: Strike) -> Case {
    let [serving, over] = [true, false].map(|authenticated| expect("needs_reauth", authenticated, 0, 1, 0));
    case(fault, strike, serving, over, Owner::SignIn)
}

/// An unusual but valid response.
fn accepted(fault: &'static str, strike: Strike) -> Case {
    let well = expect("active", true, 1, 1, 0);
    case(fault, strike, well, well, Owner::Nothing)
}

/// An invalid lifetime of an opaque token. The provider has this setting from the start, so the strike changes nothing.
fn odd_lifetime(fault: &'static str, expires_in: Value) -> Case {
    let odd = json!({"access_token_form": "opaque", "expires_in": {"value": expires_in}});
    Case { provider: odd, ..accepted(fault, Strike::Setting(json!({}), json!({}))) }
}

/// The gateway retries after the access token's expiry, until the provider is back.
fn outlasted(fault: &'static str, strike: Strike, state: &'static str, least: u64) -> Case {
    let count = Count::AtLeast(least);
    let down = Expected { presentations: count, ..expect(state, false, 0, 0, 0) };
    let well = Expected { presentations: count, ..expect("active", true, 1, 0, 0) };
    case(fault, strike, down, well, Owner::Nothing)
}

fn page(status: u16) -> Value {
    json!({"kind": "status", "status": status, "content_type": "text/html", "body": "<html><body>Hello</body></html>"})
}

fn status(status: u16, body: &Value) -> Value {
    json!({"kind": "status", "status": status, "body": body.to_string()})
}

/// A response later than the gateway's timeout of 900 ms.
fn late(delay: &str) -> Value {
    json!({"kind": "delay", "by": delay})
}

pub(super) fn cases() -> Vec<Case> {
    let kind = |kind: &str| json!({ "kind": kind });
    let server_error = json!({"error": {"code": "server_error"}});
    let overloaded = status(503, &json!({"error": {"code": "server_is_overloaded"}}));
    let country = status(403, &json!({"error": {"code": "unsupported_country_region_territory"}}));
    let no_rotation = json!({"omit_refresh_token": true});
    let no_refresh_token = json!({"kind": "members", "members": {"refresh_token": null}});
    vec![
        // Not consumed, which the gateway cannot know.
        doubted("500", status(500, &server_error)),
        doubted("502 with a page", page(502)),
        doubted("503", overloaded.clone()),
        doubted("hang, before the token is consumed", kind("hang")),
        doubted("reset, before the token is consumed", kind("reset_before")),
        doubted("307 to elsewhere", json!({"kind": "redirect", "status": 307, "location": "/elsewhere"})),
        doubted("200 with a page, before the token is consumed", page(200)),
        doubted("400 without a code", status(400, &json!({"detail": "Bad Request"}))),
        doubted("403 with a page", page(403)),
        // Consumed, and the successor lost in transit.
        lost("lost response", kind("lose_answer")),
        lost("hang, after the token is consumed", kind("hang_after_commit")),
        lost("500, after the token is consumed", json!({"kind": "status_after_commit", "status": 500})),
        lost("half JSON", kind("half_json")),
        lost("1 GiB of body", kind("huge_body")),
        lost("slow drip beyond the timeout", json!({"kind": "slow_drip", "every": "50ms"})),
        // Stored although the call had timed out.
        accepted("response 0.5 s after the timeout", Strike::Fault(late("1400ms"))),
        accepted("response 3 s after the timeout", Strike::Fault(late("3900ms"))),
        // Retried as soon as no caller can be waiting for the first response.
        Case {
            provider: json!({"reuse": {"grace": "60s"}}),
            gateway: Some(("GOCLAW_PROVIDERS__OPENAI_CODEX__REFRESH_GRACE", "60s")),
            after: expect("active", true, 1, 2, 0),
            ..doubted("lost response, grace window configured", kind("lose_answer"))
        },
        // Refused for a reason unrelated to the token.
        spared("429", json!({"kind": "status", "status": 429, "retry_after": "1"})),
        spared("403 unsupported country", country),
        // Refused definitely.
        refused("401 {\"detail\":\"Unauthorized\"}", Strike::Fault(status(401, &json!({"detail": "Unauthorized"})))),
        refused("session ended by the provider", Strike::Revoked),
        refused(
            "403 deactivated workspace",
            Strike::Fault(status(403, &json!({"detail": {"code": "deactivated_workspace"}}))),
        ),
        refused(
            "wrong account",
            Strike::Setting(json!({"answer_for_account": 1}), json!({"answer_for_account": null})),
        ),
        // Unusual but valid.
        accepted("200 as text/html", Strike::Fault(json!({"kind": "retyped", "content_type": "text/html"}))),
        accepted(
            "no refresh_token, no rotation",
            Strike::Setting(no_rotation.clone(), json!({"omit_refresh_token": false})),
        ),
        Case {
            end: expect("needs_reauth", true, 1, 2, 1),
            owner: Owner::SignIn,
            ..accepted("refresh_token missing although rotated", Strike::LostUnnoticed(no_refresh_token))
        },
        odd_lifetime("expires_in 0", json!(0)),
        odd_lifetime("expires_in -1", json!(-1)),
        odd_lifetime("expires_in 1e18", json!(1e18)),
        odd_lifetime("expires_in \"3600\"", json!("3600")),
        // Longer than the access token's lifetime.
        outlasted("outage beyond the token's life", Strike::Outage, "active", 0),
        outlasted("503 beyond the token's life", Strike::FaultBeyondLife(overloaded), "in_doubt", 2),
        outlasted("hang beyond the token's life", Strike::FaultBeyondLife(kind("hang")), "in_doubt", 2),
        // Closed before the provider recorded a presentation, so the retry is the first one.
        case(
            "closed as soon as it is connected",
            Strike::Stop(json!({"step": "connected", "stop": "close"})),
            expect("in_doubt", true, 0, 0, 0),
            expect("active", true, 1, 1, 0),
            Owner::Nothing,
        ),
    ]
}
