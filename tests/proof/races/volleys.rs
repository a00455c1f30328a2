//! Volleys of operations in a random order. After each, the system settles and its state is checked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::json;
use tokio::task::JoinSet;

use super::{
    outcome::{Outcome, check_presentations},
    pair::{Pair, Revocation},
};
use crate::{decorated::Sabotage, races_and_faults::Totals, seed::Draws, support::gateway::eventually, testbed::pause};

const IN_A_VOLLEY: usize = 8;
/// The operations of a volley begin within this many milliseconds.
const SPREAD: u64 = 80;
/// The longest delay of a code exchange, in milliseconds.
const SLOWEST: u64 = 200;
/// How long to wait for late effects after the last logout.
const LATE: Duration = Duration::from_secs(2);
/// The observer's poll interval.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// An operation on either gateway.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Refresh,
    /// A proxied request, whose access token the backend may refuse.
    Call,
    Login,
    Logout,
}

impl Operation {
    fn draw(draws: &mut Draws) -> Self {
        match draws.below(10) {
            0..3 => Self::Refresh,
            3..6 => Self::Call,
            6..9 => Self::Login,
            _ => Self::Logout,
        }
    }

    /// Returns whether a status is allowed: success, or a conflict with the current state.
    fn allows(self, status: u16) -> bool {
        match self {
            Self::Refresh | Self::Login => [200, 409, 410].contains(&status),
            // 400: the account is not connected. 401: the backend refused the access token.
            Self::Call => [200, 400, 401].contains(&status),
            Self::Logout => status == 200,
        }
    }
}

#[derive(Default)]
struct Notes {
    answers: BTreeMap<String, usize>,
    problems: Vec<String>,
    polls: usize,
}

struct Run {
    pair: Arc<Pair>,
    notes: Arc<Mutex<Notes>>,
    draws: Draws,
    operations: usize,
}

pub(super) async fn run(seed: u64, operations: usize, revocation: Revocation, sabotage: Option<Sabotage>) -> Outcome {
    let pair = Pair::start(revocation, sabotage).await;
    // Delay each call, so that operations overlap.
    for (endpoint, by) in [("refresh", "15ms"), ("revoke", "10ms")] {
        let delay = json!({"endpoint": endpoint, "fault": {"kind": "delay", "by": by}, "times": "standing"});
        pair.command("/faults", &delay).await;
    }
    let notes = Arc::<Mutex<Notes>>::default();
    let observer = observe(Arc::clone(&pair), Arc::clone(&notes));
    let mut run = Run { pair, notes, draws: Draws::from(seed), operations: 0 };
    while run.operations < operations && run.with(|notes| notes.problems.is_empty()) {
        run.volley().await;
    }
    let gateway = run.draw_gateway();
    run.end_with_logout(gateway, JoinSet::new()).await;
    pause(LATE).await;
    if !run.pair.is_logged_out().await {
        run.add_problem("a login came back long after the last logout".to_owned());
    }
    drop(observer);
    let totals = Totals::of(&run.pair.provider).await;
    let logins = run.pair.history.completed_logins();
    let Notes { answers, mut problems, polls } = run.with(std::mem::take);
    problems.extend(check_presentations(&run.pair, &totals).await);
    Outcome { operations: run.operations, logins, totals, polls, answers, problems }
}

/// Polls the database continuously.
fn observe(pair: Arc<Pair>, notes: Arc<Mutex<Notes>>) -> JoinSet<()> {
    let mut observer = JoinSet::new();
    observer.spawn(async move {
        loop {
            let problem = pair.problem().await;
            {
                let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
                notes.polls += 1;
                notes.problems.extend(problem);
            }
            pause(POLL_INTERVAL).await;
        }
    });
    observer
}

