//! The routes of the callback listener: `GET /auth/callback` and `GET /auth/done`.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use poem::{
    Endpoint, EndpointExt, IntoResponse, Request, Response, Route, get, handler,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    web::Data,
};
use tokio::sync::{mpsc, oneshot};

use super::page;
use crate::{
    domain::{authorization_response::AuthorizationResponse, secret::OAuthState},
    ports::{CallbackEvent, CallbackHit, CallbackReply},
};

const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// The headers that mark a prefetch: `Sec-Purpose` of the Fetch standard, and those of older browsers.
const PREFETCH_HEADERS: [HeaderName; 4] = [
    HeaderName::from_static("sec-purpose"),
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-moz"),
];

/// Maximum number of outcomes to keep. Few logins end while the listener is open.
const MAX_OUTCOMES: usize = 8;
/// The length of an outcome's id: 132 bits in base64url.
const ID_CHARS: usize = 22;

#[derive(Clone)]
struct RouteState {
    events: mpsc::Sender<CallbackEvent>,
    /// The replies to the newest callbacks with a login's `state`, which `/auth/done` shows by their ids.
    outcomes: Arc<Mutex<VecDeque<(String, CallbackReply)>>>,
}

impl RouteState {
    fn keep(&self, id: &str, reply: CallbackReply) {
        let mut outcomes = self.outcomes();
        outcomes.retain(|(known, _)| known != id);
        if outcomes.len() >= MAX_OUTCOMES {
            outcomes.pop_front();
        }
        outcomes.push_back((id.to_owned(), reply));
    }

    fn find(&self, id: &str) -> Option<CallbackReply> {
        self.outcomes().iter().find(|(known, _)| known == id).map(|(_, reply)| reply.clone())
    }

    fn outcomes(&self) -> MutexGuard<'_, VecDeque<(String, CallbackReply)>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn endpoint(events: mpsc::Sender<CallbackEvent>, port: u16) -> impl Endpoint<Output = Response> {
    let routes = Route::new().at("/auth/callback", get(callback)).at("/auth/done", get(done));
    let routes = routes.data(RouteState { events, outcomes: Arc::default() });
    routes.around(move |routes, request| async move {
        let response = match refusal(&request, port) {
            Some(refusal) => refusal,
            None => routes.call(request).await.unwrap_or_else(|error| page::refusal(error.status())),
        };
        Ok(page::with_safe_headers(response))
    })
}

/// Returns an error page for another method than GET, for another host name than a loopback one, and for a request that
/// the browser marks as a prefetch or as anything but the navigation of a tab. Older browsers do not mark requests.
fn refusal(request: &Request, port: u16) -> Option<Response> {
    // A HEAD request would redeem the code without showing the outcome.
    if request.method() != Method::GET {
        return Some(page::refusal(StatusCode::METHOD_NOT_ALLOWED));
    }
    let headers = request.headers();
    if !has_loopback_host(request, port) {
        return Some(page::refusal(StatusCode::MISDIRECTED_REQUEST));
    }
    let is_absent_or = |name: &HeaderName, wanted: &str| headers.get(name).is_none_or(|value| value == wanted);
    let is_navigation = is_absent_or(&FETCH_MODE, "navigate") && is_absent_or(&FETCH_DEST, "document");
    // A prefetch would redeem the code for a page that may never be shown. To show it, the browser requests it again.
    let is_prefetch = PREFETCH_HEADERS.iter().any(|name| headers.get_all(name).iter().any(says_prefetch));
    (!is_navigation || is_prefetch).then(|| page::refusal(StatusCode::FORBIDDEN))
}

fn says_prefetch(purpose: &HeaderValue) -> bool {
    let says = |text: &str| ["prefetch", "preview"].iter().any(|word| text.to_ascii_lowercase().contains(word));
    purpose.to_str().is_ok_and(says)
}

/// Whether the `Host` header, and the target if it names a host, have a loopback name and the port.
fn has_loopback_host(request: &Request, port: u16) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    // Browsers leave out the port of the scheme.
    let is_default_port = port == 80;
    let is_loopback = |host: &str| {
        let names = ["localhost", "127.0.0.1", "[::1]"];
        names.iter().any(|name| host == format!("{name}:{port}") || (is_default_port && host == *name))
    };
    host.to_str().is_ok_and(is_loopback) && request.uri().authority().is_none_or(|target| is_loopback(target.as_str()))
}

#[handler]
async fn callback(request: &Request, Data(state): Data<&RouteState>) -> Response {
    let Ok(response) = AuthorizationResponse::from_query(request.uri().query().unwrap_or_default()) else {
        return page::outcome(&CallbackReply::Rejected);
    };
    let id = outcome_id(&response.state);
    let (sender, outcome) = oneshot::channel();
    let reply = Box::new(move |reply| {
        // Fails if the browser has disconnected.
        let _ = sender.send(reply);
    });
    // The send and the receive fail only while the listener closes.
    let _ = state.events.send(CallbackEvent::Hit(CallbackHit { response, reply })).await;
    match outcome.await.unwrap_or(CallbackReply::Unavailable) {
        reply @ (CallbackReply::Ended(_) | CallbackReply::Question(_) | CallbackReply::Unsaved) => {
            state.keep(&id, reply);
            // The redirect removes the code from the address bar and from the browser's history.
            StatusCode::SEE_OTHER.with_header(header::LOCATION, format!("/auth/done?id={id}")).into_response()
        }
        reply @ (CallbackReply::Rejected | CallbackReply::Finishing | CallbackReply::Unavailable) => {
            page::outcome(&reply)
        }
    }
}

/// Returns the id of a login's outcome page. Nobody can guess it, because only the login's browser has the `state`.
fn outcome_id(state: &OAuthState) -> String {
    state.digest().as_str().chars().take(ID_CHARS).collect()
}

#[handler]
async fn done(request: &Request, Data(state): Data<&RouteState>) -> Response {
    let id = request.uri().query().and_then(|query| query.strip_prefix("id="));
    let Some(reply) = id.and_then(|id| state.find(id)) else { return page::refusal(StatusCode::NOT_FOUND) };
    let _ = state.events.send(CallbackEvent::OutcomeShown).await;
    page::outcome(&reply)
}
