//! Contract of `CallbackListener`, for the fake and for the adapter on loopback ports. `callback_listener.rs` tests how
//! the adapter responds to other requests.

mod fixtures;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use futures_util::FutureExt;
use goclaw::{
    domain::{
        authorization_response::{AuthorizationResponse, AuthorizationResult},
        login_outcome::{LoginEnd, LoginOutcome},
    },
    ports::{BindError, BoundCallback, CallbackAddress, CallbackEvent, CallbackHit, CallbackReply},
};
use secrecy::ExposeSecret;

use super::contract;
use crate::support::{
    fakes::{settle, within},
    gateway::eventually,
};
use fixtures::{BrowserResponse, Fake, Fixture, Loopback, PendingResponse};

contract!(fake: Fake, loopback: Loopback; [
    a_callback_is_an_event_and_the_browser_gets_its_reply,
    a_dropped_reply_is_shown_as_unavailable,
    a_callback_without_a_well_formed_state_gets_a_response_and_no_event,
    no_event_is_lost_when_the_future_is_dropped,
    only_the_outcome_page_causes_an_event,
    a_port_in_use_is_named_and_no_address_is_bound,
    an_explicit_address_is_the_only_one_bound,
    a_port_is_bound_once,
    a_closed_port_can_be_bound_at_once,
    a_dropped_listener_frees_its_port,
]);

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

async fn next_hit(bound: &mut Box<dyn BoundCallback>) -> CallbackHit {
    match within(bound.next_event()).await {
        CallbackEvent::Hit(hit) => hit,
        CallbackEvent::OutcomeShown => panic!("an outcome page was fetched before a login ended"),
    }
}

/// Returns the state and the code of a response.
fn parts(response: &AuthorizationResponse) -> (&str, Option<&str>) {
    let code = match &response.result {
        AuthorizationResult::Approved(code) => Some(code.expose_secret()),
        AuthorizationResult::Refused { .. } | AuthorizationResult::Empty => None,
    };
    (response.state.expose_secret(), code)
}

async fn a_callback_is_an_event_and_the_browser_gets_its_reply<F: Fixture>() {
    let fixture = F::open();
    let mut bound = fixture.must_bind().await;
    for (query, code, reply, shown) in [
        (
            "code=c-1&state=s-1",
            Some("c-1"),
            CallbackReply::Ended(LoginEnd::of(LoginOutcome::Completed)),
            BrowserResponse::Outcome,
        ),
        (
            "error=access_denied&state=s-1",
            None,
            CallbackReply::Ended(LoginEnd::of(LoginOutcome::Denied)),
            BrowserResponse::Outcome,
        ),
        ("state=s-1&code=c-2&unknown=u", Some("c-2"), CallbackReply::Rejected, BrowserResponse::Rejected),
        ("code=c-3&state=s-1", Some("c-3"), CallbackReply::Finishing, BrowserResponse::Finishing),
        ("code=c-4&state=s-1", Some("c-4"), CallbackReply::Unavailable, BrowserResponse::Unavailable),
    ] {
        let page = fixture.visit(query);
        let CallbackHit { response, reply: show } = next_hit(&mut bound).await;
        assert_eq!(parts(&response), ("s-1", code), "{query}");
        show(reply);
        assert_eq!(within(page).await, shown, "{query}");
    }
    bound.close().await;
}

async fn a_dropped_reply_is_shown_as_unavailable<F: Fixture>() {
    let fixture = F::open();
    let mut bound = fixture.must_bind().await;
    let page = fixture.visit("code=c&state=s");
    drop(next_hit(&mut bound).await);
    assert_eq!(within(page).await, BrowserResponse::Unavailable);
}

async fn a_callback_without_a_well_formed_state_gets_a_response_and_no_event<F: Fixture>() {
    let fixture = F::open();
    let mut bound = fixture.must_bind().await;
    for query in ["", "code=c", "code=c&state=", "code=c&state=a&state=b", "error=access_denied"] {
        assert_eq!(within(fixture.visit(query)).await, BrowserResponse::Rejected, "{query}");
        assert!(bound.next_event().now_or_never().is_none(), "{query}");
    }
    let page = fixture.visit("code=c&state=right");
    let CallbackHit { response, reply } = next_hit(&mut bound).await;
    assert_eq!(parts(&response).0, "right");
    reply(CallbackReply::Ended(LoginEnd::of(LoginOutcome::Completed)));
    assert_eq!(within(page).await, BrowserResponse::Outcome);
}

