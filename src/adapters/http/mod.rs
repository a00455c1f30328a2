//! The gateway's HTTP API. Every handler is three steps: parse, call one use case, render.
//!
//! The contract is generated from this code (`goclaw openapi`) and committed as `openapi/v1.json`.

mod answers;
mod auth_api;
mod control_json;
mod docs_page;
mod guard;
mod health_api;
mod problem;
mod providers_api;
mod refusal;
mod requests;

use std::{sync::Arc, time::Duration};

use poem::{
    Endpoint, EndpointExt, Response, Route,
    endpoint::make_sync,
    get,
    http::{HeaderValue, header},
    web::Data,
};
use poem_openapi::{OpenApiService, Tags};

pub use guard::GatewayToken;

use crate::{adapters::serving::Limits, app::Gateway};

/// How the API's listener treats its callers.
pub const LIMITS: Limits = Limits {
    header_timeout: Duration::from_secs(10),
    connections: 4096,
    header_bytes: 32 * 1024,
    drain: Duration::from_secs(25),
};

type Apis = (auth_api::AuthApi, providers_api::ProvidersApi, health_api::HealthApi);

/// The use cases, as a handler asks for them.
type App<'a> = Data<&'a Arc<Gateway>>;

/// How the contract groups its operations.
#[derive(Tags)]
enum Tag {
    /// Sign in and out.
    Auth,
    /// What accounts there are.
    Providers,
    /// The gateway itself.
    Meta,
}

fn service(server: &str) -> OpenApiService<Apis, ()> {
    let apis = (auth_api::AuthApi, providers_api::ProvidersApi, health_api::HealthApi);
    OpenApiService::new(apis, "goclaw", env!("CARGO_PKG_VERSION"))
        .description(
            "Everything under `/v1` wants `Authorization: Bearer <gateway token>`. Times are Unix seconds. Errors are \
             `application/problem+json` (RFC 9457) with a stable `code`.",
        )
        .license("MIT")
        .server(server)
}

/// The OpenAPI document, as committed in `openapi/v1.json`.
pub fn openapi_document() -> String {
    let mut document = service("http://127.0.0.1:3577").spec();
    document.push('\n');
    document
}

/// The whole API as one endpoint.
pub fn endpoint(gateway: &Arc<Gateway>, token: GatewayToken) -> impl Endpoint<Output = Response> + use<> {
    // The page tries requests on the gateway it came from, wherever that is.
    let (service, document) = (service("/"), openapi_document());
    let docs = docs_page::endpoint(service.swagger_ui_html());
    let spec = move |_| Response::builder().content_type("application/json").body(document.clone());
    Route::new()
        .at("/openapi.json", get(make_sync(spec)))
        .at("/docs", get(docs))
        .nest("/", service)
        .data(Arc::clone(gateway))
        .catch_all_error(problem::from_framework)
        .around(move |routes, request| guard::admit(token.clone(), routes, request))
        .after(|answer| async move { answer.map(with_common_headers) })
}

fn with_common_headers(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    answer
}
