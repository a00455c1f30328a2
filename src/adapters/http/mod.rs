//! The gateway's HTTP API. Every handler is three steps: parse, call one use case, render.
//!
//! The contract is generated from this code (`goclaw openapi`) and committed as `openapi/v1.json`.

mod allowed_methods;
mod answers;
mod auth_api;
mod contract;
mod control_json;
mod docs_page;
mod failed_attempts;
mod guard;
mod health_api;
mod model_answers;
mod model_api;
mod model_body;
mod openai_error;
mod problem;
mod problem_kind;
mod providers_api;
mod proxy_api;
mod refusal;
mod request_id;
mod requests;
mod strict_json;
mod token_answers;
mod tokens_api;

use std::{sync::Arc, time::Duration};

use poem::{
    Endpoint, EndpointExt, IntoResponse, Request, Response, Route,
    endpoint::make_sync,
    get,
    http::{HeaderValue, StatusCode, header},
    web::Data,
};
use poem_openapi::{OpenApiService, Tags};

use allowed_methods::AllowedMethods;
use guard::Entrance;
pub use guard::GatewayToken;
use problem::{Problem, ProblemJson};
use problem_kind::ProblemKind;
use request_id::RequestIds;

use crate::{adapters::serving::Limits, app::Gateway};

/// How the API's listener treats its callers.
pub const LIMITS: Limits = Limits {
    header_timeout: Duration::from_secs(10),
    connections: 4096,
    header_bytes: 32 * 1024,
    drain: Duration::from_secs(25),
};

type Apis =
    (auth_api::AuthApi, providers_api::ProvidersApi, model_api::ModelApi, tokens_api::TokensApi, health_api::HealthApi);

/// The use cases, as a handler asks for them.
type App<'a> = Data<&'a Arc<Gateway>>;

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
    /// The gateway itself.
    Meta,
}

fn service(server: &str) -> OpenApiService<Apis, ()> {
    let apis = (
        auth_api::AuthApi,
        providers_api::ProvidersApi,
        model_api::ModelApi,
        tokens_api::TokensApi,
        health_api::HealthApi,
    );
    OpenApiService::new(apis, "goclaw", env!("CARGO_PKG_VERSION"))
        .description(
            "Everything under `/v1` wants `Authorization: Bearer <gateway token>`; the models and the pass-through take a \
             token of `/v1/tokens` too. Times are Unix seconds. Errors are \
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

/// The whole API as one endpoint.
pub fn endpoint(gateway: &Arc<Gateway>, token: GatewayToken) -> impl Endpoint<Output = Response> + use<> {
    // The page tries requests on the gateway it came from, wherever that is.
    let (service, document) = (service("/"), openapi_document());
    let docs = docs_page::endpoint(service.swagger_ui_html());
    let methods = Arc::new(AllowedMethods::of_contract(&document));
    let (entrance, ids) =
        (Arc::new(Entrance::new(token, Arc::clone(gateway), Arc::clone(&methods))), Arc::<RequestIds>::default());
    let spec = move |_| Response::builder().content_type("application/json").body(document.clone());
    Route::new()
        .at("/openapi.json", get(make_sync(spec)))
        .at("/docs", get(docs))
        .at(format!("{}*rest", proxy_api::PREFIX), proxy_api::Proxy { gateway: Arc::clone(gateway) })
        .nest("/", service)
        .data(Arc::clone(gateway))
        .catch_all_error(problem::from_framework)
        .around(move |routes, request| with_allow(Arc::clone(&methods), routes, request))
        .around(no_upgrade)
        .around(move |routes, request| guard::admit(Arc::clone(&entrance), routes, request))
        .around(openai_error::of_route)
        .around(move |routes, request| request_id::named(Arc::clone(&ids), routes, request))
        .after(|answer| async move { answer.map(with_common_headers) })
}

/// A 405 says which methods the path takes.
async fn with_allow<E: Endpoint<Output = Response>>(
    methods: Arc<AllowedMethods>,
    routes: Arc<E>,
    request: Request,
) -> poem::Result<Response> {
    let path = request.uri().path().to_owned();
    let mut answer = routes.call(request).await?;
    if answer.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Some(allow) = methods.of(&path).and_then(|methods| HeaderValue::from_str(methods).ok())
    {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    Ok(answer)
}

/// Codex offers a WebSocket first. Told at once that there is none, it uses plain HTTP; by any other word it tries again.
async fn no_upgrade<E: Endpoint<Output = Response>>(routes: Arc<E>, request: Request) -> poem::Result<Response> {
    // Others are hints that a server may leave unheard: Java's client offers HTTP/2 so.
    let is_websocket =
        |value: &HeaderValue| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("websocket"));
    if request.headers().get_all(header::UPGRADE).iter().any(is_websocket)
        && openai_error::is_spoken_at(request.uri().path())
    {
        let words = "this gateway speaks plain HTTP here; use the HTTP form";
        return Ok(ProblemJson(Problem::new(ProblemKind::NoUpgrade, words)).into_response());
    }
    routes.call(request).await
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
