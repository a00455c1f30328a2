//! Tests that the history of presentations is complete and accurate, because other tests judge the gateway by it.

use goclaw_simulator::{
    Endpoint, Fault, FaultOrder, Presentation, PresentationOutcome, PresentationTotals, Release, ReusePolicy, Step,
    StopOrder, Times,
};
use serde_json::json;

use crate::client::{Fixture, refused, wait_until, within_timeout};

fn outcomes(fixture: &Fixture) -> Vec<PresentationOutcome> {
    fixture.simulator.presentations().into_iter().map(|presentation| presentation.outcome).collect()
}

#[tokio::test]
async fn every_generation_is_recorded_once_as_rotated() {
    let fixture = Fixture::new().await;
    let mut tokens = fixture.sign_in().await;
    for _ in 0..3 {
        tokens = fixture.refresh(&tokens.refresh).await.tokens();
    }
    let presentations = fixture.simulator.presentations();
    let generations: Vec<_> = presentations.iter().map(|presentation| presentation.generation).collect();
    assert_eq!(generations, [Some(0), Some(1), Some(2)]);
    let (journal, ledger) = (fixture.simulator.journal(), fixture.simulator.ledger());
    for (presentation, token) in presentations.iter().zip(&ledger[0].refresh_tokens) {
        assert_eq!(presentation.outcome, PresentationOutcome::Rotated);
        assert_eq!((presentation.family, &presentation.token_sha256), (Some(ledger[0].family), &token.token_sha256));
        assert!(presentation.ended_unix_ms.unwrap() >= presentation.began_unix_ms);
        let entry = journal.iter().find(|entry| entry.sequence == presentation.sequence).unwrap();
        assert_eq!((entry.outcome.as_str(), entry.status), ("tokens_issued", Some(200)));
    }
    let expected =
        PresentationTotals { presentations: 3, rotated: 3, max_concurrent_in_a_family: 1, ..Default::default() };
    assert_eq!(fixture.simulator.presentation_totals(), expected);

    let over_http: Vec<Presentation> = serde_json::from_value(fixture.get_control("/presentations").await).unwrap();
    assert_eq!(over_http, presentations);
    assert_eq!(fixture.get_control("/presentations/totals").await, json!(expected));
    let text = fixture.get_control("/presentations").await.to_string();
    assert!(fixture.simulator.issued_secrets().iter().all(|secret| !text.contains(secret)));
}

#[tokio::test]
async fn reuse_is_refused_or_revokes_the_family() {
    let fixture = Fixture::with(|settings| settings.reuse = ReusePolicy::RefuseOnly).await;
    let first = fixture.sign_in().await;
    let second = fixture.refresh(&first.refresh).await.tokens();
    fixture.refresh(&first.refresh).await;
    fixture.simulator.update_settings(|settings| settings.reuse = ReusePolicy::KillFamily);
    fixture.refresh(&first.refresh).await;
    fixture.refresh(&first.refresh).await;
    fixture.refresh(&second.refresh).await;
    fixture.refresh("rt_never_issued").await;
    fixture.refresh("").await;
    let refused = |code: &str| PresentationOutcome::Refused(code.to_owned());
    assert_eq!(
        outcomes(&fixture),
        [
            PresentationOutcome::Rotated,
            PresentationOutcome::ReuseRefused,
            PresentationOutcome::FamilyKilled,
            // A family is killed only once.
            PresentationOutcome::ReuseRefused,
            refused("refresh_token_invalidated"),
            refused("unknown_refresh_token"),
            refused("empty_string"),
        ]
    );
    let stranger = &fixture.simulator.presentations()[5];
    assert_eq!((stranger.family, stranger.generation), (None, None));
    let expected = PresentationTotals {
        presentations: 7,
        rotated: 1,
        reuse_refused: 2,
        families_killed: 1,
        refused: 3,
        max_concurrent_in_a_family: 1,
        ..Default::default()
    };
    assert_eq!(fixture.simulator.presentation_totals(), expected);
}

#[tokio::test]
async fn a_grace_window_starts_at_the_first_use() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.post_control("/settings", json!({"reuse": {"grace": "60s"}})).await.status, 200);
    let first = fixture.sign_in().await;
    let second = fixture.refresh(&first.refresh).await.tokens();
    fixture.post_control("/settings", json!({"clock_offset_seconds": 50})).await;
    let again = fixture.refresh(&first.refresh).await.tokens();
    assert_ne!(second.refresh, again.refresh);
    fixture.post_control("/settings", json!({"clock_offset_seconds": 70})).await;
    assert_eq!(fixture.refresh(&first.refresh).await.refusal(), refused(401, "refresh_token_reused"));
    assert_eq!(
        outcomes(&fixture),
        [PresentationOutcome::Rotated, PresentationOutcome::GraceAnswered, PresentationOutcome::FamilyKilled]
    );
    let totals = fixture.simulator.presentation_totals();
    assert_eq!((totals.rotated, totals.grace_answered, totals.families_killed), (1, 1, 1));
}

