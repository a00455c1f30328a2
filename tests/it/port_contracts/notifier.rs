//! Contract of `Notifier`, for the fake and for the webhook against a server. `webhook.rs` tests the signature.

use std::{sync::Arc, time::Duration};

use goclaw::{
    adapters::{system::SystemClock, webhook::Webhook},
    domain::{
        history::{CredentialEvent, EventKind, Revision},
        ids::{Generation, LoginId},
        oauth_client::EndpointUrl,
        refresh::Cause,
        signing_key::SigningKey,
    },
    ports::{Notifier, NotifyError},
};
use http_message::{HeaderValue, StatusCode, header};
use tokio::time::timeout;

use super::{contract, scripted_server::ScriptedServer};
use crate::support::outbound::outbound;
use crate::support::{
    fakes::{End, FakeNotifier, NOW, Reception, ScriptedResponse, name, within},
    gateway::free_port,
};

contract!(fake: Fake, webhook: Hook; [
    an_event_is_delivered_once_with_its_details,
    a_repeated_event_has_the_same_id_and_other_events_do_not,
    a_rejection_is_an_error_with_its_status_and_is_not_retried,
    a_receiver_without_a_connection_is_an_error,
    a_receiver_without_a_response_times_out_within_seconds,
]);

const SECRET: &str = "a-secret-of-the-receiver-alone";
/// The longest time that the contract permits for a delivery.
const MAX_DELIVERY_TIME: Duration = Duration::from_secs(10);

/// A received event.
struct Delivery {
    /// The id by which the receiver detects duplicates.
    id: String,
    text: String,
}

trait Fixture {
    async fn with_reception(reception: Reception) -> Self;

    fn notifier(&self) -> &dyn Notifier;

    fn deliveries(&self) -> Vec<Delivery>;
}

#[derive(Default)]
struct Fake(FakeNotifier);

impl Fixture for Fake {
    async fn with_reception(reception: Reception) -> Self {
        let fake = Self::default();
        fake.0.receive_as(reception);
        fake
    }

    fn notifier(&self) -> &dyn Notifier {
        &self.0
    }

    fn deliveries(&self) -> Vec<Delivery> {
        let delivery = |event: CredentialEvent| Delivery {
            id: format!("{:?}", (&event.login_id, event.generation, event.revision)),
            text: format!("{} {} {:?}", event.name, event.kind.as_str(), event.cause.map(Cause::as_str)),
        };
        self.0.received().into_iter().map(delivery).collect()
    }
}

struct Hook {
    server: ScriptedServer,
    webhook: Webhook,
}

impl Fixture for Hook {
    async fn with_reception(reception: Reception) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let status = if let Reception::Refuses(status) = reception { status } else { 204 };
        let mut script = ScriptedResponse::whole(StatusCode::from_u16(status).expect("a status"), "");
        script.headers.insert(header::LOCATION, HeaderValue::from_static("/elsewhere"));
        if reception == Reception::Hangs {
            script = ScriptedResponse { status: None, end: End::Open, ..script };
        }
        let server = ScriptedServer::start(script).await;
        let base = if reception == Reception::Gone {
            format!("http://127.0.0.1:{}", free_port())
        } else {
            server.base.clone()
        };
        let url = EndpointUrl::parse(&format!("{base}/hook")).expect("a loopback address");
        let webhook = Webhook::new(&outbound(), url, SigningKey::parse(SECRET).expect("a key"), Arc::new(SystemClock))
            .expect("a client");
        Self { server, webhook }
    }

    fn notifier(&self) -> &dyn Notifier {
        &self.webhook
    }

    fn deliveries(&self) -> Vec<Delivery> {
        let delivery = |text: String| {
            let id = text.lines().find_map(|line| line.strip_prefix("webhook-id: ")).expect("an id").to_owned();
            Delivery { id, text }
        };
        self.server.requests().into_iter().map(delivery).collect()
    }
}

/// Builds an event. Login, generation and revision identify it.
pub(crate) fn event(login: u8, generation: u64, revision: i64) -> CredentialEvent {
    CredentialEvent {
        revision: Revision(revision),
        name: name("openai-codex"),
        login_id: LoginId::from_bytes([login; 16]),
        generation: Generation(generation),
        kind: EventKind::InDoubt,
        cause: Some(Cause::ConnectionLost),
        code: None,
        at: NOW,
    }
}

async fn an_event_is_delivered_once_with_its_details<F: Fixture>() {
    let fixture = F::with_reception(Reception::Accepts).await;
    within(fixture.notifier().notify(&event(1, 0, 1))).await.expect("the event is accepted");
    let deliveries = fixture.deliveries();
    assert_eq!(deliveries.len(), 1);
    for fact in ["openai-codex", "in_doubt", "connection_lost"] {
        assert!(deliveries[0].text.contains(fact), "no {fact} in {}", deliveries[0].text);
    }
    assert!(!deliveries[0].text.contains(SECRET), "{}", deliveries[0].text);
}

async fn a_repeated_event_has_the_same_id_and_other_events_do_not<F: Fixture>() {
    let fixture = F::with_reception(Reception::Accepts).await;
    let events = [event(1, 0, 1), event(1, 0, 2), event(1, 1, 3), event(2, 0, 4)];
    for event in events.iter().chain(&events) {
        within(fixture.notifier().notify(event)).await.expect("the event is accepted");
    }
    let ids: Vec<String> = fixture.deliveries().into_iter().map(|delivery| delivery.id).collect();
    let (first, again) = ids.split_at(events.len());
    assert_eq!(first, again);
    let mut different = first.to_vec();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), events.len(), "{first:?}");
}

async fn a_rejection_is_an_error_with_its_status_and_is_not_retried<F: Fixture>() {
    for expected in [301, 307, 400, 404, 410, 429, 500, 503] {
        let fixture = F::with_reception(Reception::Refuses(expected)).await;
        let refused = within(fixture.notifier().notify(&event(1, 0, 1))).await;
        assert!(matches!(refused, Err(NotifyError::Refused { status }) if status == expected), "{refused:?}");
        assert_eq!(fixture.deliveries().len(), 1, "{expected}");
    }
}

async fn a_receiver_without_a_connection_is_an_error<F: Fixture>() {
    let fixture = F::with_reception(Reception::Gone).await;
    let refused = within(fixture.notifier().notify(&event(1, 0, 1))).await;
    assert!(matches!(refused, Err(NotifyError::Unreachable(_))), "{refused:?}");
    assert_eq!(fixture.deliveries().len(), 0);
}

async fn a_receiver_without_a_response_times_out_within_seconds<F: Fixture>() {
    let fixture = F::with_reception(Reception::Hangs).await;
    let given_up =
        timeout(MAX_DELIVERY_TIME, fixture.notifier().notify(&event(1, 0, 1))).await.expect("within seconds");
    assert!(matches!(given_up, Err(NotifyError::Unreachable(_))), "{given_up:?}");
    assert_eq!(fixture.deliveries().len(), 1);
}