async fn no_event_is_lost_when_the_future_is_dropped<F: Fixture>() {
    const BROWSERS: usize = 8;
    let fixture = F::open();
    let mut bound = fixture.must_bind().await;
    let pages: Vec<PendingResponse> =
        (0..BROWSERS).map(|browser| fixture.visit(&format!("code=c&state=s-{browser}"))).collect();
    let mut states = Vec::new();
    let polls = async {
        while states.len() < BROWSERS {
            match bound.next_event().now_or_never() {
                Some(CallbackEvent::Hit(CallbackHit { response, reply })) => {
                    states.push(parts(&response).0.to_owned());
                    reply(CallbackReply::Finishing);
                }
                Some(CallbackEvent::OutcomeShown) => panic!("no outcome was fetched"),
                None => tokio::task::yield_now().await,
            }
        }
    };
    within(polls).await;
    states.sort();
    assert_eq!(states, (0..BROWSERS).map(|browser| format!("s-{browser}")).collect::<Vec<_>>());
    for page in pages {
        assert_eq!(within(page).await, BrowserResponse::Finishing);
    }
}

async fn only_the_outcome_page_causes_an_event<F: Fixture>() {
    let fixture = F::open();
    let mut bound = fixture.must_bind().await;
    for (reply, expected) in [
        (CallbackReply::Finishing, None),
        (CallbackReply::Ended(LoginEnd::of(LoginOutcome::Denied)), Some(false)),
        (CallbackReply::Rejected, Some(false)),
        (CallbackReply::Ended(LoginEnd::of(LoginOutcome::Completed)), Some(true)),
    ] {
        let page = fixture.visit("code=c&state=s");
        let show = next_hit(&mut bound).await.reply;
        show(reply.clone());
        within(page).await;
        assert_eq!(within(fixture.fetch_outcome()).await, expected, "{reply:?}");
        let event = bound.next_event().now_or_never();
        assert_eq!(matches!(event, Some(CallbackEvent::OutcomeShown)), expected.is_some(), "{reply:?}");
    }
}

async fn a_port_in_use_is_named_and_no_address_is_bound<F: Fixture>() {
    for (held, other) in [(V4, V6), (V6, V4)] {
        let mut fixture = F::open();
        fixture.hold(held).await;
        let refused = fixture.bind().await.map(drop).expect_err("the port is taken");
        let expected = SocketAddr::new(held, fixture.port()).to_string();
        assert!(matches!(&refused, BindError::InUse { held } if *held == expected), "{refused:?}");
        assert!(!fixture.is_open(other).await, "{other} is open although {held} is taken");
        fixture.release();
        let bound = fixture.must_bind().await;
        assert!(fixture.is_open(V4).await && fixture.is_open(V6).await);
        bound.close().await;
    }
}

async fn an_explicit_address_is_the_only_one_bound<F: Fixture>() {
    let mut fixture = F::open();
    let address = CallbackAddress::Explicit { ip: V4, port: fixture.port() };
    fixture.hold(V6).await;
    let bound = fixture.listener().bind(&address).await;
    bound.unwrap_or_else(|error| panic!("only the other family is taken: {error}")).close().await;
    fixture.release();
    fixture.hold(V4).await;
    let refused = fixture.listener().bind(&address).await.map(drop).expect_err("the port is taken");
    assert!(matches!(refused, BindError::InUse { .. }), "{refused:?}");
}

async fn a_port_is_bound_once<F: Fixture>() {
    let fixture = F::open();
    let mut bound = fixture.must_bind().await;
    let refused = fixture.bind().await.map(drop).expect_err("the first listener holds the port");
    assert!(matches!(refused, BindError::InUse { .. }), "{refused:?}");
    let page = fixture.visit("code=c&state=s");
    let show = next_hit(&mut bound).await.reply;
    show(CallbackReply::Ended(LoginEnd::of(LoginOutcome::Completed)));
    assert_eq!(within(page).await, BrowserResponse::Outcome, "the first listener still works");
}

async fn a_closed_port_can_be_bound_at_once<F: Fixture>() {
    let fixture = F::open();
    for round in 0..20 {
        // A child that another test forks holds the port until its exec. A connection in TIME_WAIT would hold it for
        // longer than this wait.
        let mut bound = eventually("the port to be free", async || fixture.bind().await.ok()).await;
        // A waiting browser does not hold the port.
        let page = fixture.visit("code=c&state=s");
        let waiting = next_hit(&mut bound).await;
        within(bound.close()).await;
        drop(waiting);
        assert_eq!(within(page).await, BrowserResponse::Unavailable, "round {round}");
    }
}

async fn a_dropped_listener_frees_its_port<F: Fixture>() {
    let fixture = F::open();
    for _ in 0..5 {
        drop(eventually("the port to be free", async || fixture.bind().await.ok()).await);
        settle().await;
    }
    assert!(eventually("the port to close", async || (!fixture.is_open(V4).await).then_some(true)).await);
}
