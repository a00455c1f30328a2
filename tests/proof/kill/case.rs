//! One kill: a gateway is killed at a point, and another one starts in its place. The provider's list of presentations
//! shows what happened to the login.

use std::time::Duration;

use goclaw_simulator::{Presentation, PresentationOutcome, Step};
use serde_json::{Value, json};

use super::points::{KillPoint, Leaves, Place};
use crate::{
    composed::{self, Victim},
    decorated::{Changes, Sabotage},
    support::gateway::{Gateway, Home, TEST_DEADLINE},
    testbed::{Caller, POLL_INTERVAL, Testbed, millis, now_unix_ms, pause, wait_for},
};

const ACCOUNT: &str = "openai";
/// Long enough for a start and a lease before the last tenth, in which the retry out of doubt is due.
const LIFETIME: Duration = Duration::from_secs(15);
const LEASE: Duration = Duration::from_secs(2);
const GRACE: &str = "60s";

/// The provider's reaction to a spent refresh token, and the gateway's policy for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reuse {
    KillsTheFamily,
    GraceIsConfigured,
}

/// What happened to the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    /// The new tokens were found on disk. There was no second presentation.
    Found,
    /// There was no presentation before the kill. The next refresh was the first one.
    Refreshed,
    /// One immediate retry brought new tokens.
    RetriedAtOnce,
    /// One retry in the last minutes brought new tokens.
    RetriedLate,
    /// The access token served until its last minutes. Then the provider refused the one retry.
    InDoubtThenOver,
}

impl Ending {
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Found => "found on disk",
            Self::Refreshed => "refreshed",
            Self::RetriedAtOnce => "one retry at once",
            Self::RetriedLate => "served; one late retry",
            Self::InDoubtThenOver => "served; one late retry, refused",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) point: KillPoint,
    pub(super) reuse: Reuse,
    pub(super) sabotage: Option<Sabotage>,
}

/// A case after the kill.
struct Aftermath<'a> {
    case: Case,
    testbed: &'a Testbed,
    caller: Caller,
    /// The time by which the lease has expired, in Unix milliseconds.
    lease_ends_at: u64,
    /// The earliest start of the token's last minutes, here the last tenth of [`LIFETIME`], in Unix milliseconds.
    last_minutes_at: u64,
}

impl Case {
    /// Runs the case. Panics if an expected event does not happen in time.
    ///
    /// # Errors
    /// A description of a wrong outcome.
    pub(super) async fn run(self, testbed: &mut Testbed) -> Result<Ending, String> {
        testbed.reset().await;
        let reuse = match self.reuse {
            Reuse::KillsTheFamily => json!("kill_family"),
            Reuse::GraceIsConfigured => json!({ "grace": GRACE }),
        };
        let lifetime = format!("{}s", LIFETIME.as_secs());
        testbed.send_command("/settings", json!({"access_lifetime": lifetime, "reuse": reuse})).await;
        let home = self.home(testbed);
        let (killed_at, expires_at) = self.kill(testbed, &home).await;
        // Allow for a slow machine, because a timeout here would be a different case.
        let home = home.with("GOCLAW_REFRESH__LEASE", "12s").with("GOCLAW_REFRESH__HTTP_TIMEOUT", "5s");
        let gateway = composed::start(&home, self.sabotage).await;
        let aftermath = Aftermath {
            case: self,
            testbed,
            caller: Caller::of(&gateway),
            lease_ends_at: killed_at + millis(LEASE),
            last_minutes_at: expires_at - millis(LIFETIME / 10),
        };
        aftermath.judge().await
    }

    fn home(self, testbed: &Testbed) -> Home {
        let home = testbed
            .home()
            .with("GOCLAW_REFRESH__LEASE", &format!("{}ms", LEASE.as_millis()))
            // Well below half a lease, because a gateway that gets its lease late does not present.
            .with("GOCLAW_REFRESH__HTTP_TIMEOUT", "500ms")
            .with("GOCLAW_REFRESH__BACKOFF_MIN", "100ms")
            .with("GOCLAW_REFRESH__BACKOFF_MAX", "200ms");
        match self.reuse {
            Reuse::KillsTheFamily => home,
            Reuse::GraceIsConfigured => home.with("GOCLAW_PROVIDERS__OPENAI_CODEX__REFRESH_GRACE", GRACE),
        }
    }

