//! The responses of operations: a JSON body, or an error with one of the statuses that the operation's signature lists.

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};

use super::{
    openai_error::OpenAiError,
    problem_json::{PROBLEM_JSON, ProblemJson},
};
use crate::{
    adapters::contract::{OpenAiErrorBody, Problem},
    app::AppError,
};

pub(super) const JSON: &str = "application/json";

/// The result of an operation of the control API.
pub(super) type ApiResult<T, const STATUSES: u16> = Result<Json<T>, ErrorResponse<STATUSES>>;

// Groups of error statuses. An operation lists its groups, and `ERRORS` has the statuses of each group.
pub(super) const BAD_REQUEST: u16 = 1;
/// The operation reads a body.
pub(super) const BODY: u16 = 1 << 1;
pub(super) const NOT_FOUND: u16 = 1 << 2;
pub(super) const CONFLICT: u16 = 1 << 3;
/// The operation completes a login.
pub(super) const LOGIN: u16 = 1 << 4;
/// The operation reads a large body.
pub(super) const LARGE_BODY: u16 = 1 << 5;
/// The operation calls the provider.
pub(super) const PROVIDER: u16 = 1 << 6;
/// The operation accepts any method and rejects some of them itself.
pub(super) const ANY_METHOD: u16 = 1 << 7;
/// The operation has errors in OpenAI's form; `errors_of` adds this group.
const OPENAI_FORM: u16 = 1 << 8;
/// Every operation may return the status.
const EVERY: u16 = u16::MAX;

/// The error statuses: the groups that include each one, the status, and its description.
const ERRORS: [(u16, u16, &str); 17] = [
    (BAD_REQUEST | BODY | LARGE_BODY, 400, "The request is invalid; `code` is the reason."),
    (EVERY, 401, "The token is missing or wrong."),
    (EVERY, 403, "The token does not permit this operation, or the user declined at the provider."),
    (NOT_FOUND, 404, "There is no such account, token or model."),
    (ANY_METHOD, 405, "The method is not forwarded."),
    (BODY | LARGE_BODY, 408, "The body took too long to arrive."),
    (CONFLICT, 409, "The state of the account does not allow it."),
    (LOGIN, 410, "The login has ended."),
    (BODY | LARGE_BODY, 413, "The body is too large, nested too deeply, or has too many values."),
    (BODY | LARGE_BODY, 415, "The body's content type is not JSON, or its content encoding is not supported."),
    (EVERY, 421, "The gateway does not accept this host name."),
    (OPENAI_FORM, 426, "WebSockets are not supported; use plain HTTP."),
    (
        EVERY,
        429,
        "Too many requests with a wrong token, too many running requests of the token, or the plan is used up.",
    ),
    (EVERY, 500, "An internal error."),
    (LOGIN | PROVIDER, 502, "The provider failed, or its response cannot be used."),
    (EVERY, 503, "The gateway cannot process the request now; try again later."),
    (LOGIN | PROVIDER, 504, "The provider did not respond in time."),
];

fn errors_of(statuses: u16, is_openai: bool) -> impl Iterator<Item = &'static (u16, u16, &'static str)> {
    let statuses = if is_openai { statuses | OPENAI_FORM } else { statuses };
    ERRORS.iter().filter(move |(groups, ..)| *groups == EVERY || statuses & groups != 0)
}

pub(super) fn header(name: &str, description: &str, required: bool, schema: MetaSchema) -> MetaHeader {
    let (name, description) = (name.to_owned(), Some(description.to_owned()));
    MetaHeader { name, description, required, deprecated: false, schema: MetaSchemaRef::Inline(Box::new(schema)) }
}

pub(super) fn success(content: Vec<MetaMediaType>, headers: Vec<MetaHeader>) -> MetaResponse {
    MetaResponse { description: "Success.", status: Some(200), status_range: None, content, headers }
}

pub(super) struct Json<T>(pub(super) T);

impl<T: ToJSON> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type(JSON).body(self.0.to_json_string())
    }
}

impl<T: Type> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
        MetaResponses { responses: vec![success(content, Vec::new())] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A rendered error response with one of the listed statuses, in OpenAI's form or as a problem.
#[derive(Debug)]
pub(super) struct ErrorResponse<const STATUSES: u16, const IS_OPENAI: bool = false>(Response);

/// An error response of the model routes and the proxy.
pub(super) type OpenAiErrorResponse<const STATUSES: u16> = ErrorResponse<STATUSES, true>;

impl<const STATUSES: u16, const IS_OPENAI: bool> ErrorResponse<STATUSES, IS_OPENAI> {
    fn new(response: Response) -> Self {
        let status = response.status().as_u16();
        debug_assert!(
            errors_of(STATUSES, IS_OPENAI).any(|(_, listed, _)| *listed == status),
            "the operation does not list {status}"
        );
        Self(response)
    }
}

impl<const STATUSES: u16, const IS_OPENAI: bool> From<Problem> for ErrorResponse<STATUSES, IS_OPENAI> {
    fn from(problem: Problem) -> Self {
        Self::new(if IS_OPENAI {
            OpenAiError::from(problem).into_response()
        } else {
            ProblemJson(problem).into_response()
        })
    }
}

impl<const STATUSES: u16, const IS_OPENAI: bool> From<AppError> for ErrorResponse<STATUSES, IS_OPENAI> {
    fn from(error: AppError) -> Self {
        Self::new(if IS_OPENAI {
            OpenAiError::of(&error).into_response()
        } else {
            ProblemJson(Problem::of(&error)).into_response()
        })
    }
}

impl<const STATUSES: u16, const IS_OPENAI: bool> From<ErrorResponse<STATUSES, IS_OPENAI>> for poem::Error {
    fn from(ErrorResponse(response): ErrorResponse<STATUSES, IS_OPENAI>) -> Self {
        Self::from_response(response)
    }
}

impl<const STATUSES: u16, const IS_OPENAI: bool> ApiResponse for ErrorResponse<STATUSES, IS_OPENAI> {
    fn meta() -> MetaResponses {
        let (content_type, schema) =
            if IS_OPENAI { (JSON, OpenAiErrorBody::schema_ref()) } else { (PROBLEM_JSON, Problem::schema_ref()) };
        let responses = errors_of(STATUSES, IS_OPENAI).map(|&(_, status, description)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType { content_type, schema: schema.clone() }],
            headers: error_headers(status, IS_OPENAI),
        });
        MetaResponses { responses: responses.collect() }
    }

    fn register(registry: &mut Registry) {
        if IS_OPENAI { OpenAiErrorBody::register(registry) } else { Problem::register(registry) }
    }
}

fn error_headers(status: u16, is_openai: bool) -> Vec<MetaHeader> {
    match status {
        401 => {
            let scheme = MetaSchema { pattern: Some("^Bearer".to_owned()), ..MetaSchema::new("string") };
            vec![header("WWW-Authenticate", "The scheme to use.", true, scheme)]
        }
        429 => {
            let seconds = MetaSchema { minimum: Some(1.0), ..MetaSchema::new("integer") };
            // Optional in OpenAI's form, because a provider's 429 may lack it.
            vec![header("Retry-After", "How many seconds to wait.", !is_openai, seconds)]
        }
        _ => Vec::new(),
    }
}
