//! Tests stops at each step of a refresh: the state at the stop, after the release, and after the client died.

use std::time::Duration;

use goclaw_simulator::{
    PresentationOutcome, Release, ReusePolicy, Step, Stop, StopOrder, StoppedState, Times, TokenStatus,
};
use serde_json::json;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use crate::client::{Answer, Fixture, Tokens, wait_until, within_timeout};

/// All steps in order, with what the client has received at each: whether the head, and how much of the body.
const STEPS: [(Step, bool, Body); 7] = [
    (Step::Connected, false, Body::Nothing),
    (Step::Arrived, false, Body::Nothing),
    (Step::BodyRead, false, Body::Nothing),
    (Step::Rotated, false, Body::Nothing),
    (Step::HeadersSent, true, Body::Nothing),
    (Step::BodyHalf, true, Body::Half),
    (Step::BodySent, true, Body::All),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Body {
    Nothing,
    Half,
    All,
}

/// How long a held request is checked for progress.
const OBSERVATION_TIME: Duration = Duration::from_millis(60);

async fn reached(fixture: &Fixture, step: Step) {
    within_timeout(fixture.simulator.reached(step, 1)).await;
}

/// Returns a fixture whose next refresh is held at a step, with that refresh in flight on its own connection.
async fn held_at(step: Step) -> (Fixture, Tokens, TcpStream) {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    fixture.simulator.stop_at(StopOrder::hold(step));
    let connection = fixture.send_refresh(&tokens.refresh).await;
    reached(&fixture, step).await;
    (fixture, tokens, connection)
}

fn outcomes(fixture: &Fixture) -> Vec<PresentationOutcome> {
    fixture.simulator.presentations().into_iter().map(|presentation| presentation.outcome).collect()
}

fn states(fixture: &Fixture) -> Vec<StoppedState> {
    fixture.simulator.stopped().into_iter().map(|stopped| stopped.state).collect()
}

#[tokio::test]
async fn a_held_refresh_stops_exactly_at_its_step() {
    for (step, head, body) in STEPS {
        let (fixture, tokens, mut connection) = held_at(step).await;
        let mut received = Vec::new();
        // The held request does not continue, so the read ends by timeout.
        assert!(timeout(OBSERVATION_TIME, connection.read_to_end(&mut received)).await.is_err(), "{step:?}");
        let received = String::from_utf8(received).unwrap();
        assert_eq!(received.starts_with("HTTP/1.1 200"), head, "{step:?}: {received}");
        let answer = received.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let has = if answer.contains("access_token") && answer.trim_end().ends_with('}') {
            Body::All
        } else if answer.is_empty() {
            Body::Nothing
        } else {
            Body::Half
        };
        assert_eq!(has, body, "{step:?}: {answer}");

        let rotated = u32::from(step >= Step::Rotated);
        assert_eq!(fixture.simulator.ledger()[0].rotations, rotated, "{step:?}");
        let expected = match step {
            Step::Connected | Step::Arrived => vec![],
            Step::BodyRead => vec![PresentationOutcome::NotActed],
            Step::Rotated | Step::HeadersSent | Step::BodyHalf | Step::BodySent => vec![PresentationOutcome::Rotated],
        };
        assert_eq!(outcomes(&fixture), expected, "{step:?}");
        let stopped = fixture.simulator.stopped();
        let family = (step >= Step::BodyRead).then(|| fixture.simulator.ledger()[0].family);
        assert_eq!((stopped[0].step, stopped[0].family, stopped[0].state), (step, family, StoppedState::Held));
        let status = if rotated == 1 { TokenStatus::Spent } else { TokenStatus::Live };
        assert_eq!(fixture.simulator.token_status(&tokens.refresh), status, "{step:?}");
    }
}

#[tokio::test]
async fn a_released_refresh_continues_normally() {
    for (step, ..) in STEPS {
        let fixture = Fixture::new().await;
        let tokens = fixture.sign_in().await;
        // The connection of the sign-in has already passed `Connected`.
        let fixture = Fixture { http: Fixture::fresh_client(), ..fixture };
        fixture.simulator.stop_at(StopOrder::hold(step));
        let release = async {
            reached(&fixture, step).await;
            fixture.simulator.release(Some(step), Release::Continue);
            // Later commands do not undo a release.
            fixture.simulator.clear_stops();
        };
        let (answer, ()) = tokio::join!(fixture.refresh(&tokens.refresh), release);
        assert_eq!(fixture.refresh(&answer.tokens().refresh).await.status, 200, "{step:?}");
        let totals = fixture.simulator.presentation_totals();
        assert_eq!((totals.presentations, totals.rotated, totals.max_concurrent_in_a_family), (2, 2, 1), "{step:?}");
    }
}

#[tokio::test]
async fn a_refresh_that_is_cut_off_changes_state_only_from_the_rotated_step_on() {
    for (step, ..) in STEPS {
        for stop in [Stop::Close, Stop::Reset] {
            let fixture = Fixture::new().await;
            let tokens = fixture.sign_in().await;
            fixture.simulator.stop_at(StopOrder { step, stop, times: Times::Next(1) });
            let mut connection = fixture.send_refresh(&tokens.refresh).await;
            let mut received = Vec::new();
            let ended = within_timeout(connection.read_to_end(&mut received)).await;
            let reset = stop == Stop::Reset && step < Step::HeadersSent;
            if reset {
                assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset, "{step:?}");
            } else {
                // Unread request bytes turn a close into a reset, as on any server.
                assert!(ended.is_ok() || step < Step::BodyRead, "{step:?}: {ended:?}");
            }
            assert!(!received.ends_with(b"0\r\n\r\n"), "the truncated response ended normally at {step:?}");
            assert_eq!(states(&fixture), [StoppedState::Cut], "{step:?}");
            let rotations = u32::from(step >= Step::Rotated);
            assert_eq!(fixture.simulator.ledger()[0].rotations, rotations, "{step:?}");
            // The stop applies only once.
            let again = fixture.refresh(&tokens.refresh).await.status;
            assert_eq!(again, if rotations == 1 { 401 } else { 200 }, "{step:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_dies_while_held_is_detected() {
    for step in [Step::BodyRead, Step::Rotated, Step::HeadersSent, Step::BodyHalf, Step::BodySent] {
        let (fixture, _, connection) = held_at(step).await;
        assert_eq!(fixture.simulator.presentation_totals().under_way, 1, "{step:?}");
        drop(connection);
        wait_until("the disconnect is detected", || states(&fixture) == [StoppedState::ClientGone]).await;
        wait_until("the refresh ends", || fixture.simulator.presentation_totals().under_way == 0).await;
        let acted = [if step == Step::BodyRead { PresentationOutcome::NotActed } else { PresentationOutcome::Rotated }];
        assert_eq!(outcomes(&fixture), acted, "{step:?}");
        fixture.simulator.release(None, Release::Continue);
        assert_eq!(states(&fixture), [StoppedState::ClientGone], "the client is gone");
        assert_eq!(outcomes(&fixture), acted, "{step:?}");
    }
}

/// A request that was sent completely before its client died is processed once it is read.
#[tokio::test]
async fn an_unread_request_of_a_dead_client_is_processed_after_release() {
    for step in [Step::Connected, Step::Arrived] {
        let (fixture, tokens, connection) = held_at(step).await;
        drop(connection);
        tokio::time::sleep(OBSERVATION_TIME).await;
        assert_eq!(states(&fixture), [StoppedState::Held], "{step:?}");
        fixture.simulator.release(Some(step), Release::Continue);
        wait_until("the provider rotates", || fixture.simulator.ledger()[0].rotations == 1).await;
        assert_eq!(outcomes(&fixture), [PresentationOutcome::Rotated], "{step:?}");
        wait_until("the refresh ends", || fixture.simulator.presentation_totals().under_way == 0).await;
        assert_eq!(fixture.simulator.token_status(&tokens.refresh), TokenStatus::Spent);
    }
}

#[tokio::test]
async fn each_held_request_keeps_its_first_verdict() {
    let fixture = Fixture::with(|settings| settings.reuse = ReusePolicy::RefuseOnly).await;
    let tokens = fixture.sign_in().await;
    fixture.simulator.stop_at(StopOrder::hold(Step::Arrived));
    let mut to_reset = fixture.send_refresh(&tokens.refresh).await;
    reached(&fixture, Step::Arrived).await;
    fixture.simulator.stop_at(StopOrder::hold(Step::BodyRead));
    let mut to_close = fixture.send_refresh(&tokens.refresh).await;
    reached(&fixture, Step::BodyRead).await;

    fixture.simulator.release(Some(Step::Arrived), Release::Reset);
    fixture.simulator.release(Some(Step::BodyRead), Release::Close);
    let mut received = Vec::new();
    let reset = within_timeout(to_reset.read_to_end(&mut received)).await;
    assert_eq!(reset.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(within_timeout(to_close.read_to_end(&mut received)).await.unwrap(), 0);
    assert_eq!(states(&fixture), [StoppedState::Cut, StoppedState::Cut]);
    assert_eq!(fixture.simulator.ledger()[0].rotations, 0);
}

#[tokio::test]
async fn stops_are_queued_awaited_and_released_over_http() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let late = json!({"step": "rotated", "timeout": "10ms"});
    assert_eq!(fixture.post_control("/stops/await", late).await.status, 408);
    assert_eq!(fixture.post_control("/stops", json!({"step": "nowhere"})).await.status, 400);

    assert_eq!(fixture.post_control("/stops", json!({"step": "rotated"})).await.status, 200);
    let released = async {
        let reached: Answer = fixture.post_control("/stops/await", json!({"step": "rotated"})).await;
        assert_eq!(reached.json(), json!([{"step": "rotated", "family": 1, "state": "held"}]));
        fixture.post_control("/stops/release", json!({"step": "rotated", "release": "continue"})).await
    };
    let (answer, released) = tokio::join!(fixture.refresh(&tokens.refresh), released);
    assert_eq!((answer.status, released.status), (200, 200));
    assert_eq!(fixture.get_control("/stops").await[0]["state"], "continued");

    let closed = json!({"step": "body_read", "stop": "close", "times": "standing"});
    assert_eq!(fixture.post_control("/stops", closed).await.status, 200);
    for _ in 0..2 {
        assert!(fixture.try_refresh(&answer.tokens().refresh).await.is_err());
    }
    assert_eq!(fixture.post_control("/stops/clear", json!({})).await.status, 200);
    assert_eq!(fixture.get_control("/stops").await, json!([]));
    assert_eq!(fixture.refresh(&answer.tokens().refresh).await.status, 200);
}
