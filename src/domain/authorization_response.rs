//! The provider's authorization response (RFC 6749 section 4.1.2). [`super::pasted_response`] finds it in pasted text.
//!
//! Any web page can make the browser open the redirect URI. The response is therefore size-limited, parsed strictly,
//! and trusted only after its `state` matches a pending login.

use std::borrow::Cow;

use url::form_urlencoded;

use super::{
    login_outcome::{LoginDetail, LoginOutcome},
    secret::{AuthorizationCode, OAuthState},
};

/// The maximum length of a pasted redirect URL, in bytes. Real ones are much shorter.
pub const MAX_REDIRECT_BYTES: usize = 8 * 1024;
/// The maximum length of the query of a callback, in bytes: that of a request head. A percent-encoded error description
/// takes up to nine bytes for a character.
pub const MAX_QUERY_BYTES: usize = 16 * 1024;

/// The parameters of a callback. Unknown parameters are ignored, as the RFC requires; a repeated known one is an error.
#[derive(Debug)]
pub struct AuthorizationResponse {
    pub state: OAuthState,
    /// The issuer (RFC 9207), if the provider sends it.
    pub issuer: Option<String>,
    pub result: AuthorizationResult,
}

/// The provider's decision.
#[derive(Debug)]
pub enum AuthorizationResult {
    Approved(AuthorizationCode),
    /// The provider sent an `error`, or only an `error_description`.
    Refused {
        outcome: LoginOutcome,
        detail: Option<LoginDetail>,
    },
    /// The provider sent neither a code nor an error.
    Empty,
}

/// Why a text is not an authorization response. The messages are shown to the user and never quote the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedirect {
    #[error("invalid redirect URL: it is longer than {MAX_REDIRECT_BYTES} bytes")]
    TooLong,
    #[error("invalid redirect URL: copy the whole address that the browser ended at; it has code= and state= in it")]
    NoResponse,
    #[error("invalid redirect URL: the parameter {0} appears more than once")]
    Repeated(&'static str),
    #[error("invalid redirect URL: there is no state in it; copy the whole address")]
    NoState,
}

const PARAMETERS: [&str; 5] = ["code", "state", "error", "error_description", "iss"];

impl AuthorizationResponse {
    /// Parses the query of a callback, without the leading `?`.
    pub fn from_query(query: &str) -> Result<Self, InvalidRedirect> {
        if query.len() > MAX_QUERY_BYTES {
            return Err(InvalidRedirect::TooLong);
        }
        Self::from_parameters(form_urlencoded::parse(query.as_bytes()))
    }

    /// Builds the response from its decoded parameters.
    pub(super) fn from_parameters<'q>(
        parameters: impl Iterator<Item = (Cow<'q, str>, Cow<'q, str>)>,
    ) -> Result<Self, InvalidRedirect> {
        let mut found: [Option<String>; PARAMETERS.len()] = Default::default();
        for (name, value) in parameters {
            let known = PARAMETERS.iter().zip(found.iter_mut()).find(|(parameter, _)| **parameter == name);
            if let Some((parameter, slot)) = known
                && slot.replace(value.into_owned()).is_some()
            {
                return Err(InvalidRedirect::Repeated(parameter));
            }
        }
        let [code, state, error, description, issuer] = found.map(|value| value.filter(|text| !text.is_empty()));
        let state = OAuthState::new(state.ok_or(InvalidRedirect::NoState)?);
        let result = match (error.as_deref(), code) {
            (Some(error), _) => refused(error, description.as_deref()),
            (None, Some(code)) => AuthorizationResult::Approved(AuthorizationCode::new(code)),
            // RFC 6749 requires `error` as well, but a description alone still explains the failure.
            (None, None) => description.as_deref().map_or(AuthorizationResult::Empty, refused_without_error),
        };
        Ok(Self { state, issuer, result })
    }
}

fn refused_without_error(description: &str) -> AuthorizationResult {
    AuthorizationResult::Refused { outcome: LoginOutcome::ProviderError, detail: LoginDetail::new(description) }
}

fn refused(error: &str, description: Option<&str>) -> AuthorizationResult {
    let outcome = match (error, description) {
        // A description may mean that a policy denied access, not the user.
        ("access_denied", None) => return AuthorizationResult::Refused { outcome: LoginOutcome::Denied, detail: None },
        // OpenAI's variant of a denial: the workspace has no access to Codex.
        ("access_denied", Some(text)) if text.to_ascii_lowercase().contains("missing_codex_entitlement") => {
            LoginOutcome::MissingEntitlement
        }
        (_, _) => LoginOutcome::ProviderError,
    };
    let detail = description.map_or_else(|| error.to_owned(), |text| format!("{error}: {text}"));
    AuthorizationResult::Refused { outcome, detail: LoginDetail::new(&detail) }
}
