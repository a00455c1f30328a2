//! The provider's authorization response (RFC 6749 section 4.1.2), as a query or as a pasted address.
//!
//! Any web page can make the browser open such an address. So it is size-limited, parsed strictly, and trusted only
//! after its `state` matches a pending login.

use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::secret::{AuthorizationCode, OAuthState};

/// The maximum length of a redirect URL or query, in bytes. Real ones are much shorter.
pub const MAX_REDIRECT_BYTES: usize = 8 * 1024;

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
    /// `error=access_denied`: the user declined.
    Denied,
    /// OpenAI's variant of a denial: the workspace has no access to Codex.
    MissingEntitlement,
    /// Any other `error`.
    Failed,
    /// Neither a code nor an error.
    Empty,
}

/// Why a text is not an authorization response. The messages are shown to the user who pasted it and never repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedirect {
    #[error("invalid redirect URL: it is longer than {MAX_REDIRECT_BYTES} bytes")]
    TooLong,
    #[error("invalid redirect URL: copy the whole address, it starts with http:// and has ?code=... in it")]
    NotAUrl,
    #[error("invalid redirect URL: the parameter {0} appears more than once")]
    Repeated(&'static str),
    #[error("invalid state parameter (possible CSRF): the address has no state in it")]
    NoState,
}

const PARAMETERS: [&str; 5] = ["code", "state", "error", "error_description", "iss"];

impl AuthorizationResponse {
    /// Parses the query of a callback, without the leading `?`.
    pub fn from_query(query: &str) -> Result<Self, InvalidRedirect> {
        if query.len() > MAX_REDIRECT_BYTES {
            return Err(InvalidRedirect::TooLong);
        }
        let mut found: [Option<String>; PARAMETERS.len()] = Default::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
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
            (Some("access_denied"), _) if names_missing_entitlement(description.as_deref()) => {
                AuthorizationResult::MissingEntitlement
            }
            (Some("access_denied"), _) => AuthorizationResult::Denied,
            (Some(_), _) => AuthorizationResult::Failed,
            (None, Some(code)) => AuthorizationResult::Approved(AuthorizationCode::new(code)),
            (None, None) => AuthorizationResult::Empty,
        };
        Ok(Self { state, issuer, result })
    }
}

fn names_missing_entitlement(description: Option<&str>) -> bool {
    description.is_some_and(|text| text.to_ascii_lowercase().contains("missing_codex_entitlement"))
}

/// An address copied from the browser's address bar. A secret, because it contains the code.
#[derive(Debug)]
pub struct PastedRedirect {
    address: SecretString,
}

/// The part in which a pasted address differs from the login's redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum WrongPart {
    Scheme,
    #[strum(serialize = "user name")]
    UserInfo,
    Host,
    Port,
    Path,
    Fragment,
    /// The parts are equal after parsing, but the text differs, e.g. in an encoded slash or a backslash.
    Spelling,
}

impl WrongPart {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl PastedRedirect {
    /// Parses a pasted address and the response in its query. Trims white space.
    pub fn parse(text: &SecretString) -> Result<(Self, AuthorizationResponse), InvalidRedirect> {
        let text = text.expose_secret().trim();
        if text.len() > MAX_REDIRECT_BYTES {
            return Err(InvalidRedirect::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || Url::parse(text).is_err() {
            return Err(InvalidRedirect::NotAUrl);
        }
        let without_fragment = text.split('#').next().unwrap_or_default();
        let (_, query) = without_fragment.split_once('?').ok_or(InvalidRedirect::NotAUrl)?;
        let response = AuthorizationResponse::from_query(query)?;
        Ok((Self { address: SecretString::from(text) }, response))
    }

    /// Checks that the address is `redirect_uri`, byte for byte, followed by a query only.
    ///
    /// Compares the text, because URL parsers normalize backslashes, encoded dots and tabs. Parsing only finds the part
    /// to name in the error.
    ///
    /// # Errors
    ///
    /// The part that differs.
    pub fn check_redirect_uri(&self, redirect_uri: &str) -> Result<(), WrongPart> {
        let text = self.address.expose_secret();
        if text.contains('#') {
            return Err(WrongPart::Fragment);
        }
        if text.strip_prefix(redirect_uri).is_some_and(|rest| rest.starts_with('?')) {
            return Ok(());
        }
        let (Ok(seen), Ok(expected)) = (Url::parse(text), Url::parse(redirect_uri)) else {
            return Err(WrongPart::Spelling);
        };
        Err(if !seen.username().is_empty() || seen.password().is_some() {
            WrongPart::UserInfo
        } else if seen.scheme() != expected.scheme() {
            WrongPart::Scheme
        } else if seen.host() != expected.host() {
            WrongPart::Host
        } else if seen.port_or_known_default() != expected.port_or_known_default() {
            WrongPart::Port
        } else if seen.path() != expected.path() {
            WrongPart::Path
        } else {
            WrongPart::Spelling
        })
    }
}
