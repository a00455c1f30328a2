//! Checks that accounts in trouble do not affect others. Of twenty accounts, one has a damaged row, one has lost its
//! login at the provider, and one is in a deactivated workspace. The other seventeen must refresh and serve normally.
//! Then the provider ends every login, and each refresh token may be presented only once more.

use std::time::Duration;

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use libtest_mimic::Failed;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    composed,
    options::Options,
    support::gateway::{Gateway, Home},
    testbed::{Caller, Engine, SHARED_FILE, Storage, Testbed, block_on, pause, shared_client, wait_for},
};

const ACCOUNTS: usize = 20;
/// The numbers of the accounts in trouble.
const DAMAGED: usize = 0;
const DEAD: usize = 1;
const DEACTIVATED: usize = 2;
const LIFETIME: &str = "8s";
/// The pause between rounds of prompts. Even ten rounds take longer than a token lives.
const PAUSE: Duration = Duration::from_millis(1_400);

#[derive(Debug, Clone, Copy)]
struct Size {
    processes: usize,
    rounds: usize,
}

/// The response to a prompt of an account.
struct Answer {
    account: usize,
    status: u16,
    text: String,
}

pub(crate) fn run(engine: Engine, options: Options) -> Result<(), Failed> {
    let size = options.short_or_long(Size { processes: 2, rounds: 10 }, Size { processes: 4, rounds: 300 });
    block_on(prove(engine, size, options))
}

async fn prove(engine: Engine, size: Size, options: Options) -> Result<(), Failed> {
    let accounts = ACCOUNTS.to_string();
    let testbed = Testbed::new(engine, &["--accounts", &accounts, "--access-lifetime", LIFETIME]).await;
    // With the default backoff, a token that lives for seconds would not be refreshed again in time.
    let home = || testbed.home().with("GOCLAW_REFRESH__BACKOFF_MIN", "1ms");
    let homes: Vec<Home> = (0..size.processes).map(|_| home()).collect();
    let mut gateways: Vec<Gateway> = Vec::new();
    for home in &homes {
        gateways.push(composed::start(home, options.sabotage).await);
    }
    let callers: Vec<Caller> = gateways.iter().map(Caller::of).collect();
    let dead_token = sign_in_all(&testbed, &callers).await;

    testbed.damage(&name(DAMAGED)).await;
    let workspace = callers[0].status(&name(DEACTIVATED)).await["account"]["account_id"].clone();
    testbed.send_command("/settings", json!({"deactivated_workspaces": [workspace]})).await;
    let revoke = format!("{}/oauth/revoke", testbed.provider.issuer);
    let response = shared_client().post(revoke).form(&[("token", dead_token)]).send().await.expect("an answer");
    assert_eq!(response.status(), 200);

    let mut answers = Vec::new();
    for _ in 0..size.rounds {
        answers.extend(prompt_all(&callers).await);
        pause(PAUSE).await;
    }
    let mut problems = check_answers(&answers);
    problems.extend(check_statuses(&testbed, &callers[0]).await);
    problems.extend(check_presentations(&testbed).await);
    problems.extend(end_all_and_check(&testbed, &callers).await);
    let refreshes = testbed.totals().await.rotated;
    println!(
        "bystanders on {}: {} prompts, {refreshes} refreshes, {} problems",
        engine.in_words(),
        answers.len(),
        problems.len()
    );
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ").into()) }
}

/// Connects each account of the simulator under a name of its own. Returns the refresh token of the account that will
/// lose its login.
async fn sign_in_all(testbed: &Testbed, callers: &[Caller]) -> String {
    let mut dead_token = None;
    for account in 0..ACCOUNTS {
        testbed.sign_in(&callers[0], &name(account), account).await;
        if account == DEAD {
            // The newest secret without dots, because access tokens contain dots.
            dead_token = testbed.issued_secrets().await.into_iter().rfind(|secret| !secret.contains('.'));
        }
    }
    for caller in callers {
        let serves = || async { prompt(caller, ACCOUNTS - 1).await.filter(|answer| answer.status == 200) };
        wait_for("every gateway to serve the accounts", serves).await;
    }
    dead_token.expect("a refresh token")
}

/// Sends a prompt of each account to each gateway, all at once.
async fn prompt_all(callers: &[Caller]) -> Vec<Answer> {
    let mut prompts = JoinSet::new();
    for caller in callers {
        for account in 0..ACCOUNTS {
            let caller = caller.clone();
            prompts.spawn(async move { prompt(&caller, account).await });
        }
    }
    prompts.join_all().await.into_iter().flatten().collect()
}

