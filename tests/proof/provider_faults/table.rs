//! The expected table: each fault, where the login stands right after it, and where it comes to rest.

use serde_json::{Value, json};

/// How many presentations: of those that go on until the provider is back only the least is certain.
#[derive(Debug, Clone, Copy)]
pub(super) enum Count {
    Exactly(u64),
    AtLeast(u64),
}

/// Where a login stands, as the gateway tells it, and what the provider counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) state: &'static str,
    pub(super) authenticated: bool,
    pub(super) generation: u64,
    pub(super) presentations: Count,
    pub(super) reuse: u64,
}

/// What the owner has to do in the end.
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

/// How the fault is brought about.
#[derive(Debug, Clone)]
pub(super) enum Strike {
    /// The next refresh goes wrong in this way.
    Fault(Value),
    /// Every refresh does, until the access token is over and has been for a while.
    FaultBeyondLife(Value),
    /// The next request is stopped at this step.
    Stop(Value),
    /// The provider behaves like this at the next refresh, and as before after it.
    Setting(Value, Value),
    /// A token is lost unnoticed at one refresh, and missing at the next.
    LostUnnoticed(Value),
    /// The provider ends the session.
    Revoked,
    /// The provider is gone until the access token is over and has been for a while.
    Outage,
}

#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) fault: &'static str,
    pub(super) strike: Strike,
    /// Settings of the provider from its start.
    pub(super) provider: Value,
    /// Further settings of the gateway.
    pub(super) gateway: Option<(&'static str, &'static str)>,
    pub(super) after: Expected,
    pub(super) end: Expected,
    pub(super) owner: Owner,
}

fn stands(state: &'static str, authenticated: bool, generation: u64, presentations: u64, reuse: u64) -> Expected {
    Expected { state, authenticated, generation, presentations: Count::Exactly(presentations), reuse }
}

fn case(fault: &'static str, strike: Strike, after: Expected, end: Expected, owner: Owner) -> Case {
    Case { fault, strike, provider: json!({}), gateway: None, after, end, owner }
}

/// Nothing was taken, but nobody could know: one retry, late, and all is well.
fn doubted(fault: &'static str, how: Value) -> Case {
    let (doubt, well) = (stands("in_doubt", true, 0, 1, 0), stands("active", true, 1, 2, 0));
    case(fault, Strike::Fault(how), doubt, well, Owner::Nothing)
}

/// The token was taken and its successor lost: the one retry, when there is nothing left to lose, finds out.
fn lost(fault: &'static str, how: Value) -> Case {
    let (doubt, over) = (stands("in_doubt", true, 0, 1, 0), stands("needs_reauth", false, 0, 2, 1));
    case(fault, Strike::Fault(how), doubt, over, Owner::SignIn)
}

/// The provider said that it did not take the token: tried again when it is due.
fn spared(fault: &'static str, how: Value) -> Case {
    let (postponed, well) = (stands("active", true, 0, 1, 0), stands("active", true, 1, 2, 0));
    case(fault, Strike::Fault(how), postponed, well, Owner::Nothing)
}

/// A definite no: it is not asked again, and the access token serves until its end.
fn refused(fault: &'static str, strike: Strike) -> Case {
    let [serving, over] = [true, false].map(|authenticated| stands("needs_reauth", authenticated, 0, 1, 0));
    case(fault, strike, serving, over, Owner::SignIn)
}

/// Taken for what it is worth.
fn accepted(fault: &'static str, strike: Strike) -> Case {
    let well = stands("active", true, 1, 1, 0);
    case(fault, strike, well, well, Owner::Nothing)
}

/// A lifetime of an opaque token that is no lifetime.
fn odd_lifetime(fault: &'static str, expires_in: Value) -> Case {
    let odd = json!({"access_token_form": "opaque", "expires_in": {"value": expires_in}});
    Case { provider: odd, ..accepted(fault, Strike::Setting(json!({}), json!({}))) }
}

/// Tried without end once there is nothing to lose, until the provider is back.
fn outlasted(fault: &'static str, strike: Strike, state: &'static str, least: u64) -> Case {
    let count = Count::AtLeast(least);
    let down = Expected { presentations: count, ..stands(state, false, 0, 0, 0) };
    let well = Expected { presentations: count, ..stands("active", true, 1, 0, 0) };
    case(fault, strike, down, well, Owner::Nothing)
}

