//! Runs one fault case, from a new login to its final state.

use std::time::{Duration, Instant};

use serde_json::json;

use super::table::{Case, Count, Expected, Owner, Strike};
use crate::{
    composed,
    options::Options,
    races_and_faults::{Totals, clock, hurried_home, status},
    support::{
        gateway::{Gateway, Home, eventually},
        provider::Provider,
    },
    testbed::pause,
};

const HTTP_TIMEOUT: Duration = Duration::from_millis(900);
/// The lifetime of the login's access token: enough for a forced refresh and, in its last tenth, for the retry out of
/// doubt.
const LIFE: &str = "12s";
/// A time within [`LIFE`] and before its last tenth, in which no retry is due.
const GOOD_FOR: Duration = Duration::from_secs(9);
/// The lifetime of refreshed tokens, so that no further refresh is due.
const LONG_LIFE: &str = "1h";
/// How long an outage continues after the access token's expiry, in the short and in the long form.
const BEYOND_LIFE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// How long a login may take to show the effect of a fault, and to reach its final state.
const EFFECT_WITHIN: Duration = Duration::from_secs(5);
const FINAL_WITHIN: Duration = Duration::from_secs(25);
/// How much memory the gateway may use for an endless body.
const MAX_GROWTH_KIB: u64 = 64 * 1024;

/// An observation of the login.
#[derive(Debug, Clone)]
pub(super) struct Observation {
    state: String,
    authenticated: bool,
    generation: u64,
    presentations: u64,
    reuse: u64,
}

pub(super) struct CaseResult {
    pub(super) after: Observation,
    pub(super) end: Observation,
    /// Other deviations.
    pub(super) problems: Vec<String>,
}

impl Observation {
    async fn of(gateway: &Gateway, provider: &Provider) -> Self {
        let (status, totals) = (status(gateway).await, Totals::of(provider).await);
        Self {
            state: status["state"].as_str().unwrap_or("?").to_owned(),
            authenticated: status["authenticated"] == true,
            generation: status["generation"].as_u64().unwrap_or(u64::MAX),
            presentations: totals.presentations,
            reuse: totals.reuse,
        }
    }

    pub(super) fn cells(&self) -> Vec<String> {
        let usable = if self.authenticated { "" } else { ", no usable token" };
        let state = format!("{}, generation {}{usable}", self.state, self.generation);
        vec![state, self.presentations.to_string(), self.reuse.to_string()]
    }
}

impl Expected {
    pub(super) fn allows(&self, seen: &Observation) -> bool {
        let counted = match self.presentations {
            Count::Exactly(count) => seen.presentations == count,
            Count::AtLeast(least) => seen.presentations >= least,
        };
        let expected = (self.state, self.authenticated, self.generation, self.reuse);
        counted && expected == (seen.state.as_str(), seen.authenticated, seen.generation, seen.reuse)
    }
}

pub(super) async fn run(case: Case, options: Options) -> CaseResult {
    let settings = case.provider.to_string();
    let arguments = ["--approval", "auto", "--access-lifetime", LIFE, "--settings", &settings];
    let provider = Provider::start(&arguments);
    let home = home(&provider, &case);
    let gateway = composed::start(&home, options.sabotage).await;
    // Inject the fault before the login, so that the first refresh has it, whatever triggers it.
    if let Strike::Fault(fault) | Strike::LostUnnoticed(fault) = &case.strike {
        provider.post_control("/faults", json!({"endpoint": "refresh", "fault": fault})).await;
    }
    let signed_in_at = clock();
    let page = gateway.sign_in().await;
    assert_eq!(page.status, 200, "{}", page.text);
    provider.post_control("/settings", json!({"access_lifetime": LONG_LIFE})).await;
    let memory_before = memory(&gateway, "VmRSS");
    let mut problems = Vec::new();

    let after = strike(&case, &provider, &gateway, options).await;
    problems.extend(check_request(&gateway, &after).await);
    problems.extend(check_no_early_retry(&gateway, &provider, &after, signed_in_at).await);
    recover(&case, &provider, &gateway).await;
    let end = observe(&case.end, FINAL_WITHIN, &provider, &gateway).await;
    problems.extend(owner_acts(&case, &provider, &gateway, &end).await);

    let grown = memory(&gateway, "VmHWM").saturating_sub(memory_before);
    if grown > MAX_GROWTH_KIB {
        problems.push(format!("the gateway grew by {grown} KiB"));
    }
    let at_once = Totals::of(&provider).await.at_once;
    if at_once > 1 {
        problems.push(format!("{at_once} presentations at the same time"));
    }
    if !provider.outcomes("/elsewhere").await.is_empty() {
        problems.push("a redirect was followed with a token".to_owned());
    }
    CaseResult { after, end, problems }
}

fn home(provider: &Provider, case: &Case) -> Home {
    let home = hurried_home(provider, HTTP_TIMEOUT);
    case.gateway.iter().fold(home, |home, (name, value)| home.with(name, value))
}