async fn prompt(caller: &Caller, account: usize) -> Option<Answer> {
    let body = json!({"model": format!("{}/gpt-5.5", name(account)), "input": "Hello"});
    let answer = caller.post("/v1/responses", body).await?;
    Some(Answer { account, status: answer.status, text: answer.text })
}

fn name(account: usize) -> String {
    format!("account-{account}")
}

fn check_answers(answers: &[Answer]) -> Vec<String> {
    let is_wrong = |Answer { account, status, text }: &&Answer| match *account {
        // The access token in memory serves until it expires.
        DAMAGED => *status != 200 && !text.contains("account_unreadable"),
        DEACTIVATED => *status != 400 || !text.contains("deactivated_workspace"),
        // Requests in flight during the revocation may still succeed.
        DEAD => *status >= 500,
        _ => *status != 200,
    };
    let wrong: Vec<&Answer> = answers.iter().filter(is_wrong).collect();
    let describe = |answer: &&Answer| {
        format!(
            "{} of {} prompts went wrong, the first: {} {} {}",
            wrong.len(),
            answers.len(),
            name(answer.account),
            answer.status,
            answer.text
        )
    };
    wrong.first().map(describe).into_iter().collect()
}

async fn check_statuses(testbed: &Testbed, caller: &Caller) -> Vec<String> {
    let mut problems = Vec::new();
    for account in 0..ACCOUNTS {
        let expected = match account {
            DAMAGED => "unreadable",
            DEAD => "needs_reauth",
            DEACTIVATED => "refused",
            _ => "active",
        };
        let status = caller.status(&name(account)).await;
        // A refresh may be running.
        let is_right = status["state"] == expected || (expected == "active" && status["state"] == "refreshing");
        if !is_right || (expected == "active" && !status["reason"].is_null()) {
            problems.push(format!("{} is {status}", name(account)));
        }
    }
    let totals = testbed.totals().await;
    problems.extend((totals.reuse_refused + totals.families_killed > 0).then(|| format!("reuse: {totals:?}")));
    problems
}

/// Checks that every account that can be refreshed was refreshed, and that the dead account was tried once.
async fn check_presentations(testbed: &Testbed) -> Vec<String> {
    let presentations = testbed.presentations().await;
    let mut refused = std::collections::BTreeMap::<_, usize>::new();
    let mut rotated = std::collections::BTreeSet::new();
    for presentation in &presentations {
        let Some(family) = presentation.family else { continue };
        if presentation.outcome == goclaw_simulator::PresentationOutcome::Rotated {
            rotated.insert(family);
        } else {
            *refused.entry(family).or_default() += 1;
        }
    }
    let mut problems = Vec::new();
    // The trouble of the damaged account and of the dead one may come before their first refresh.
    if rotated.len() < ACCOUNTS - 2 {
        problems.push(format!("only {} families were refreshed", rotated.len()));
    }
    if refused.values().ne([1].iter()) {
        problems.push(format!("refused presentations by family: {refused:?}"));
    }
    problems
}

/// Ends every login at the provider. Checks that one presentation per account follows, and no more.
async fn end_all_and_check(testbed: &Testbed, callers: &[Caller]) -> Vec<String> {
    testbed.send_command("/revoke-all", json!({})).await;
    let before = testbed.totals().await.refused;
    for _ in 0..4 {
        prompt_all(callers).await;
        pause(PAUSE).await;
    }
    let mut problems = Vec::new();
    for account in DEACTIVATED + 1..ACCOUNTS {
        let needs_login = || async {
            Some(callers[0].status(&name(account)).await).filter(|status| status["state"] == "needs_reauth")
        };
        wait_for("the account to need a new login", needs_login).await;
    }
    let presented = testbed.totals().await.refused - before;
    // The damaged account cannot be tried, and the dead one already needs a login. The deactivated one may be left out.
    let expected = u32::try_from(ACCOUNTS - 2).expect("a small number");
    if presented > expected || presented + 1 < expected {
        problems.push(format!("{presented} presentations for {expected} ended logins"));
    }
    problems
}

impl Testbed {
    /// Makes an account's row in the database unreadable.
    async fn damage(&self, account: &str) {
        let statement = format!("UPDATE llm_providers SET state = 'asleep', generation = -1 WHERE name = '{account}'");
        match &self.storage {
            Storage::Server(database) => database.execute(&statement).await,
            Storage::Folder(folder) => {
                let file = folder.path().join(SHARED_FILE).display().to_string();
                let mut database = SqliteConnection::establish(&file).expect("a database");
                database.batch_execute(&format!("PRAGMA busy_timeout = 5000; {statement}")).expect("a damaged row");
            }
        }
    }
}