impl Run {
    fn with<T>(&self, act: impl FnOnce(&mut Notes) -> T) -> T {
        act(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add_problem(&self, what: String) {
        self.with(|notes| notes.problems.push(what));
    }

    /// Runs some operations at once, then one of three endings.
    async fn volley(&mut self) {
        if self.draws.below(2) == 0 {
            self.refuse_next_calls().await;
        }
        self.slow_next_exchanges().await;
        let mut running = JoinSet::new();
        for _ in 0..IN_A_VOLLEY {
            let operation = Operation::draw(&mut self.draws);
            self.spawn(operation, &mut running);
        }
        running.join_all().await;
        // These operations are in flight when the ending begins.
        let mut running = JoinSet::new();
        for _ in 0..2 {
            let operation = if self.draws.below(2) == 0 { Operation::Refresh } else { Operation::Call };
            self.spawn(operation, &mut running);
        }
        let (end, gateway) = (self.draws.below(4), self.draw_gateway());
        match end {
            0 => self.end_with_logout(gateway, running).await,
            // Half of the volleys end with a login, so that the next one has a login to race for.
            1 | 2 => self.end_with_login(gateway, running).await,
            _ => drop(running.join_all().await),
        }
        if let Some(problem) = self.pair.problem().await {
            self.add_problem(problem);
        }
    }

    /// Makes the backend refuse the access token of the next requests.
    async fn refuse_next_calls(&mut self) {
        let times = 1 + self.draws.below(3);
        let refusal = json!({
            "kind": "answer",
            "status": 401,
            "headers": [["content-type", "application/json"]],
            "body": json!({"error": {"code": "token_expired"}}).to_string(),
        });
        let order = json!({"endpoint": "backend", "fault": refusal, "times": {"next": times}});
        self.pair.command("/faults", &order).await;
    }

    /// Gives the next code exchanges different delays, so that logins overtake each other.
    async fn slow_next_exchanges(&mut self) {
        for _ in 0..2 {
            let by = format!("{}ms", self.draws.below(SLOWEST));
            let delay = json!({"endpoint": "code_exchange", "fault": {"kind": "delay", "by": by}});
            self.pair.command("/faults", &delay).await;
        }
    }

    fn draw_gateway(&mut self) -> usize {
        usize::from(self.draws.below(2) == 1)
    }

    fn spawn(&mut self, operation: Operation, running: &mut JoinSet<()>) {
        self.operations += 1;
        let (gateway, pair, notes) = (self.draw_gateway(), Arc::clone(&self.pair), Arc::clone(&self.notes));
        let after = Duration::from_millis(self.draws.below(SPREAD));
        running.spawn(async move {
            pause(after).await;
            let status = match operation {
                Operation::Refresh => pair.refresh(gateway).await,
                Operation::Call => pair.call(gateway).await,
                Operation::Login => pair.login(gateway).await.1,
                Operation::Logout => pair.logout(gateway).await,
            };
            let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
            *notes.answers.entry(format!("{operation:?} {status}")).or_default() += 1;
            if !operation.allows(status) {
                notes.problems.push(format!("{operation:?} was answered {status}"));
            }
        });
    }

    /// Ends with a logout, which must win over everything in flight.
    async fn end_with_logout(&mut self, gateway: usize, running: JoinSet<()>) {
        self.operations += 1;
        self.pair.logout(gateway).await;
        let at_once = self.pair.is_logged_out().await;
        running.join_all().await;
        self.wait_until_idle().await;
        if !at_once || !self.pair.is_logged_out().await {
            self.add_problem(format!("after a logout (out at once: {at_once}): {:?}", self.pair.statuses().await));
        }
    }

    /// Ends with a login, which must win: the next refresh must refresh this login.
    async fn end_with_login(&mut self, gateway: usize, running: JoinSet<()>) {
        self.operations += 2;
        let (id, status) = self.pair.login(gateway).await;
        running.join_all().await;
        self.wait_until_idle().await;
        let refreshed = self.pair.refresh(gateway).await;
        let is_logged_in = self.pair.is_logged_in_with(&id).await;
        if (status, refreshed, is_logged_in) != (200, 200, true) {
            let statuses = self.pair.statuses().await;
            self.add_problem(format!("a login was answered {status}, its refresh {refreshed}, and then: {statuses:?}"));
        }
        let presentations = self.pair.query("/presentations").await;
        let families = self.pair.query("/ledger").await;
        let [last, newest] = [&presentations, &families].map(|list| list.as_array().and_then(|list| list.last()));
        if last.map(|last| &last["family"]) != newest.map(|newest| &newest["family"]) {
            self.add_problem(format!("the refresh of the newest login presented {last:?}"));
        }
    }

    /// Waits until no request is in flight at the provider.
    async fn wait_until_idle(&self) {
        let idle = || async { (self.pair.query("/presentations/totals").await["under_way"] == 0).then_some(()) };
        eventually("all requests at the provider to end", idle).await;
    }
}
