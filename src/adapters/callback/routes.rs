//! What the callback listener answers: `GET /auth/callback`, `GET /auth/done`, and nothing else.

use std::sync::{Arc, PoisonError, RwLock};

use poem::{
    Endpoint, EndpointExt, IntoResponse, Request, Response, Route, get, handler,
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    web::Data,
};
use tokio::sync::{mpsc, oneshot};

use super::page;
use crate::{
    domain::authorization_response::AuthorizationResponse,
    ports::{CallbackEvent, CallbackHit, CallbackReply},
};

const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

#[derive(Clone)]
struct Desk {
    events: mpsc::Sender<CallbackEvent>,
    /// How the last login that came by ended: what `/auth/done` shows. The page has no address of its own for each
    /// login, so that nothing of a callback stays in the browser's history.
    last: Arc<RwLock<Option<CallbackReply>>>,
}

pub(super) fn endpoint(events: mpsc::Sender<CallbackEvent>, port: u16) -> impl Endpoint<Output = Response> {
    let routes = Route::new().at("/auth/callback", get(callback)).at("/auth/done", get(done));
    let routes = routes.data(Desk { events, last: Arc::default() });
    routes.around(move |routes, request| async move {
        let answer = match gate(&request, port) {
            Some(refusal) => refusal,
            None => routes.call(request).await.unwrap_or_else(|error| page::refusal(error.status())),
        };
        Ok(page::with_safe_headers(answer))
    })
}

/// Lets in a browser's own navigation to a loopback name; images, frames, scripts and foreign names stay out.
fn gate(request: &Request, port: u16) -> Option<Response> {
    // A HEAD would spend the code and show nobody how it ended.
    if request.method() != Method::GET {
        return Some(page::refusal(StatusCode::METHOD_NOT_ALLOWED));
    }
    let headers = request.headers();
    if !names_this_machine(headers, port) {
        return Some(page::refusal(StatusCode::MISDIRECTED_REQUEST));
    }
    let is = |name: &HeaderName, wanted: &str| headers.get(name).is_none_or(|value| value == wanted);
    let navigates = is(&FETCH_MODE, "navigate") && is(&FETCH_DEST, "document");
    (!navigates).then(|| page::refusal(StatusCode::FORBIDDEN))
}

fn names_this_machine(headers: &HeaderMap, port: u16) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| host == format!("{name}:{port}").as_str())
}

#[handler]
async fn callback(request: &Request, Data(window): Data<&Desk>) -> Response {
    let Ok(response) = AuthorizationResponse::from_query(request.uri().query().unwrap_or_default()) else {
        return page::outcome(CallbackReply::NotOurs);
    };
    let (answer, outcome) = oneshot::channel();
    let reply = Box::new(move |reply| {
        // Nobody to show it to: the browser has left.
        let _ = answer.send(reply);
    });
    // Both fail only while the listener is being closed.
    let _ = window.events.send(CallbackEvent::Hit(CallbackHit { response, reply })).await;
    match outcome.await.unwrap_or(CallbackReply::Unavailable) {
        ended @ CallbackReply::Ended(_) => {
            *window.last.write().unwrap_or_else(PoisonError::into_inner) = Some(ended);
            // Takes the code out of the address bar and out of the history.
            StatusCode::SEE_OTHER.with_header(header::LOCATION, "/auth/done").into_response()
        }
        refused @ (CallbackReply::NotOurs | CallbackReply::Finishing | CallbackReply::Unavailable) => {
            page::outcome(refused)
        }
    }
}

#[handler]
async fn done(Data(window): Data<&Desk>) -> Response {
    let last = *window.last.read().unwrap_or_else(PoisonError::into_inner);
    let Some(reply) = last else { return page::refusal(StatusCode::NOT_FOUND) };
    let _ = window.events.send(CallbackEvent::OutcomeShown).await;
    page::outcome(reply)
}