    /// Connects the account, starts a refresh and kills the gateway at the point. Returns the time of the kill and the
    /// access token's expiry, in Unix milliseconds.
    async fn kill(self, testbed: &Testbed, home: &Home) -> (u64, u64) {
        let stop_at = if let Place::Gateway(point) = self.point.place { Some(point) } else { None };
        let victim = Victim::start(home, &Changes { stop_at, sabotage: self.sabotage, patient: true }).await;
        let caller = Caller::of(&victim.gateway);
        testbed.sign_in(&caller, ACCOUNT, 0).await;
        let expires_at = caller.status(ACCOUNT).await["expires_at"].as_u64().expect("an end") * 1_000;
        if let Place::Provider(step) = self.point.place {
            testbed.send_command("/stops", json!({ "step": step })).await;
        }
        // Repeat the request until a token is sent, because a gateway that gets its lease late does not present.
        let requests = async {
            let ask = || async {
                caller.refresh(ACCOUNT).await;
                None::<()>
            };
            wait_for("a refresh to come to its point", ask).await;
        };
        let gateway = tokio::select! {
            () = requests => unreachable!("it repeats the request until it is dropped"),
            gateway = self.wait_for_point(testbed, victim) => gateway,
        };
        // SIGKILL.
        drop(gateway);
        let killed_at = now_unix_ms();
        testbed.send_command("/stops/release", json!({"release": "close"})).await;
        (killed_at, expires_at)
    }

    async fn wait_for_point(self, testbed: &Testbed, victim: Victim) -> Gateway {
        match self.point.place {
            Place::Gateway(point) => victim.wait_for_point(point).await,
            Place::Provider(step) => {
                testbed.send_command("/stops/await", json!({ "step": step })).await;
                victim.gateway
            }
        }
    }
}

