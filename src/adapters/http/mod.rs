//! The gateway's HTTP API. Every handler is three steps: parse, call one use case, render.
//!
//! The contract is generated from this code (`goclaw openapi`) and committed as `openapi/v1.json`.

mod allowed_methods;
mod answers;
mod auth_api;
mod authenticator;
mod contract;
mod control_json;
mod current_request;
mod docs_page;
mod event_answers;
mod events_api;
mod failed_attempts;
mod front;
mod health_api;
mod hosts;
mod large_body;
mod model_answers;
mod model_api;
mod model_body;
mod openai_error;
mod problem;
mod problem_kind;
mod providers_api;
mod proxy_api;
mod refusal;
mod requests;
mod session_api;
mod strict_json;
mod token_answers;
mod tokens_api;

use std::{sync::Arc, time::Duration};

use poem::{Endpoint, Response, Route, endpoint::make_sync, get, web::Data};
use poem_openapi::{OpenApiService, Tags};
use tokio_util::sync::CancellationToken;

use allowed_methods::AllowedMethods;
use authenticator::Authenticator;
pub use authenticator::GatewayToken;
pub use current_request::RequestIds;
use events_api::Stopping;
use front::Front;
pub use hosts::Hosts;
use large_body::LargeBodies;
use proxy_api::Proxy;

use crate::{adapters::serving::Limits, app::App};

/// How the API's listener treats its callers.
pub const LIMITS: Limits = Limits {
    header_timeout: Duration::from_secs(10),
    connections: 4096,
    header_bytes: 32 * 1024,
    drain: Duration::from_secs(25),
};

type Apis = (
    auth_api::AuthApi,
    providers_api::ProvidersApi,
    model_api::ModelApi,
    tokens_api::TokensApi,
    session_api::SessionApi,
    events_api::EventsApi,
    health_api::HealthApi,
);

/// A service of the application, as a handler takes it.
type Service<'a, T> = Data<&'a Arc<T>>;

/// How the contract groups its operations.
#[derive(Tags)]
enum Tag {
    /// Sign in and out.
    Auth,
    /// What accounts there are.
    Providers,
    /// Ask a model. Errors have OpenAI's form here.
    Models,
    /// Tokens for programs.
    Tokens,
    /// How the gateway's page is let in.
    Session,
    /// The gateway itself.
    Meta,
}

fn service(server: &str) -> OpenApiService<Apis, ()> {
    let apis = (
        auth_api::AuthApi,
        providers_api::ProvidersApi,
        model_api::ModelApi,
        tokens_api::TokensApi,
        session_api::SessionApi,
        events_api::EventsApi,
        health_api::HealthApi,
    );
    OpenApiService::new(apis, "goclaw", env!("CARGO_PKG_VERSION"))
        .description(
            "Everything under `/v1` wants `Authorization: Bearer <gateway token>`; the models and the pass-through take a \
             token of `/v1/tokens` too, and everything takes the token of a session of the gateway's page. Times are Unix seconds. Errors are \
             `application/problem+json` (RFC 9457) with a stable `code`. Beside these operations, `/v1/proxy/{provider}/` \
             and a path of the provider's own API forwards a request with the account's token (`docs/proxy.md`); errors of \
             the gateway there have the form of OpenAI's.",
        )
        .license("MIT")
        .server(server)
}

/// The OpenAPI document, as committed in `openapi/v1.json`.
pub fn openapi_document() -> String {
    contract::document(&service("http://127.0.0.1:3577").spec())
}

/// The whole API as one endpoint, with `page` at `/` and below `/page/`. It answers to `hosts`; streams that have no end of
/// their own end when `stop` is cancelled.
pub fn endpoint<P: Endpoint<Output = Response>>(
    app: &Arc<App>,
    token: GatewayToken,
    hosts: Hosts,
    ids: RequestIds,
    page: P,
    stop: CancellationToken,
) -> impl Endpoint<Output = Response> + use<P> {
    // The page tries requests on the gateway it came from, wherever that is.
    let (service, document) = (service("/"), openapi_document());
    let docs = docs_page::endpoint(service.swagger_ui_html());
    let (methods, bodies) = (Arc::new(AllowedMethods::of_contract(&document)), Arc::<LargeBodies>::default());
    let spec = move |_| Response::builder().content_type("application/json").body(document.clone());
    Front {
        hosts,
        ids,
        authenticator: Authenticator::new(token, Arc::clone(&app.access), Arc::clone(&methods)),
        methods,
        proxy: Proxy { models: Arc::clone(&app.models), bodies: Arc::clone(&bodies) },
        routes: Route::new().at("/openapi.json", get(make_sync(spec))).at("/docs", get(docs)).nest("/", service),
        page,
        app: Arc::clone(app),
        bodies,
        stopping: Stopping(stop),
    }
}
