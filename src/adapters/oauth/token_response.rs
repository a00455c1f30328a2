//! Parses the JSON of a token response (RFC 6749, section 5.1) directly into secret types.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::domain::{
    json::without_byte_order_mark,
    secret::{AccessToken, IdToken, RefreshToken},
    token_response::TokenResponse,
};

/// The members of a response. One with another type than in the RFC must not cost the tokens in the others.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    access_token: Option<&'a RawValue>,
    #[serde(borrow)]
    refresh_token: Option<&'a RawValue>,
    #[serde(borrow)]
    id_token: Option<&'a RawValue>,
    /// Any JSON value: some servers send a string or an invalid value.
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    scope: Value,
}

/// Parses a response with an access token, a refresh token or both, as OpenAI's client does. Returns `None` for any
/// other body.
pub fn parse(body: &[u8]) -> Option<TokenResponse> {
    let members: Members<'_> = serde_json::from_slice(without_byte_order_mark(body)).ok()?;
    let text = |json: &RawValue| {
        let secret: SecretString = serde_json::from_str(json.get()).ok()?;
        Some(secret.expose_secret().to_owned()).filter(|text| !text.is_empty())
    };
    let access_token = members.access_token.and_then(text).map(AccessToken::new);
    let refresh_token = members.refresh_token.and_then(text).map(RefreshToken::new);
    if access_token.is_none() && refresh_token.is_none() {
        return None;
    }
    Some(TokenResponse {
        access_token,
        refresh_token,
        id_token: members.id_token.and_then(text).map(IdToken::new),
        expires_in: seconds(&members.expires_in),
        scope: members.scope.as_str().map(str::to_owned),
    })
}

fn seconds(value: &Value) -> Option<i64> {
    let number = || value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
    number().or_else(|| value.as_str()?.trim().parse().ok())
}