#[tokio::test]
async fn outcomes_do_not_depend_on_what_the_client_receives() {
    let fixture = Fixture::with(|settings| settings.reuse = ReusePolicy::RefuseOnly).await;
    for (fault, outcome) in [
        (Fault::internal_server_error(), PresentationOutcome::NotActed),
        (Fault::ResetBefore, PresentationOutcome::NotActed),
        (Fault::LoseAnswer, PresentationOutcome::Rotated),
        (Fault::internal_server_error_after_commit(), PresentationOutcome::Rotated),
        (Fault::HalfJson, PresentationOutcome::Rotated),
        (Fault::Hang, PresentationOutcome::NotActed),
        (Fault::HangAfterCommit, PresentationOutcome::Rotated),
    ] {
        let tokens = fixture.sign_in().await;
        fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Refresh, fault.clone()));
        let recorded = || fixture.simulator.presentations().pop().map(|presentation| presentation.outcome);
        let fault_applied = || fixture.simulator.journal().pop().is_some_and(|entry| entry.fault.is_some());
        tokio::select! {
            _ = fixture.try_refresh(&tokens.refresh) => {}
            // The client disconnects without waiting.
            () = wait_until("the fault is applied", || fault_applied() && recorded() == Some(outcome.clone())) => {}
        }
        wait_until("the presentation ends", || fixture.simulator.presentation_totals().under_way == 0).await;
        let presentation = fixture.simulator.presentations().pop().unwrap();
        assert_eq!(presentation.outcome, outcome, "{fault:?}");
        assert!(presentation.ended_unix_ms.is_some(), "{fault:?}");
    }
}

#[tokio::test]
async fn without_rotation_the_generation_is_kept() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.simulator.update_settings(|settings| settings.omit_refresh_token = true);
    for _ in 0..2 {
        assert_eq!(fixture.refresh(&tokens.refresh).await.status, 200);
    }
    assert_eq!(outcomes(&fixture), [PresentationOutcome::Kept, PresentationOutcome::Kept]);
    let generations: Vec<_> = fixture.simulator.presentations().iter().map(|one| one.generation).collect();
    assert_eq!(generations, [Some(0), Some(0)]);
    assert_eq!(fixture.simulator.ledger()[0].rotations, 0);
}

#[tokio::test]
async fn only_presentations_of_one_family_count_as_concurrent() {
    let fixture = Fixture::with(|settings| settings.reuse = ReusePolicy::RefuseOnly).await;
    let (one, other) = (fixture.sign_in().await, fixture.sign_in().await);
    let hold = |times| StopOrder { times: Times::Next(times), ..StopOrder::hold(Step::BodyRead) };
    let most = || fixture.simulator.presentation_totals().max_concurrent_in_a_family;

    fixture.simulator.stop_at(hold(2));
    let release = async {
        within_timeout(fixture.simulator.reached(Step::BodyRead, 2)).await;
        assert_eq!(fixture.simulator.presentation_totals().under_way, 2);
        fixture.simulator.release(None, Release::Continue);
    };
    let (one_again, other_again, ()) =
        tokio::join!(fixture.refresh(&one.refresh), fixture.refresh(&other.refresh), release);
    assert_eq!(most(), 1, "two families with one presentation each");

    let (one, other) = (one_again.tokens(), other_again.tokens());
    fixture.simulator.clear_stops();
    fixture.simulator.stop_at(hold(3));
    let release = async {
        within_timeout(fixture.simulator.reached(Step::BodyRead, 3)).await;
        fixture.simulator.release(None, Release::Continue);
    };
    tokio::join!(
        fixture.refresh(&one.refresh),
        fixture.refresh(&one.refresh),
        fixture.refresh(&other.refresh),
        release
    );
    assert_eq!(most(), 2, "one family with two presentations");
    let totals = fixture.simulator.presentation_totals();
    assert_eq!((totals.presentations, totals.rotated, totals.reuse_refused, totals.under_way), (5, 4, 1, 0));

    fixture.simulator.reset();
    assert_eq!(fixture.simulator.presentation_totals(), PresentationTotals::default());
}