/// Causes the fault and observes its effect.
async fn strike(case: &Case, provider: &Provider, gateway: &Gateway, options: Options) -> Observation {
    let look = || async { (status(gateway).await["authenticated"] == false).then_some(()) };
    match &case.strike {
        Strike::Fault(_) | Strike::LostUnnoticed(_) => {}
        Strike::FaultBeyondLife(fault) => {
            let order = json!({"endpoint": "refresh", "fault": fault, "times": "standing"});
            provider.post_control("/faults", order).await;
        }
        Strike::Stop(stop) => provider.post_control("/stops", stop.clone()).await,
        Strike::Setting(setting, _) => provider.post_control("/settings", setting.clone()).await,
        Strike::Revoked => provider.post_control("/revoke-all", json!({})).await,
        Strike::Outage => provider.post_control("/outages", json!({"site": "auth", "down": true})).await,
    }
    // On a busy machine, the gateway's own refresh may come first.
    if Totals::of(provider).await.presentations == 0 {
        refresh(gateway).await;
    }
    if matches!(case.strike, Strike::Outage | Strike::FaultBeyondLife(_)) {
        eventually("the access token to end", look).await;
        pause(options.short_or_long(BEYOND_LIFE.0, BEYOND_LIFE.1)).await;
    }
    observe(&case.after, EFFECT_WITHIN, provider, gateway).await
}

/// Ends the fault.
async fn recover(case: &Case, provider: &Provider, gateway: &Gateway) {
    match &case.strike {
        Strike::Fault(_) | Strike::Stop(_) | Strike::Revoked => {}
        Strike::LostUnnoticed(_) => refresh(gateway).await,
        Strike::FaultBeyondLife(_) => provider.post_control("/faults/clear", json!({})).await,
        Strike::Setting(_, back) => provider.post_control("/settings", back.clone()).await,
        Strike::Outage => provider.post_control("/outages", json!({"site": "auth", "down": false})).await,
    }
}

/// Forces a refresh. Its result is in the status.
async fn refresh(gateway: &Gateway) {
    gateway.post("/v1/auth/openai/refresh", json!({})).await;
}

/// Checks that a request succeeds while there is a valid access token, and otherwise gets a 503.
async fn check_request(gateway: &Gateway, after: &Observation) -> Option<String> {
    let wanted = if after.authenticated { 200 } else { 503 };
    // If the provider has ended the login, it refuses the access token before its expiry.
    let response = gateway.get("/v1/proxy/openai/wham/usage").await;
    let is_ended = ["token_invalidated", "token_revoked"].contains(&response.header("x-openai-ide-error-code"));
    (response.status != wanted && !is_ended).then(|| format!("a request got {} {}", response.status, response.text))
}

/// Checks that a request for a refresh starts no retry out of doubt while the access token is valid.
async fn check_no_early_retry(
    gateway: &Gateway,
    provider: &Provider,
    after: &Observation,
    signed_in_at: Instant,
) -> Option<String> {
    if after.state != "in_doubt" || !after.authenticated {
        return None;
    }
    refresh(gateway).await;
    let presentations = Totals::of(provider).await.presentations;
    // Later, the one scheduled retry may be due.
    let is_early = signed_in_at.elapsed() < GOOD_FOR;
    (presentations != after.presentations && is_early).then(|| "a token in doubt was presented again".to_owned())
}

/// Returns the observation once it matches `expected`, or after the time limit.
async fn observe(expected: &Expected, within: Duration, provider: &Provider, gateway: &Gateway) -> Observation {
    let began = clock();
    let look = || async {
        let seen = Observation::of(gateway, provider).await;
        (expected.allows(&seen) || began.elapsed() > within).then_some(seen)
    };
    eventually("an observation of the login", look).await
}

/// Requests a refresh, and checks that a lost login is not presented for it. Then performs the owner's action and
/// checks that the login can be refreshed.
async fn owner_acts(case: &Case, provider: &Provider, gateway: &Gateway, end: &Observation) -> Option<String> {
    refresh(gateway).await;
    let (mut generation, mut reuse) = (end.generation, end.reuse);
    if case.owner == Owner::SignIn {
        let presentations = Totals::of(provider).await.presentations;
        if presentations != end.presentations {
            return Some(format!("a lost login was presented again: {presentations}"));
        }
        gateway.sign_in().await;
        (generation, reuse) = (0, Totals::of(provider).await.reuse);
        refresh(gateway).await;
    }
    let status = status(gateway).await;
    let is_active = status["state"] == "active" && status["authenticated"] == true;
    let is_refreshed = status["generation"] == json!(generation + 1) && Totals::of(provider).await.reuse == reuse;
    (!is_active || !is_refreshed).then(|| format!("the owner's action does not help: {status}"))
}

/// Returns a field of the process's memory status, in KiB.
fn memory(gateway: &Gateway, field: &str) -> u64 {
    let path = format!("/proc/{}/status", gateway.process_id());
    let status = std::fs::read_to_string(path).expect("the status of a process");
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok()).expect("a number of KiB")
}
