//! The entry point of every request: assigns an id, checks the host, authenticates, routes, and adds the common
//! response headers.
//!
//! This is one endpoint instead of a chain of middleware. The future of each middleware holds the request and the inner
//! future, and copying them took a quarter of the time of a forwarded request.

use std::{any::Any, panic::AssertUnwindSafe, pin::pin, sync::Arc};

use futures_util::FutureExt;
use poem::{
    Endpoint, Request, Response,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
};
use tokio::select;
use tracing::Instrument;

use super::{
    Accepted, ApiState,
    authenticator::{AuthContext, Authenticator},
    base_path::BasePath,
    caller_address::CallerAddress,
    cross_origin::CrossOrigin,
    current_request::{self, CurrentRequest, REQUEST_ID, RequestIds},
    kept_alive::is_event_stream,
    paths,
    problem_json::{self, ProblemJson},
    proxy_api,
    recording::{Recording, known_method},
    websocket::reject_websocket,
};
use crate::{
    adapters::{contract::ProblemKind, serving::ObservedBy},
    app::{acting_as, panicked},
    domain::audit::Actor,
};

/// Default CSP for responses other than pages: no scripts, no framing.
const DEFAULT_CSP: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(super) struct EntryPoint<R, P> {
    pub(super) base_path: BasePath,
    pub(super) accepted: Accepted,
    pub(super) ids: RequestIds,
    pub(super) authenticator: Authenticator,
    /// Handles `/` and the paths below `/page/`.
    pub(super) page: P,
    /// Handles the other paths, except those of the proxy.
    pub(super) routes: R,
    pub(super) state: Arc<ApiState>,
}

impl<R: Endpoint<Output = Response>, P: Endpoint<Output = Response>> Endpoint for EntryPoint<R, P> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let redirect = self.base_path.remove_from(&mut request).err();
        let (id, path) = (self.ids.of(request.headers()), request.uri().path());
        let is_recorded = paths::is_recorded(path);
        let recording = is_recorded.then(|| Recording::begin(&self.state, &id, &request));
        // Log the path without the query, which may contain a secret by mistake.
        let caller = CallerAddress::of(&request, &self.accepted.proxies);
        let method = known_method(request.method());
        let span = tracing::info_span!("http.request", request.id = id, method, path, caller = %caller.0);
        let id_header = HeaderValue::from_str(&id);
        let current = CurrentRequest { id, expects_openai_errors: paths::expects_openai_errors(path) };
        let cross_origin = self.accepted.origins.decide(&request);
        let work = pin!(async {
            match redirect {
                Some(redirect) => redirect,
                None => self.handle_or_report_panic(request, caller, &cross_origin).await,
            }
        });
        let running = recording.as_ref().map(|recording| recording.running.clone()).unwrap_or_default();
        let mut response = running.scope(current.scope(work)).instrument(span).await;
        if let Some(recording) = recording {
            recording.set_status(response.status().as_u16());
            recording.hold(response.extensions_mut().remove());
            response.extensions_mut().insert(ObservedBy(recording));
        }
        let headers = response.headers_mut();
        headers.extend(id_header.ok().map(|id| (REQUEST_ID, id)));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(DEFAULT_CSP);
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        // Without this header, nginx delays events until its buffer is full.
        if is_event_stream(headers) {
            headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
        }
        cross_origin.add_to(headers);
        Ok(response)
    }
}

impl<R: Endpoint<Output = Response>, P: Endpoint<Output = Response>> EntryPoint<R, P> {
    /// Checks the host name. Health checks may use any name: a probe's host name is not known in advance, and the
    /// response reveals nothing.
    fn check_host(&self, request: &Request) -> Result<(), Response> {
        if self.accepted.hosts.accept(request.uri(), request.headers()) || paths::is_probe(request.uri().path()) {
            return Ok(());
        }
        let detail = "the gateway does not accept this host name; add it to server.allowed_hosts";
        Err(ProblemJson::response(ProblemKind::HostNotAllowed, detail))
    }

    /// Converts a panic to a 500, so that a bug ends one request and not its connection. The panic hook has already
    /// printed the message and the location; the log line here adds the request id. No change of state is interrupted,
    /// because changes run in separate tasks (`app::Tasks`). Ends a prompt that outlasts the drain of a stop.
    async fn handle_or_report_panic(
        &self,
        request: Request,
        caller: CallerAddress,
        cross_origin: &CrossOrigin,
    ) -> Response {
        let streams_end = self.state.app.streams_end();
        let handled = pin!(AssertUnwindSafe(self.handle(request, caller, cross_origin)).catch_unwind());
        let handled = select! {
            biased;
            handled = handled => handled,
            // The connection is cut off soon, and an empty reply would look like a failure of the network.
            () = streams_end.cancelled(), if current_request::expects_openai_errors() => {
                return ProblemJson::response(ProblemKind::GatewayStopping, "the gateway stops; send the request again");
            }
        };
        match handled {
            Ok(response) => response,
            Err(panic) => {
                panicked();
                let message = panic_message(panic.as_ref());
                tracing::error!(panic.message = message, "a request panicked; this is a bug of the gateway");
                let detail = "a bug in the gateway; its log has the details for this request id";
                ProblemJson::response(ProblemKind::Internal, detail)
            }
        }
    }

    async fn handle(&self, mut request: Request, caller: CallerAddress, cross_origin: &CrossOrigin) -> Response {
        if let Some(encoded) = paths::encoded_model(request.uri()) {
            *request.uri_mut() = encoded;
        }
        let path = request.uri().path().to_owned();
        let preflight = |request: &Request| {
            let methods = self.state.operations.methods_of(&path);
            cross_origin.preflight(request, methods.as_deref()).map_or(Ok(()), Err)
        };
        let checked = self.check_host(&request).and_then(|()| preflight(&request));
        let checked = checked.and_then(|()| self.authenticator.authenticate(&mut request, caller));
        let slot = match checked.and_then(|slot| reject_websocket(&request).map(|()| slot)) {
            Ok(slot) => slot,
            Err(response) => return response,
        };
        let mut response = self.route(request, caller, &path).await;
        if let Some(slot) = slot {
            response.extensions_mut().insert(slot);
        }
        response
    }

    /// Calls the operation of an authenticated request.
    async fn route(&self, request: Request, caller: CallerAddress, path: &str) -> Response {
        let result = if path.starts_with(paths::PROXY) {
            return proxy_api::forward(&self.state, request).await.unwrap_or_else(|refusal| refusal);
        } else if paths::is_page(path) {
            self.page.call(request).await
        } else {
            let actor = actor(&request, caller);
            let routed = pin!(self.routes.call(request));
            match actor {
                Some(actor) => acting_as(actor, routed).await,
                None => routed.await,
            }
        };
        let mut response = result.unwrap_or_else(problem_json::from_framework);
        // The framework does not set `Allow`.
        if response.status() == StatusCode::METHOD_NOT_ALLOWED
            && let Some(allow) =
                self.state.operations.methods_of(path).and_then(|methods| HeaderValue::from_str(&methods).ok())
        {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }
}

/// Returns the actor of this request for the audit log; `None` for a request that makes no audited change.
fn actor(request: &Request, caller: CallerAddress) -> Option<Actor> {
    let changes = *request.method() != Method::GET && !paths::is_unaudited(request.uri().path());
    request.data::<AuthContext>().filter(|_| changes).map(|context| context.actor(caller.0))
}

/// Returns the message of a panic. It contains no secret: secrets have no `Display`.
fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let formatted = panic.downcast_ref::<String>().map(String::as_str);
    formatted.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no message)")
}
