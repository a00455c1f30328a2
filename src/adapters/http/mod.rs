//! The gateway's HTTP API. A handler parses the request, calls one use case and renders the result.
//!
//! The OpenAPI document is generated from this code (`goclaw openapi`) and committed as `openapi/v1.json`. Imports
//! point one way: `*_api` -> `responses` -> `app_errors`, `problem_json` -> `openai_error` -> the bodies in
//! `adapters::contract`.

mod app_errors;
mod audit_api;
mod auth_api;
mod authenticator;
mod base_path;
mod caller_address;
mod compression;
mod control_json;
mod cross_origin;
mod current_request;
mod docs_page;
mod document;
mod entry_point;
mod events_api;
mod failed_attempts;
mod gateway_token;
mod health_api;
mod hosts;
mod kept_alive;
mod large_body;
mod metrics_api;
mod model_api;
mod model_body;
mod model_shapes;
mod openai_error;
mod operations;
mod paths;
mod problem_json;
mod providers_api;
mod proxy_api;
mod recording;
mod reference;
mod requests_api;
mod responses;
mod running_limit;
mod session_api;
mod stored_responses_api;
mod tags;
mod tokens_api;
mod websocket;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use poem::{Endpoint, Request, Response, Route, endpoint::make_sync, get};
use poem_openapi::{ContactObject, LicenseObject, OpenApi, OpenApiService};
use tokio_util::sync::CancellationToken;

use authenticator::Authenticator;
pub use authenticator::bearer_token;
use base_path::BasePath;
pub use cross_origin::Origins;
pub use current_request::RequestIds;
use entry_point::EntryPoint;
pub use failed_attempts::FailedAttempts;
pub use gateway_token::{GatewayToken, GatewayTokens, TokenSource};
pub use hosts::Hosts;
pub use kept_alive::kept_alive;
pub use large_body::{BodyBudget, BudgetedBody};
use operations::Operations;

use crate::{
    adapters::serving::{Limits, StaticText},
    app::App,
    domain::{networks::TrustedProxies, public_url::PublicUrl},
};

/// Returns the limits of the API's listener.
pub const fn limits(drain: Duration) -> Limits {
    Limits {
        header_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(75),
        stall_timeout: Duration::from_secs(30),
        body_timeout: Duration::from_secs(120),
        connections: 4096,
        connections_per_peer: 256,
        header_bytes: 32 * 1024,
        drain,
    }
}

/// The state that all operations share.
struct ApiState {
    app: Arc<App>,
    bodies: BodyBudget,
    operations: Operations,
    /// Cancelled when the gateway starts to shut down, so that open streams of `/v1/events` do not delay it.
    stopping: CancellationToken,
}

fn service(server: &str, app: Weak<App>) -> OpenApiService<impl OpenApi + use<>, ()> {
    let apis = (
        auth_api::AuthApi,
        providers_api::ProvidersApi,
        model_api::ModelApi,
        stored_responses_api::StoredResponsesApi,
        proxy_api::ProxyApi,
        tokens_api::TokensApi,
        session_api::SessionApi,
        events_api::EventsApi,
        audit_api::AuditApi,
        requests_api::RequestsApi,
        metrics_api::MetricsApi,
        health_api::HealthApi { app },
    );
    OpenApiService::new(apis, "goclaw", env!("CARGO_PKG_VERSION"))
        .description(
            "Everything under `/v1` needs `Authorization: Bearer <token>`: the gateway's own token, or the token of a session \
             of the gateway's page. A program's token of `/v1/tokens` permits what its scopes say; `x-required-scope` names the scope of \
             each operation. Times are Unix \
             seconds. Errors are `application/problem+json` (RFC 9457) with a stable `code`; the models and the proxy have \
             errors in OpenAI's form. Lists are paged: pass `next_cursor` as `cursor` for the next page.",
        )
        .contact(ContactObject::new().name("goclaw"))
        .license(LicenseObject::new("MIT").url("https://opensource.org/license/mit"))
        .server(server)
}

/// Returns the OpenAPI document, as committed in `openapi/v1.json`.
pub fn openapi_document() -> String {
    document_of("http://127.0.0.1:3577")
}

fn document_of(server: &str) -> String {
    document::document(&service(server, Weak::new()).spec())
}

/// The host names, browser origins and reverse proxies that the API accepts, and its public URL.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub hosts: Hosts,
    pub origins: Origins,
    pub proxies: TrustedProxies,
    pub public_url: Option<PublicUrl>,
}

/// Builds the whole API as one endpoint, with `page` at `/` and below `/page/`. The streams of `/v1/events` end
/// when `stop` is cancelled.
pub fn endpoint<P: Endpoint<Output = Response>>(
    app: &Arc<App>,
    token: GatewayToken,
    accepted: Accepted,
    ids: RequestIds,
    page: P,
    stop: CancellationToken,
) -> impl Endpoint<Output = Response> + use<P> {
    let public_url = accepted.public_url.as_ref();
    let document = public_url.map_or_else(openapi_document, |url| document_of(url.as_str()));
    let base_path = public_url.map(|url| BasePath::new(url.base_path())).unwrap_or_default();
    let service = service("/", Arc::downgrade(app));
    let docs = docs_page::endpoint(&document);
    let state = Arc::new(ApiState {
        app: Arc::clone(app),
        bodies: BodyBudget::default(),
        operations: Operations::of_document(&document),
        stopping: stop,
    });
    let document = StaticText::new("application/json", document);
    let document = make_sync(move |request: Request| document.response(&request));
    EntryPoint {
        base_path,
        accepted,
        ids,
        authenticator: Authenticator::new(token, Arc::clone(&state)),
        routes: Route::new().at("/openapi.json", get(document)).at("/docs", get(docs)).nest("/", service),
        page,
        state,
    }
}
