//! The bodies of `/v1/tokens`. Only the responses that create or rotate a token contain the token itself.

use std::time::Duration;

use poem_openapi::Object;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{Label, Problem, ScopeList, TokenRevocationStatus};
use crate::{
    app::{IssuedToken, LONGEST_OVERLAP, ProgramToken, RotatedToken},
    domain::time::Timestamp,
};

/// The permitted lifetimes of a token, in seconds: a minute to ten years.
pub const LIFETIMES: std::ops::RangeInclusive<u64> = 60..=315_360_000;

/// The permitted times for which an old token stays valid, in seconds.
pub const OVERLAPS: std::ops::RangeInclusive<u64> = 0..=LONGEST_OVERLAP.as_secs();

/// How long the old token stays valid after a rotation, unless the request says otherwise.
const DEFAULT_OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// A program's token, without the token itself.
#[derive(Debug, Clone, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct TokenInfo {
    pub id: String,
    /// The program's name.
    pub name: String,
    /// What the token permits: scopes, separated by spaces.
    pub scope: String,
    /// When it was created, in Unix seconds.
    pub created_at: i64,
    /// When it expires, in Unix seconds; absent if it is valid until it is revoked.
    pub expires_at: Option<i64>,
    /// When it was last used, to the hour, in Unix seconds; absent if it was not used yet.
    pub last_used_at: Option<i64>,
    /// Until when the old token is valid too, in Unix seconds; absent if it was not rotated lately.
    pub previous_valid_until: Option<i64>,
    /// When the old token was last used, to the hour, in Unix seconds.
    pub previous_last_used_at: Option<i64>,
}

impl From<ProgramToken> for TokenInfo {
    fn from(ProgramToken { token, old }: ProgramToken) -> Self {
        let old = old.as_ref();
        Self {
            id: token.id.as_str().to_owned(),
            scope: token.grant.to_string(),
            name: token.name.into_string(),
            created_at: token.created_at.unix_seconds(),
            expires_at: token.expires_at.map(Timestamp::unix_seconds),
            last_used_at: token.last_used_at.map(Timestamp::unix_seconds),
            previous_valid_until: old.and_then(|old| old.expires_at).map(Timestamp::unix_seconds),
            previous_last_used_at: old.and_then(|old| old.last_used_at).map(Timestamp::unix_seconds),
        }
    }
}

/// A page of the programs' tokens, oldest first.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct TokenList {
    pub tokens: Vec<TokenInfo>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

/// A token to create.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateTokenRequest {
    /// The name of the program that uses the token. No other token may have it.
    pub name: Label,
    /// What the token permits, separated by spaces; `models` by default. `models`, `status:read` and `auth:write` may name
    /// an account (`models:work`), `models` also a model (`models:work/gpt-5.5`), and `proxy` must name one (`proxy:suno`).
    /// `metrics:read` is for Prometheus, and `admin` is everything.
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeList>,
    /// The lifetime of the token in seconds, 60 to 315,360,000; without it, the token is valid until it is revoked.
    #[oai(validator(minimum(value = "60"), maximum(value = "315360000")))]
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
}

impl CreateTokenRequest {
    /// Returns the lifetime of the token; `None` if it does not expire.
    ///
    /// # Errors
    /// `expires_in` is too short or too long.
    pub fn lifetime(&self) -> Result<Option<Duration>, Problem> {
        match self.expires_in {
            Some(seconds) if !LIFETIMES.contains(&seconds) => {
                let (shortest, longest) = (LIFETIMES.start(), LIFETIMES.end());
                Err(Problem::body(format!("expires_in is {shortest} to {longest} seconds")))
            }
            seconds => Ok(seconds.map(Duration::from_secs)),
        }
    }
}

// No `Debug`: it contains the token.
/// A new token.
#[derive(Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct TokenCreated {
    pub id: String,
    pub name: String,
    /// What the token permits: scopes, separated by spaces.
    pub scope: String,
    pub created_at: i64,
    /// When it expires, in Unix seconds; absent if it is valid until it is revoked.
    pub expires_at: Option<i64>,
    /// The token itself, for `Authorization: Bearer <token>`. It is shown only once.
    pub token: String,
}

impl From<IssuedToken> for TokenCreated {
    fn from(IssuedToken { token, secret }: IssuedToken) -> Self {
        Self {
            id: token.id.as_str().to_owned(),
            scope: token.grant.to_string(),
            created_at: token.created_at.unix_seconds(),
            expires_at: token.expires_at.map(Timestamp::unix_seconds),
            name: token.name.into_string(),
            token: secret.expose_secret().to_owned(),
        }
    }
}

/// How to rotate a token; every member is optional.
#[derive(Debug, Default, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateTokenRequest {
    /// How long the old token stays valid, in seconds, 0 to 2,592,000; a day by default.
    #[oai(validator(minimum(value = "0"), maximum(value = "2592000")))]
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub overlap: Option<u64>,
}

impl RotateTokenRequest {
    /// Returns how long the old token stays valid.
    ///
    /// # Errors
    /// `overlap` is too long.
    pub fn overlap(&self) -> Result<Duration, Problem> {
        match self.overlap {
            Some(seconds) if !OVERLAPS.contains(&seconds) => {
                Err(Problem::body(format!("overlap is 0 to {} seconds", OVERLAPS.end())))
            }
            Some(seconds) => Ok(Duration::from_secs(seconds)),
            None => Ok(DEFAULT_OVERLAP),
        }
    }
}

// No `Debug`: it contains the token.
/// A token with a new text.
#[derive(Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct TokenRotated {
    pub id: String,
    pub name: String,
    /// When it expires, in Unix seconds; absent if it is valid until it is revoked.
    pub expires_at: Option<i64>,
    /// Until when the old token is valid too, in Unix seconds.
    pub previous_valid_until: i64,
    /// The new token, for `Authorization: Bearer <token>`. It is shown only once.
    pub token: String,
}

impl From<RotatedToken> for TokenRotated {
    fn from(RotatedToken { issued: IssuedToken { token, secret }, old_until }: RotatedToken) -> Self {
        Self {
            id: token.id.as_str().to_owned(),
            name: token.name.into_string(),
            expires_at: token.expires_at.map(Timestamp::unix_seconds),
            previous_valid_until: old_until.unix_seconds(),
            token: secret.expose_secret().to_owned(),
        }
    }
}

#[derive(Debug, Object, Deserialize)]
pub struct TokenRevoked {
    pub status: TokenRevocationStatus,
}
