//! Authenticates requests. Only a few paths without sensitive data need no token.

use std::{net::IpAddr, sync::Arc};

use poem::{IntoResponse, Request, Response, http::header};
use poem_openapi::{SecurityScheme, auth::Bearer};
use tokio_util::sync::CancellationToken;

use super::{
    ApiState,
    caller_address::CallerAddress,
    current_request,
    failed_attempts::FailedAttempts,
    gateway_token::GatewayToken,
    operations::Refusal,
    paths,
    problem_json::ProblemJson,
    running_limit::{RunningLimit, RunningSlot},
    websocket::reject_websocket,
};
use crate::{
    adapters::contract::ProblemKind,
    app::{App, AppError, KnownToken, RunningRequest},
    domain::{
        api_token::{Grant, TokenDigest},
        audit::Actor,
        ids::{AccountName, Principal},
        scope::{Permission, Rights},
    },
};

/// The caller of an authenticated request, and what it may use. Only [`Authenticator::authenticate`] creates one, so an
/// operation reaches the services only for an authenticated caller.
#[derive(Clone)]
pub(super) struct AuthContext {
    pub(super) principal: Principal,
    pub(super) rights: Rights,
    pub(super) credential: Credential,
    pub(super) state: Arc<ApiState>,
}

impl AuthContext {
    /// Returns the id of the caller's API token; empty for the gateway token.
    pub(super) fn token_id(&self) -> &str {
        match &self.credential {
            Credential::GatewayToken => "",
            Credential::ApiToken(known) => known.token.holder_id().as_str(),
        }
    }

    /// Returns a [`CancellationToken`] that is cancelled when the caller's API token is revoked; `None` for the gateway
    /// token.
    pub(super) fn revoked(&self) -> Option<CancellationToken> {
        match &self.credential {
            Credential::GatewayToken => None,
            Credential::ApiToken(known) => Some(known.revoked.clone()),
        }
    }
}

/// The credential that authenticated the caller.
#[derive(Clone)]
pub(super) enum Credential {
    /// The gateway's own token.
    GatewayToken,
    /// An API token that the gateway issued.
    ApiToken(Arc<KnownToken>),
}

impl Credential {
    /// Returns the principal that the caller's logins belong to. The gateway token and the page share one, and each
    /// program has its own.
    fn principal(&self) -> Principal {
        match self {
            Self::GatewayToken => Principal::gateway_token(),
            Self::ApiToken(known) => match &known.token.grant {
                Grant::Page | Grant::Link => Principal::gateway_token(),
                Grant::Program(_) => Principal::program(known.token.holder_id().as_str()),
            },
        }
    }

    /// Returns the caller's name for request records.
    fn program(&self) -> &str {
        match self {
            Self::GatewayToken => "gateway token",
            Self::ApiToken(known) => match &known.token.grant {
                Grant::Page | Grant::Link => "page",
                Grant::Program(_) => known.token.name.as_str(),
            },
        }
    }

    fn rights(&self) -> Rights {
        match self {
            Self::GatewayToken => Rights::Owner,
            Self::ApiToken(known) => known.token.rights(),
        }
    }
}

// [`Authenticator::authenticate`] has checked the token already; this only declares the security scheme.
/// The gateway's own token or the token of a page session; also a program's token, for what its scopes permit.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "GatewayToken", checker = "auth_context")]
pub(super) struct Caller(pub(super) AuthContext);

impl Caller {
    pub(super) fn app(&self) -> &App {
        &self.0.state.app
    }

    pub(super) fn principal(&self) -> Principal {
        self.0.principal.clone()
    }

    pub(super) fn rights(&self) -> &Rights {
        &self.0.rights
    }

    /// Returns the names of those accounts whose status the caller may read.
    pub(super) fn readable(&self, accounts: Vec<AccountName>) -> Vec<AccountName> {
        accounts.into_iter().filter(|name| self.rights().permits(Permission::StatusRead, name)).collect()
    }
}

async fn auth_context(request: &Request, _token: Bearer) -> Option<AuthContext> {
    request.data().cloned()
}

impl AuthContext {
    /// Returns the caller in the form of the audit log.
    pub(super) fn actor(&self, address: IpAddr) -> Actor {
        let name = match &self.credential {
            Credential::GatewayToken => "gateway token".to_owned(),
            Credential::ApiToken(known) => {
                let id = known.token.holder_id();
                match &known.token.grant {
                    Grant::Page => Actor::page_session(id),
                    Grant::Link => Actor::link(id),
                    Grant::Program(_) => Actor::program(id, &known.token.name),
                }
            }
        };
        Actor { name, address: Some(address.to_string()), request_id: current_request::id() }
    }
}

