//! The provider of the bench. Its responses are cheap, so that the proxies dominate the measurement.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, Collected, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};

use crate::{Outcome, UPSTREAM_AUTHORIZATION, server, turns::SLOWLY, unix_us};

/// Events in a stream.
const EVENTS: usize = 50;
/// Time between the events of a paced stream.
const PACE: Duration = Duration::from_millis(20);
/// Time between the events of an endless stream.
const HELD_PACE: Duration = Duration::from_secs(1);

type UpstreamResponse = Response<BoxBody<Bytes, Infallible>>;

/// The bodies of the responses, built once, and the state that all requests share.
#[derive(Clone)]
struct Shared {
    document: Bytes,
    tokens: Bytes,
    events: Arc<[Bytes]>,
    /// The events of a response in OpenAI's Responses API.
    response: Arc<[Bytes]>,
    /// When a caller last disconnected before its response, in microseconds of Unix time.
    disconnected_at: Arc<AtomicU64>,
    /// The number of model responses so far.
    number: Arc<AtomicU64>,
}

pub(crate) fn run(port: u16) -> Outcome {
    let shared = Shared {
        document: Bytes::from(format!("{{\"data\":\"{}\"}}", "x".repeat(1_000))),
        tokens: Bytes::from(format!(
            "{{\"access_token\":\"{}\",\"refresh_token\":\"r\",\"token_type\":\"Bearer\",\"expires_in\":864000}}",
            UPSTREAM_AUTHORIZATION.trim_start_matches("Bearer ")
        )),
        events: (0..EVENTS).map(delta).collect(),
        response: response().into(),
        disconnected_at: Arc::default(),
        number: Arc::default(),
    };
    server::serve(port, move |request| respond(request, shared.clone()))
}

fn event(kind: &str, members: &str) -> Bytes {
    Bytes::from(format!("event: {kind}\ndata: {{\"type\":\"{kind}\",{members}}}\n\n"))
}

fn delta(number: usize) -> Bytes {
    event(
        "response.output_text.delta",
        &format!(
            "\"item_id\":\"m\",\"output_index\":0,\"content_index\":0,\"sequence_number\":{number},\"delta\":\" word\""
        ),
    )
}

/// Returns the `EVENTS` events of a whole response.
fn response() -> Vec<Bytes> {
    let response = |status: &str, output: &str, usage: &str| {
        format!(
            "\"response\":{{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1,\"model\":\"bench\",\"status\":\"{status}\",\
             \"parallel_tool_calls\":true,\"tool_choice\":\"auto\",\"tools\":[],\"output\":[{output}],\"usage\":{usage}}}"
        )
    };
    let text = " word".repeat(EVENTS - 2);
    let message = format!(
        "{{\"type\":\"message\",\"id\":\"m\",\"role\":\"assistant\",\"status\":\"completed\",\
         \"content\":[{{\"type\":\"output_text\",\"annotations\":[],\"text\":\"{text}\"}}]}}"
    );
    let usage = "{\"input_tokens\":1,\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":48,\
                 \"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":49}";
    let last = EVENTS - 1;
    let first = event("response.created", &format!("\"sequence_number\":0,{}", response("in_progress", "", "null")));
    let end =
        event("response.completed", &format!("\"sequence_number\":{last},{}", response("completed", &message, usage)));
    std::iter::once(first).chain((1..last).map(delta)).chain([end]).collect()
}

async fn respond(request: Request<Incoming>, shared: Shared) -> UpstreamResponse {
    let is_authorized = request.headers().get(AUTHORIZATION).is_some_and(|value| value == UPSTREAM_AUTHORIZATION);
    let path = request.uri().path().to_owned();
    // Like a real provider, responds only after it has read the request.
    let Ok(body) = request.into_body().collect().await.map(Collected::to_bytes) else {
        return whole(StatusCode::BAD_REQUEST, Bytes::new());
    };
    let is_slow = body.windows(SLOWLY.len()).any(|word| word == SLOWLY.as_bytes());
    let Shared { document, tokens, events, response, disconnected_at, number } = shared;
    let pieces = |events: Arc<[Bytes]>| stream::iter((0..EVENTS).filter_map(move |index| events.get(index).cloned()));
    match path.rsplit('/').next() {
        // The token request of a login has no access token.
        Some("token") => whole(StatusCode::OK, tokens),
        _ if !is_authorized => whole(StatusCode::UNAUTHORIZED, Bytes::new()),
        Some("completions") => events_of(pieces(events)),
        Some("responses") if is_slow => events_of(pieces(numbered(&response, &number)).then(|event| async {
            tokio::time::sleep(PACE).await;
            event
        })),
        Some("responses") => events_of(pieces(numbered(&response, &number))),
        Some("paced") => events_of(pieces(events).then(|event| async {
            tokio::time::sleep(PACE).await;
            event
        })),
        Some("held") => events_of(stream::repeat(delta(0)).enumerate().then(|(number, event)| async move {
            if number > 0 {
                tokio::time::sleep(HELD_PACE).await;
            }
            event
        })),
        Some("silent") => {
            let _on_disconnect = RecordDisconnect(disconnected_at);
            std::future::pending().await
        }
        Some("disconnected") => whole(StatusCode::OK, disconnected_at.load(Ordering::Relaxed).to_string().into()),
        _ => whole(StatusCode::OK, document),
    }
}

/// Gives a response a unique id, which the gateway needs to remember it.
fn numbered(response: &[Bytes], number: &AtomicU64) -> Arc<[Bytes]> {
    let id = format!("resp_{:09}", number.fetch_add(1, Ordering::Relaxed));
    let last = response.len().saturating_sub(1);
    let named = |(index, event): (usize, &Bytes)| match str::from_utf8(event) {
        Ok(text) if index == 0 || index == last => Bytes::from(text.replacen("resp_1", &id, 1)),
        _ => event.clone(),
    };
    response.iter().enumerate().map(named).collect()
}

/// Records the time at which its request is dropped.
struct RecordDisconnect(Arc<AtomicU64>);

impl Drop for RecordDisconnect {
    fn drop(&mut self) {
        self.0.store(unix_us(), Ordering::Relaxed);
    }
}

fn whole(status: StatusCode, body: Bytes) -> UpstreamResponse {
    let mut response = Response::new(Full::new(body).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Streams each event as one chunk.
fn events_of(events: impl Stream<Item = Bytes> + Send + Sync + 'static) -> UpstreamResponse {
    let mut response = Response::new(BodyExt::boxed(StreamBody::new(events.map(|event| Ok(Frame::data(event))))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}
