//! Checks that restoring an older copy of the database costs no login. Restores alternate in a random order with
//! refreshes, some of which lose their response, new logins, logouts and kills. After a restore, the account must have
//! the newest tokens of its login, or of the login that has replaced it. An ended login stays ended, an account that is
//! absent in the copy stays absent, and no token is presented twice.

mod backup;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use libtest_mimic::Failed;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    composed,
    decorated::Sabotage,
    options::Options,
    seed::{self, Draws},
    support::gateway::{Gateway, Home},
    testbed::{Caller, Engine, Testbed, block_on, pause, until_some},
};

const ACCOUNT: &str = "openai";
const GATEWAYS: usize = 2;
/// Longer than the poll interval of 500 ms. A change that only one gateway has read could be lost with it.
const READ_WITHIN: Duration = Duration::from_millis(700);
const SETTLED_WITHIN: Duration = Duration::from_secs(20);
/// The number of steps, in the short and in the long form. In this scenario, `--runs` sets it.
const STEPS: (u32, u32) = (24, 1_000);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Refresh,
    LoseResponse,
    LogIn,
    LogOut,
    BackUp,
    Restore,
    Kill,
}

/// The steps, each as often as its weight in the random choice.
const WEIGHTED_STEPS: [Step; 10] = [
    Step::Refresh,
    Step::LoseResponse,
    Step::Refresh,
    Step::LogIn,
    Step::LogOut,
    Step::BackUp,
    Step::Restore,
    Step::Restore,
    Step::Restore,
    Step::Kill,
];

/// A login id and generation.
type Version = (String, u64);

struct Scene {
    engine: Engine,
    sabotage: Option<Sabotage>,
    testbed: Testbed,
    homes: Vec<Home>,
    gateways: Vec<Gateway>,
    /// The login id and generation that the account must have; `None` after a logout.
    newest: Option<Version>,
    /// The successor of each login that has ended, or `None` after a logout.
    ends: HashMap<String, Option<String>>,
    /// The logins whose newest refresh token is spent, because its response was lost.
    doubted: HashSet<String>,
    /// The newest generation of each login.
    generations: HashMap<String, u64>,
    /// The login in the backup.
    backup: Option<String>,
    restores: usize,
    history: Vec<String>,
}

pub(crate) fn run(engine: Engine, options: Options) -> Result<(), Failed> {
    let seed = options.seed.unwrap_or_else(seed::from_clock);
    println!("restores on {}: --seed {seed} repeats this order", engine.in_words());
    block_on(run_steps(
        engine,
        Draws::from(seed),
        options.runs.unwrap_or_else(|| options.short_or_long(STEPS.0, STEPS.1)),
        options.sabotage,
    ))
}

async fn run_steps(engine: Engine, mut draws: Draws, steps: u32, sabotage: Option<Sabotage>) -> Result<(), Failed> {
    let mut scene = Scene::new(engine, sabotage).await;
    scene.log_in(0).await;
    scene.back_up().await;
    for number in 0..steps {
        let step = WEIGHTED_STEPS[usize::try_from(draws.below(WEIGHTED_STEPS.len() as u64)).expect("a small number")];
        let replica = usize::try_from(draws.below(GATEWAYS as u64)).expect("a small number");
        scene.history.push(format!("{number} {step:?} at {replica}"));
        scene.run(step, replica).await;
        scene.settle().await;
    }
    scene.judge().await
}

impl Scene {
    async fn new(engine: Engine, sabotage: Option<Sabotage>) -> Self {
        let testbed = Testbed::new(engine, &[]).await;
        let home = || testbed.home().with("GOCLAW_REFRESH__BACKOFF_MIN", "1ms");
        let homes: Vec<Home> = (0..GATEWAYS).map(|_| home()).collect();
        let mut scene = Self {
            engine,
            sabotage,
            testbed,
            homes,
            gateways: Vec::new(),
            newest: None,
            ends: HashMap::new(),
            doubted: HashSet::new(),
            generations: HashMap::new(),
            backup: None,
            restores: 0,
            history: Vec::new(),
        };
        scene.start_all().await;
        scene
    }

    async fn start_all(&mut self) {
        for home in &self.homes {
            self.gateways.push(composed::start(home, self.sabotage).await);
        }
    }

    fn caller(&self, replica: usize) -> Caller {
        Caller::of(&self.gateways[replica])
    }

