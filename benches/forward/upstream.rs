//! The provider of the bench: fixed answers, as cheap as they can be, so that the proxies are what is measured.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};

use crate::{KEY, Outcome, server};

/// How many events a stream has.
const EVENTS: usize = 50;
/// How far apart they are in a paced one.
const PACE: Duration = Duration::from_millis(20);

type Answer = Response<BoxBody<Bytes, Infallible>>;

pub(crate) fn run(port: u16) -> Outcome {
    let document = Bytes::from(format!("{{\"data\":\"{}\"}}", "x".repeat(1_000)));
    let events: Vec<Bytes> = (0..EVENTS)
        .map(|number| {
            format!(
                "data: {{\"type\":\"response.output_text.delta\",\"sequence_number\":{number},\"delta\":\" word\"}}\n\n"
            )
        })
        .map(Bytes::from)
        .collect();
    server::serve(port, move |request| answer(request, document.clone(), events.clone()))
}

async fn answer(request: Request<Incoming>, document: Bytes, events: Vec<Bytes>) -> Answer {
    let known = request.headers().get(AUTHORIZATION).is_some_and(|value| value == KEY);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // As a provider does: the answer comes after the question.
    if method == Method::POST && request.into_body().collect().await.is_err() {
        return whole(StatusCode::BAD_REQUEST, Bytes::new());
    }
    match path.rsplit('/').next() {
        _ if !known => whole(StatusCode::UNAUTHORIZED, Bytes::new()),
        Some("completions") => events_of(stream::iter(events)),
        Some("paced") => events_of(stream::iter(events).then(|event| async {
            tokio::time::sleep(PACE).await;
            event
        })),
        Some("held") => events_of(stream::iter(events).take(1).chain(stream::pending())),
        _ => whole(StatusCode::OK, document),
    }
}

fn whole(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body).boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// Each event in a chunk of its own.
fn events_of(events: impl Stream<Item = Bytes> + Send + Sync + 'static) -> Answer {
    let mut answer = Response::new(BodyExt::boxed(StreamBody::new(events.map(|event| Ok(Frame::data(event))))));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer
}
