//! `/v1/proxy/{provider}/{path}`: forwards requests to a provider's own API with an account's token. Bodies are not
//! changed, except that a silent event stream gets comments. See `docs/proxy.md` for the rules.

use std::{collections::HashMap, io};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, future, stream};
use poem::{
    Body, IntoResponse, Request, Response,
    endpoint::BoxEndpoint,
    http::{Method, header},
};
use poem_openapi::{
    ApiResponse, OpenApi, Tags,
    registry::{
        MetaApi, MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaPath, MetaRequest, MetaSchema,
        MetaSchemaRef, Registry,
    },
    types::Type,
};
use tokio_util::sync::CancellationToken;

use super::{
    ApiState,
    authenticator::AuthContext,
    kept_alive::{SILENCE, kept_alive, takes_comments},
    large_body::{BodyReservation, BudgetedBody},
    openai_error::OpenAiError,
    paths,
    problem_json::ProblemJson,
    responses::{ANY_METHOD, BAD_REQUEST, LARGE_BODY, NOT_FOUND, OpenAiErrorResponse, PROVIDER, success},
    tags::Tag,
};
use crate::{
    adapters::contract::{AccountName, ProblemKind},
    app::{AppError, ProxyRequest, ProxyResponse, account_name},
    ports::ByteStream,
};

/// The forwarded methods, each with its `operationId`.
const METHODS: [(Method, &str); 6] = [
    (Method::GET, "proxyGet"),
    (Method::HEAD, "proxyHead"),
    (Method::POST, "proxyPost"),
    (Method::PUT, "proxyPut"),
    (Method::PATCH, "proxyPatch"),
    (Method::DELETE, "proxyDelete"),
];
const ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

/// Forwards a request whose path begins with [`paths::PROXY`].
///
/// # Errors
///
/// The error is the complete error response.
pub(super) async fn forward(state: &ApiState, mut request: Request) -> Result<Response, Response> {
    if !METHODS.iter().any(|(method, _)| method == request.method()) {
        let refusal = ProblemJson::response(ProblemKind::MethodNotAllowed, "this method is not forwarded");
        return Err(refusal.with_header(header::ALLOW, ALLOWED).into_response());
    }
    let to_response = |error: AppError| OpenAiError::of(&error).into_response();
    let Some(caller) = request.data::<AuthContext>().cloned() else { return Err(ProblemJson::unauthorized(false)) };
    let body = state.bodies.buffer_or_stream(caller.token_id(), request.take_body(), request.headers()).await;
    let BudgetedBody { body, reservation } = body.map_err(|error| ProblemJson(error.into()).into_response())?;
    let (uri, method) = (request.uri().clone(), request.method().clone());
    let rest = uri.path().strip_prefix(paths::PROXY).unwrap_or_default();
    let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
    let forwarded = state.app.models.forward(ProxyRequest {
        name: account_name(name).map_err(to_response)?,
        rights: caller.rights.clone(),
        method,
        path: path.to_owned(),
        query: uri.query().map(str::to_owned),
        headers: std::mem::take(request.headers_mut()),
        body,
    });
    Ok(streamed(forwarded.await.map_err(to_response)?, reservation, &caller))
}

/// Converts a provider's response. The body is streamed unchanged, except for comments in a silent event stream. The
/// stream fails when the caller's token is revoked. It holds `reservation`, the memory of the request's body, shrunk to
/// the size that the response still needs.
pub(super) fn streamed(forwarded: ProxyResponse, mut reservation: BodyReservation, caller: &AuthContext) -> Response {
    reservation.shrink_to(forwarded.held_bytes);
    // The body is streamed after the handler has returned, so its log lines need the request's span.
    let span = tracing::Span::current();
    let body: ByteStream = Box::pin(forwarded.body.inspect_err(move |error| {
        let _held = &reservation;
        span.in_scope(|| tracing::warn!(error = %error, "a forwarded response was cut off"));
    }));
    let mut headers = forwarded.headers;
    let body: ByteStream = if takes_comments(&headers) {
        // Comments change the length.
        headers.remove(header::CONTENT_LENGTH);
        Box::pin(kept_alive(body, SILENCE))
    } else {
        body
    };
    let body = body.map_err(std::io::Error::other);
    let body = match caller.revoked() {
        Some(revoked) => Body::from_bytes_stream(until_revoked(body, revoked)),
        None => Body::from_bytes_stream(body),
    };
    let mut response = Response::builder().status(forwarded.status).body(body);
    *response.headers_mut() = headers;
    response
}

/// Ends a body with an error when the token is revoked, so that the caller does not mistake it for a complete one.
fn until_revoked(
    body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    revoked: CancellationToken,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let token = revoked.clone();
    let cut_off =
        stream::once(async move { token.is_cancelled().then(|| Err(io::Error::other("the token was revoked"))) });
    body.take_until(revoked.cancelled_owned()).chain(cut_off.filter_map(future::ready))
}

/// Describes the proxy in the OpenAPI document. It registers no routes, because OpenAPI cannot express a path parameter
/// with slashes. [`forward`] handles the requests before poem-openapi routes them.
pub(super) struct ProxyApi;

impl OpenApi for ProxyApi {
    fn meta() -> Vec<MetaApi> {
        let operations = METHODS.map(|(method, operation_id)| operation(method, operation_id)).into();
        vec![MetaApi { paths: vec![MetaPath { path: format!("{}{{provider}}/{{path}}", paths::PROXY), operations }] }]
    }

    fn register(registry: &mut Registry) {
        Tag::Proxy.register(registry);
        ProxyError::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

type ProxyError = OpenAiErrorResponse<{ BAD_REQUEST | NOT_FOUND | LARGE_BODY | PROVIDER | ANY_METHOD }>;

fn operation(method: Method, operation_id: &'static str) -> MetaOperation {
    let bytes = || {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        vec![MetaMediaType { content_type: "application/octet-stream", schema }]
    };
    let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(&method);
    let request = has_body.then(|| MetaRequest {
        description: Some("Bytes of any type, as the provider expects them."),
        content: bytes(),
        required: false,
    });
    let mut responses = ProxyError::meta();
    let content = if method == Method::HEAD { Vec::new() } else { bytes() };
    responses.responses.insert(0, success(content, Vec::new()));
    let about_path = "A path of the provider's API. It may contain slashes; they are sent unchanged.";
    MetaOperation {
        method,
        tags: vec![Tag::Proxy.name()],
        summary: Some("Forward a request to the provider's own API."),
        description: Some(
            "Query, body and listed headers are forwarded with the account's token; the provider's status, listed headers and \
             body are returned. Only allowed paths are forwarded; see docs/proxy.md.",
        ),
        external_docs: None,
        params: vec![
            parameter("provider", None, AccountName::schema_ref()),
            parameter("path", Some(about_path), String::schema_ref()),
        ],
        request,
        responses,
        deprecated: false,
        security: vec![HashMap::from([("GatewayToken", Vec::new())])],
        operation_id: Some(operation_id),
        code_samples: Vec::new(),
    }
}

fn parameter(name: &str, description: Option<&str>, schema: MetaSchemaRef) -> MetaOperationParam {
    MetaOperationParam {
        name: name.to_owned(),
        schema,
        in_type: MetaParamIn::Path,
        description: description.map(str::to_owned),
        required: true,
        deprecated: false,
        explode: true,
        style: None,
    }
}