    async fn run(&mut self, step: Step, replica: usize) {
        match step {
            Step::Refresh | Step::LoseResponse if !self.is_refreshable() => {}
            Step::LoseResponse => {
                self.testbed
                    .send_command("/faults", json!({"endpoint": "refresh", "fault": {"kind": "lose_answer"}}))
                    .await;
                self.caller(replica).refresh(ACCOUNT).await.expect("an answer");
                self.doubted.extend(self.newest.iter().map(|(login_id, _)| login_id.clone()));
            }
            Step::Refresh => {
                let answer = self.caller(replica).refresh(ACCOUNT).await.expect("an answer");
                assert_eq!(answer.status, 200, "{}", answer.text);
                self.note(version_of(&answer.json()));
            }
            Step::LogIn => self.log_in(replica).await,
            Step::LogOut => {
                let path = format!("/v1/auth/{ACCOUNT}/logout");
                let answer = self.caller(replica).post(&path, json!({})).await.expect("an answer");
                assert_eq!(answer.status, 200, "{}", answer.text);
                if let Some((ended, _)) = self.newest.take() {
                    self.ends.insert(ended, None);
                }
            }
            Step::BackUp => self.back_up().await,
            Step::Restore => self.restore().await,
            Step::Kill => {
                // Dropping a gateway sends SIGKILL.
                drop(self.gateways.remove(replica));
                self.gateways.insert(replica, composed::start(&self.homes[replica], self.sabotage).await);
            }
        }
    }

    /// Returns whether there is an account with an unspent refresh token.
    fn is_refreshable(&self) -> bool {
        self.newest.as_ref().is_some_and(|(login_id, _)| !self.doubted.contains(login_id))
    }

    async fn log_in(&mut self, replica: usize) {
        let caller = self.caller(replica);
        let start = caller.post(&format!("/v1/auth/{ACCOUNT}/start"), json!({"force": true})).await;
        let started = start.expect("an answer").json();
        let approve = json!({"authorize_url": started["auth_url"], "account": 0});
        let approved = self.testbed.send_command("/approve", approve).await;
        let paste = json!({"redirect_url": approved["callback_url"]});
        let answer = caller.post(&format!("/v1/auth/{ACCOUNT}/callback"), paste).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text);
        let version = version_of(&caller.status(ACCOUNT).await);
        if let Some((replaced, _)) = self.newest.take() {
            self.ends.insert(replaced, Some(version.0.clone()));
        }
        self.note(version);
    }

    fn note(&mut self, version: Version) {
        self.generations.insert(version.0.clone(), version.1);
        self.newest = Some(version);
    }

    async fn back_up(&mut self) {
        self.testbed.back_up().await;
        self.backup = self.newest.clone().map(|(login_id, _)| login_id);
    }

    async fn restore(&mut self) {
        self.restores += 1;
        pause(READ_WITHIN).await;
        // A SQLite file may be replaced only while no gateway uses it.
        if self.engine == Engine::Sqlite {
            self.gateways.clear();
        }
        self.testbed.restore().await;
        if self.engine == Engine::Sqlite {
            self.start_all().await;
        }
        let mut login = self.backup.clone();
        while let Some(successor) = login.as_ref().and_then(|ended| self.ends.get(ended)) {
            login.clone_from(successor);
        }
        self.newest = login.map(|login| {
            let generation = self.generations[&login];
            (login, generation)
        });
    }

    /// Waits until every gateway reports the expected state of the account.
    async fn settle(&self) {
        for replica in 0..GATEWAYS {
            let caller = self.caller(replica);
            let look = || async { Some(caller.status(ACCOUNT).await).filter(|status| self.is_expected(status)) };
            if timeout(SETTLED_WITHIN, until_some(look)).await.is_err() {
                let status = caller.status(ACCOUNT).await;
                let (history, newest) = (self.history.join(", "), &self.newest);
                panic!("gateway {replica} has {status} instead of {newest:?} after {history}");
            }
        }
    }

    fn is_expected(&self, status: &Value) -> bool {
        let state = status["state"].as_str().unwrap_or_default();
        match &self.newest {
            Some(newest) => {
                let expected = if self.doubted.contains(&newest.0) { "in_doubt" } else { "active" };
                state == expected && version_of(status) == *newest
            }
            None => state == "absent",
        }
    }

    async fn judge(self) -> Result<(), Failed> {
        let totals = self.testbed.totals().await;
        println!(
            "restores on {}: {} restores, {} presentations, {} reuse refused, {} families killed",
            self.engine.in_words(),
            self.restores,
            totals.presentations,
            totals.reuse_refused,
            totals.families_killed,
        );
        if totals.reuse_refused + totals.families_killed > 0 {
            return Err(format!("a spent token was presented: {totals:?}").into());
        }
        if totals.rotated != totals.presentations {
            return Err(format!("a presentation was not a rotation: {totals:?}").into());
        }
        Ok(())
    }
}

fn version_of(status: &Value) -> Version {
    let login_id = status["login_id"].as_str().unwrap_or_default().to_owned();
    (login_id, status["generation"].as_u64().unwrap_or_default())
}
