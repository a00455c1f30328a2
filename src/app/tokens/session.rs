//! Exchanges a browser's cookie for a session token, with one or more requests. If a response replaces the cookie, the
//! requests stop, because the new cookie must be stored before it is presented.

use std::time::Duration;

use super::Tokens;
use crate::{
    domain::{
        ids::AccountName,
        secret::{AccessToken, RefreshToken},
        session_client::{SessionClient, SessionId},
        token_response::TokenResponse,
    },
    ports::{Doubt, SessionOutcome, SessionResponse, TokenEndpointError, UNKNOWN_CODE},
};

/// The outcome of presenting a cookie.
pub(in crate::app) enum CookieOutcome {
    /// A session token, possibly with a new cookie.
    Token(TokenResponse),
    /// A new cookie without a token. Also the session to continue with, or the error of the request that replaced the
    /// cookie.
    Replaced(TokenResponse, Result<Option<SessionId>, TokenEndpointError>),
}

impl Tokens {
    /// Presents a cookie until there is a token or a new cookie. `known` is the session of the current token. If it is
    /// None or has ended, the browser's last active session is used. Each request may take `timeout`. No request begins
    /// later than `begin_within` after the first.
    pub(in crate::app) async fn ask_session(
        &self,
        account: &AccountName,
        client: &SessionClient,
        known: Option<SessionId>,
        cookie: &RefreshToken,
        (timeout, begin_within): (Duration, Duration),
    ) -> Result<CookieOutcome, TokenEndpointError> {
        let begun = self.clock.since_boot();
        let (mut session, mut may_have_ended) = (known, true);
        loop {
            let response = self.sessions.present_cookie(account, client, session.as_ref(), cookie, timeout).await;
            let SessionResponse { outcome, replacement } = response;
            let next = match outcome {
                Ok(SessionOutcome::Token(token)) => {
                    return Ok(CookieOutcome::Token(token_response(Some(token), replacement)));
                }
                Ok(SessionOutcome::Active(id)) => Ok(Some(id)),
                Ok(SessionOutcome::NoSession) if session.is_some() && may_have_ended => Ok(None),
                // No session of this browser is signed in.
                Ok(SessionOutcome::NoSession) => Err(TokenEndpointError::Rejected { status: 401, code: UNKNOWN_CODE }),
                Err(error) => Err(error),
            };
            if replacement.is_some() {
                return Ok(CookieOutcome::Replaced(token_response(None, replacement), next));
            }
            (session, may_have_ended) = (next?, false);
            if self.clock.since_boot().saturating_sub(begun) > begin_within {
                return Err(TokenEndpointError::Indeterminate(Doubt::TimedOut));
            }
        }
    }
}

fn token_response(access_token: Option<AccessToken>, refresh_token: Option<RefreshToken>) -> TokenResponse {
    TokenResponse { access_token, refresh_token, id_token: None, expires_in: None, scope: None }
}
