//! The way of every request: it gets a name, is for this gateway, is let in or not, finds its handler, and its answer
//! gets the headers that all answers have.
//!
//! One endpoint and no chain of wrapped ones: the future of each wrapper holds the request and the future inside once
//! more, and copying them was a quarter of what a forwarded request cost.

use std::{any::Any, panic::AssertUnwindSafe, pin::pin, sync::Arc};

use futures_util::FutureExt;
use poem::{
    Endpoint, Request, Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use tracing::Instrument;

use super::{
    authenticator::Authenticator,
    current_request::{CurrentRequest, RequestIds},
    events_api::Stopping,
    hosts::Hosts,
    large_body::LargeBodies,
    paths::{self, AllowedMethods},
    problem_json::{self, ProblemJson},
    proxy_api::Proxy,
};
use crate::{adapters::contract::ProblemKind, app::App};

/// Default CSP for responses other than pages: no scripts, no framing.
const NOTHING_RUNS: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(super) struct Front<R, P> {
    pub(super) hosts: Hosts,
    pub(super) ids: RequestIds,
    pub(super) authenticator: Authenticator,
    pub(super) methods: Arc<AllowedMethods>,
    pub(super) proxy: Proxy,
    /// `/` and what is below `/page/`.
    pub(super) page: P,
    /// Whatever else there is.
    pub(super) routes: R,
    pub(super) app: Arc<App>,
    pub(super) bodies: Arc<LargeBodies>,
    pub(super) stopping: Stopping,
}

impl<R: Endpoint<Output = Response>, P: Endpoint<Output = Response>> Endpoint for Front<R, P> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let (id, path) = (self.ids.next(), request.uri().path());
        // The path without its query: what a caller puts there by mistake stays out of the log.
        let span = tracing::info_span!("http.request", request.id = id, method = %request.method(), path);
        let name = HeaderValue::from_str(&id);
        let current = CurrentRequest { id, speaks_openai: paths::speaks_openai(path) };
        let work = pin!(self.answer_or_report_panic(request));
        let mut answer = current.scope(work).instrument(span).await;
        let headers = answer.headers_mut();
        headers.extend(name.ok().map(|name| (REQUEST_ID, name)));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING_RUNS);
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        Ok(answer)
    }
}

impl<R: Endpoint<Output = Response>, P: Endpoint<Output = Response>> Front<R, P> {
    /// Checks the host name. A health check may use any name: its probe cannot be listed, and it learns nothing.
    fn is_for_us(&self, request: &Request) -> Result<(), Response> {
        if self.hosts.are_named_by(request.headers()) || request.uri().path() == paths::HEALTH {
            return Ok(());
        }
        let words = "the gateway does not answer to this name; server.allowed_hosts lists further ones";
        Err(ProblemJson::response(ProblemKind::HostNotAllowed, words))
    }

    /// Turns a panic into a 500, so that a bug ends one request and not its connection. The panic hook has printed the
    /// message and the place already; the log line here names the request. Nothing shared is left half changed: what
    /// changes state runs in tasks of its own (`app::Tasks`), and the locks in between do not span an await.
    async fn answer_or_report_panic(&self, request: Request) -> Response {
        match AssertUnwindSafe(self.answer(request)).catch_unwind().await {
            Ok(answer) => answer,
            Err(panic) => {
                let message = panic_message(panic.as_ref());
                tracing::error!(panic.message = message, "a request panicked; this is a bug of the gateway");
                let detail = "the gateway has a bug here; its log has the details under this request id";
                ProblemJson::response(ProblemKind::Internal, detail)
            }
        }
    }

    async fn answer(&self, mut request: Request) -> Response {
        let way_in = self.is_for_us(&request).and_then(|()| self.authenticator.authenticate(&mut request));
        if let Err(refusal) = way_in.and_then(|()| no_upgrade(&request)) {
            return refusal;
        }
        if request.uri().path().starts_with(paths::PROXY) {
            return self.proxy.forward(request).await;
        }
        let uri = request.uri().clone();
        let answered = if paths::is_page(uri.path()) {
            self.page.call(request).await
        } else {
            let App { tokens, logins, accounts, models, access, .. } = self.app.as_ref();
            request.set_data(Arc::clone(tokens));
            request.set_data(Arc::clone(logins));
            request.set_data(Arc::clone(accounts));
            request.set_data(Arc::clone(models));
            request.set_data(Arc::clone(access));
            request.set_data(Arc::clone(&self.bodies));
            request.set_data(self.stopping.clone());
            self.routes.call(request).await
        };
        let mut answer = match answered {
            Ok(answer) => answer,
            Err(error) => problem_json::from_framework(error),
        };
        // The framework does not list the methods that the path takes.
        if answer.status() == StatusCode::METHOD_NOT_ALLOWED
            && let Some(allow) = self.methods.of(uri.path()).and_then(|methods| HeaderValue::from_str(methods).ok())
        {
            answer.headers_mut().insert(header::ALLOW, allow);
        }
        answer
    }
}

/// The text that a panic was started with. It comes from our own code and holds no secret: secrets have no `Display`.
fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let formatted = panic.downcast_ref::<String>().map(String::as_str);
    formatted.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no message)")
}

/// Codex offers a WebSocket first. Told at once that there is none, it uses plain HTTP; by any other word it tries
/// again.
fn no_upgrade(request: &Request) -> Result<(), Response> {
    // Others are hints that a server may leave unheard: Java's client offers HTTP/2 so.
    let is_websocket =
        |value: &HeaderValue| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("websocket"));
    if request.headers().get_all(header::UPGRADE).iter().any(is_websocket) && paths::speaks_openai(request.uri().path())
    {
        let words = "this gateway speaks plain HTTP here; use the HTTP form";
        return Err(ProblemJson::response(ProblemKind::NoUpgrade, words));
    }
    Ok(())
}