impl Aftermath<'_> {
    async fn judge(&self) -> Result<Ending, String> {
        let ending = match (self.case.point.leaves, self.case.reuse) {
            (Leaves::Nothing, _) => {
                self.refresh_past(0).await?;
                Ending::Refreshed
            }
            (Leaves::NewTokens, _) => {
                self.wait_for_new_tokens().await?;
                Ending::Found
            }
            (Leaves::Unspent | Leaves::Window, Reuse::GraceIsConfigured) => {
                self.wait_for_new_tokens().await?;
                Ending::RetriedAtOnce
            }
            (Leaves::Unspent, Reuse::KillsTheFamily) => {
                self.check_doubt().await?;
                self.wait_for_new_tokens().await?;
                Ending::RetriedLate
            }
            (Leaves::Window, Reuse::KillsTheFamily) => {
                self.check_doubt().await?;
                self.wait_until("the doubt to end", |status| status["state"] == "needs_reauth").await?;
                Ending::InDoubtThenOver
            }
        };
        self.check_presentations(ending).await?;
        if ending != Ending::InDoubtThenOver {
            self.check_tokens().await?;
        }
        Ok(ending)
    }

    async fn status(&self) -> Value {
        self.caller.status(ACCOUNT).await
    }

    /// Waits until the status meets a condition.
    async fn wait_until(&self, what: &str, is_met: impl Fn(&Value) -> bool) -> Result<Value, String> {
        let give_up = now_unix_ms() + millis(TEST_DEADLINE);
        loop {
            let status = self.status().await;
            if is_met(&status) {
                return Ok(status);
            }
            check(now_unix_ms() < give_up, || format!("timed out waiting for {what}: {status}"))?;
            pause(POLL_INTERVAL).await;
        }
    }

    /// Requests refreshes until the tokens are newer than `generation`.
    async fn refresh_past(&self, generation: u64) -> Result<(), String> {
        let give_up = now_unix_ms() + millis(TEST_DEADLINE);
        loop {
            let answer = self.caller.refresh(ACCOUNT).await;
            let status = self.status().await;
            if status["generation"].as_u64() > Some(generation) {
                return Ok(());
            }
            let response = answer.map(|answer| answer.text);
            check(now_unix_ms() < give_up, || format!("timed out waiting for a refresh: {response:?}, then {status}"))?;
            pause(POLL_INTERVAL).await;
        }
    }

    /// Waits for new tokens without requesting a refresh.
    async fn wait_for_new_tokens(&self) -> Result<(), String> {
        self.wait_until("new tokens", |status| status["generation"].as_u64() > Some(0)).await.map(drop)
    }

    /// Checks that between the lease and the last minutes the access token serves and no refresh token is presented.
    async fn check_doubt(&self) -> Result<(), String> {
        let presented = self.testbed.presentations().await.len();
        let status = loop {
            let asked_at = now_unix_ms();
            let status = self.status().await;
            if status["state"] == "in_doubt" || asked_at >= self.lease_ends_at {
                break status;
            }
            pause(POLL_INTERVAL).await;
        };
        check(status["state"] == "in_doubt", || format!("the lease is over but the state is not in_doubt: {status}"))?;
        let reason = status["reason"].as_str().unwrap_or_default();
        check(reason.contains("interrupted"), || format!("the doubt does not come from the kill: {reason}"))?;
        check(status["authenticated"] == true, || format!("not authenticated while in doubt: {status}"))?;
        let answer = self.caller.usage().await;
        check(answer.is_some_and(|answer| answer.status == 200), || "the access token does not serve".to_owned())?;
        let asked = self.caller.refresh(ACCOUNT).await.map(|answer| answer.json()).unwrap_or_default();
        let in_time = now_unix_ms() < self.last_minutes_at;
        check(in_time, || "the machine is too slow for this test: the last minutes have come".to_owned())?;
        check(asked["state"] == "in_doubt", || format!("asking for a refresh changed the state: {asked}"))?;
        let now_presented = self.testbed.presentations().await.len();
        check(now_presented == presented, || "a token in doubt was presented because of a request".to_owned())
    }

    /// Checks the provider's list of presentations of the first refresh token.
    async fn check_presentations(&self, ending: Ending) -> Result<(), String> {
        use PresentationOutcome::{FamilyKilled, GraceAnswered, NotActed, Rotated};
        let all = self.testbed.presentations().await;
        let of_first_token: Vec<&Presentation> = all.iter().filter(|one| one.generation == Some(0)).collect();
        let outcomes: Vec<_> = of_first_token.iter().map(|one| one.outcome.clone()).collect();
        let expected = match (self.case.point.leaves, self.case.reuse) {
            (Leaves::Nothing | Leaves::NewTokens, _) => vec![Rotated],
            // The provider has recorded the presentation, and has not acted on it.
            (Leaves::Unspent, _) if matches!(self.case.point.place, Place::Provider(Step::BodyRead)) => {
                vec![NotActed, Rotated]
            }
            (Leaves::Unspent, _) => vec![Rotated],
            (Leaves::Window, Reuse::KillsTheFamily) => vec![Rotated, FamilyKilled],
            (Leaves::Window, Reuse::GraceIsConfigured) => vec![Rotated, GraceAnswered],
        };
        check(outcomes == expected, || format!("presented {outcomes:?}, not {expected:?}"))?;
        let last = of_first_token.last().map(|one| one.began_unix_ms).unwrap_or_default();
        let is_late = matches!(ending, Ending::RetriedLate | Ending::InDoubtThenOver);
        let margin = i128::from(last) - i128::from(self.last_minutes_at);
        check(!is_late || margin >= 0, || format!("presented {} ms before the last minutes", -margin))?;
        check(ending != Ending::RetriedAtOnce || margin < 0, || format!("retried {margin} ms into the last minutes"))?;
        let most = self.testbed.totals().await.max_concurrent_in_a_family;
        check(most == 1, || format!("{most} presentations at once"))
    }

    /// Checks that the current access and refresh tokens are valid.
    async fn check_tokens(&self) -> Result<(), String> {
        let answer = self.caller.usage().await;
        let response = answer.map(|answer| (answer.status, answer.text));
        check(response.as_ref().is_some_and(|(status, _)| *status == 200), || format!("does not serve: {response:?}"))?;
        let generation = self.status().await["generation"].as_u64();
        self.refresh_past(generation.unwrap_or_default()).await?;
        let totals = self.testbed.totals().await;
        let spent = totals.reuse_refused + totals.families_killed + totals.refused;
        check(spent == 0, || format!("a token was refused: {totals:?}"))
    }
}

fn check(holds: bool, error: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(error()) }
}