fn page(status: u16) -> Value {
    json!({"kind": "status", "status": status, "content_type": "text/html", "body": "<html><body>Hello</body></html>"})
}

fn status(status: u16, body: &Value) -> Value {
    json!({"kind": "status", "status": status, "body": body.to_string()})
}

pub(super) fn cases() -> Vec<Case> {
    let kind = |kind: &str| json!({ "kind": kind });
    let server_error = json!({"error": {"code": "server_error"}});
    let overloaded = status(503, &json!({"error": {"code": "server_is_overloaded"}}));
    let country = status(403, &json!({"error": {"code": "unsupported_country_region_territory"}}));
    let no_rotation = json!({"omit_refresh_token": true});
    let no_refresh_token = json!({"kind": "members", "members": {"refresh_token": null}});
    vec![
        // Nothing was taken, and nobody could know.
        doubted("500", status(500, &server_error)),
        doubted("502 with a page", page(502)),
        doubted("503", overloaded.clone()),
        doubted("hang, before it is taken", kind("hang")),
        doubted("reset, before it is taken", kind("reset_before")),
        doubted("307 to elsewhere", json!({"kind": "redirect", "status": 307, "location": "/elsewhere"})),
        doubted("200 with a page, before it is taken", page(200)),
        doubted("400 that says nothing", status(400, &json!({"detail": "Bad Request"}))),
        doubted("403 with a page", page(403)),
        // Taken, and its successor lost on the way.
        lost("lost answer", kind("lose_answer")),
        lost("hang, after it is taken", kind("hang_after_commit")),
        lost("500, after it is taken", json!({"kind": "status_after_commit", "status": 500})),
        lost("half JSON", kind("half_json")),
        lost("200 as text/html, after it is taken", json!({"kind": "retyped", "content_type": "text/html"})),
        lost("1 GiB of body", kind("huge_body")),
        lost("slow drip beyond the timeout", json!({"kind": "slow_drip", "every": "50ms"})),
        // Retried as soon as nobody can still be waiting for the first answer.
        Case {
            provider: json!({"reuse": {"grace": "60s"}}),
            gateway: Some(("GOCLAW_PROVIDERS__OPENAI_CODEX__REFRESH_GRACE", "60s")),
            after: stands("active", true, 1, 2, 0),
            ..doubted("lost answer, provider with a grace", kind("lose_answer"))
        },
        // Refused, but not for the token.
        spared("429", json!({"kind": "status", "status": 429, "retry_after": "1"})),
        spared("403 unsupported country", country),
        // Refused for good.
        refused("401 {\"detail\":\"Unauthorized\"}", Strike::Fault(status(401, &json!({"detail": "Unauthorized"})))),
        refused("session ended by the provider", Strike::Revoked),
        refused(
            "wrong account",
            Strike::Setting(json!({"answer_for_account": 1}), json!({"answer_for_account": null})),
        ),
        // Odd, and taken for what it is worth.
        accepted(
            "no refresh_token, no rotation",
            Strike::Setting(no_rotation.clone(), json!({"omit_refresh_token": false})),
        ),
        Case {
            end: stands("needs_reauth", true, 1, 2, 1),
            owner: Owner::SignIn,
            ..accepted("refresh_token lost from the answer", Strike::LostUnnoticed(no_refresh_token))
        },
        odd_lifetime("expires_in 0", json!(0)),
        odd_lifetime("expires_in -1", json!(-1)),
        odd_lifetime("expires_in 1e18", json!(1e18)),
        odd_lifetime("expires_in \"3600\"", json!("3600")),
        // Longer than the access token lives.
        outlasted("outage beyond the token's life", Strike::Outage, "active", 0),
        outlasted("503 beyond the token's life", Strike::FaultBeyondLife(overloaded), "in_doubt", 2),
        outlasted("hang beyond the token's life", Strike::FaultBeyondLife(kind("hang")), "in_doubt", 2),
        // Gone before the ledger saw it: the retry is the first presentation there.
        case(
            "closed as soon as it is connected",
            Strike::Stop(json!({"step": "connected", "stop": "close"})),
            stands("in_doubt", true, 0, 0, 0),
            stands("active", true, 1, 1, 0),
            Owner::Nothing,
        ),
    ]
}