/// Checks the tokens of requests, and limits the rate of requests without a valid one.
pub(super) struct Authenticator {
    token: GatewayToken,
    state: Arc<ApiState>,
    failed_attempts: FailedAttempts,
    running: RunningLimit,
}

impl Authenticator {
    pub(super) fn new(token: GatewayToken, state: Arc<ApiState>) -> Self {
        Self { token, state, failed_attempts: FailedAttempts::default(), running: RunningLimit::default() }
    }

    /// Returns the credential for a caller's token; `None` if the token is unknown.
    fn credential(&self, token: &str) -> Option<Credential> {
        let digest = TokenDigest::of(token);
        if self.token.matches(&digest) {
            return Some(Credential::GatewayToken);
        }
        self.state.app.access.find(&digest).map(Credential::ApiToken)
    }

    /// Accepts a request if its path needs no token, or if its token permits the path. Does not limit
    /// the rate of requests with a valid token. Returns the place of a program's request, which the caller must hold
    /// until the response has been sent.
    ///
    /// # Errors
    ///
    /// The token is missing, unknown or not valid for this path, or the program has too many running requests. The
    /// error is the response.
    pub(super) fn authenticate(
        &self,
        request: &mut Request,
        caller: CallerAddress,
    ) -> Result<Option<RunningSlot>, Response> {
        let path = request.uri().path();
        if !paths::needs_token(path) {
            return Ok(None);
        }
        let token = bearer(request);
        let Some(credential) = token.and_then(|token| self.credential(token)) else {
            if token.is_some() {
                self.state.app.access.note_refused_token();
            }
            return Err(match self.failed_attempts.count(caller.0) {
                Ok(()) => ProblemJson::unauthorized(token.is_some()),
                Err(wait) => ProblemJson::too_many_attempts(wait),
            });
        };
        let (principal, rights) = (credential.principal(), credential.rights());
        // Before the check, so that the record of a refused request names the program too.
        RunningRequest::current().note_program(credential.program());
        let mut slot = None;
        if let Credential::ApiToken(known) = &credential {
            self.check(request, &known.token.grant, &rights)?;
            if let Grant::Program(_) = &known.token.grant {
                let taken = self.running.take(known.token.holder_id());
                slot = Some(taken.ok_or_else(ProblemJson::too_many_requests)?);
            }
            self.state.app.access.note_use(known);
        }
        let state = Arc::clone(&self.state);
        request.set_data(AuthContext { principal, rights, credential, state });
        Ok(slot)
    }

    /// Checks whether the holder of an API token may make this request.
    fn check(&self, request: &Request, grant: &Grant, rights: &Rights) -> Result<(), Response> {
        let path = request.uri().path();
        let refusal = match grant {
            Grant::Page => return Ok(()),
            Grant::Link if path == paths::SESSION => return Ok(()),
            Grant::Link => return Err(insufficient_scope("owner")),
            Grant::Program(_) => {
                // The check below would reject a WebSocket with a 405, which clients retry.
                reject_websocket(request)?;
                match self.state.operations.check(request.method(), path, rights) {
                    Ok(()) => return Ok(()),
                    Err(refusal) => refusal,
                }
            }
        };
        Err(match refusal {
            // No scope permits a path that does not exist, so a 403 would mislead.
            Refusal::NoSuchPath => ProblemJson::no_such_path(),
            Refusal::NoSuchMethod => {
                let allow = self.state.operations.methods_of(path).unwrap_or_default();
                ProblemJson::no_such_method().with_header(header::ALLOW, allow).into_response()
            }
            Refusal::Lacks(scope) => insufficient_scope(&scope),
        })
    }
}

/// Returns the 403 of RFC 6750 section 3.1 for a token that lacks `scope`.
fn insufficient_scope(scope: &str) -> Response {
    let detail = match scope {
        "owner" => "this needs the gateway's own token or a session of the page".to_owned(),
        scope => AppError::InsufficientScope(scope.to_owned()).to_string() + "; see goclaw tokens create --help",
    };
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
    let response = ProblemJson::response(ProblemKind::InsufficientScope, detail);
    response.with_header(header::WWW_AUTHENTICATE, challenge).into_response()
}

/// Returns the bearer token of the single `Authorization` header. Tokens in other places are ignored.
fn bearer(request: &Request) -> Option<&str> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (headers.next(), headers.next()) else { return None };
    bearer_token(value.to_str().ok()?)
}

/// Returns the token of an `Authorization` header (RFC 6750 section 2.1).
pub fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
