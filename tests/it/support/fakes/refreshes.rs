//! The fake provider's refresh token rotation: each token works once, and reuse ends its family.

use std::collections::{BTreeMap, BTreeSet};

use goclaw::{
    domain::{
        secret::{AccessToken, IdToken, RefreshToken},
        token_response::TokenResponse,
    },
    ports::{Doubt, TokenEndpointError},
};
use serde_json::json;

use super::jwt;

/// A fault of one refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefreshFault {
    /// The provider rotates the token, and the response is lost.
    ResponseLost,
    /// The request does not reach the provider. The caller cannot be sure of that.
    RequestLost,
    RateLimited,
    /// The provider accepts no connection, so the request was not sent.
    NotReached,
    /// The new tokens belong to another account.
    OtherAccount,
    /// The response has no new refresh token, and the old one remains valid.
    NotRotated,
    /// The response has a new refresh token and no access token.
    NoAccessToken,
}

#[derive(Default)]
pub(super) struct IssuedTokens {
    /// The family of each refresh token: the number of its code exchange.
    families: BTreeMap<String, usize>,
    unused: BTreeSet<String>,
    ended_families: BTreeSet<usize>,
    issued: usize,
    pub(super) faults: Vec<RefreshFault>,
    pub(super) presented: Vec<String>,
    pub(super) reused: usize,
}

impl IssuedTokens {
    /// Records a new refresh token of a family.
    pub(super) fn issue(&mut self, token: &str, family: usize) {
        self.families.insert(token.to_owned(), family);
        self.unused.insert(token.to_owned());
    }

    pub(super) fn invalidate_all(&mut self) {
        self.families.clear();
    }

    /// Ends the family of a token.
    pub(super) fn revoke(&mut self, token: &str) {
        self.ended_families.extend(self.families.get(token));
    }

    pub(super) fn present(&mut self, token: &str, lifetime: Option<i64>) -> Result<TokenResponse, TokenEndpointError> {
        self.presented.push(token.to_owned());
        let fault = if self.faults.is_empty() { None } else { Some(self.faults.remove(0)) };
        match fault {
            Some(RefreshFault::RequestLost) => return Err(TokenEndpointError::Indeterminate(Doubt::ConnectionLost)),
            Some(RefreshFault::RateLimited) => return Err(TokenEndpointError::RateLimited { retry_after: None }),
            Some(RefreshFault::NotReached) => {
                return Err(TokenEndpointError::Unreachable(super::connection_refused()));
            }
            _ => {}
        }
        let family = *self.families.get(token).ok_or(TokenEndpointError::Rejected { status: 401, code: "unknown" })?;
        if !self.unused.contains(token) || self.ended_families.contains(&family) {
            self.reused += 1;
            self.ended_families.insert(family);
            return Err(TokenEndpointError::Rejected { status: 401, code: "refresh_token_reused" });
        }
        self.issued += 1;
        let new = format!("refreshed-{}", self.issued);
        if fault != Some(RefreshFault::NotRotated) {
            self.unused.remove(token);
            self.issue(&new, family);
        }
        if fault == Some(RefreshFault::ResponseLost) {
            return Err(TokenEndpointError::Indeterminate(Doubt::TimedOut));
        }
        let account = if fault == Some(RefreshFault::OtherAccount) { "workspace-2" } else { "workspace-1" };
        Ok(TokenResponse {
            access_token: (fault != Some(RefreshFault::NoAccessToken))
                .then(|| AccessToken::new(format!("access-of-{new}"))),
            refresh_token: (fault != Some(RefreshFault::NotRotated)).then(|| RefreshToken::new(new)),
            id_token: Some(IdToken::new(jwt(&json!({"https://api.openai.com/auth": {"chatgpt_account_id": account}})))),
            expires_in: lifetime,
            scope: None,
        })
    }
}
