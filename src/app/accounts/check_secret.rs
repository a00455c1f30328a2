//! Asks the provider whether it accepts a pasted secret, before the secret is saved.

use http_message::{HeaderMap, Method, StatusCode};

use super::{Accounts, secret::ParsedSecrets};
use crate::{
    app::{
        AppError, CookieOutcome,
        models::{refusal_of, set_user_agent},
    },
    domain::{
        provider::{AuthMethod, ProviderDefinition, RefreshMethod},
        proxy::ProxyPath,
        refresh::Failure,
        secret::{AccessToken, RefreshToken},
        session_client::SessionId,
    },
    ports::{RequestBody, TokenEndpointError, UpstreamRequest},
};

impl Accounts {
    /// Checks the pasted secrets with the provider. Returns the secrets to save, because the provider may have replaced
    /// the cookie or issued a session token.
    pub(super) async fn check_secrets(
        &self,
        definition: &ProviderDefinition,
        method: AuthMethod,
        secrets: ParsedSecrets,
    ) -> Result<ParsedSecrets, AppError> {
        match (&secrets.cookie, &secrets.access_token) {
            // The session token may have expired, so only the cookie is checked.
            (Some(cookie), token) => {
                let exchanged = self.exchange_cookie(definition, token.as_ref(), cookie).await?;
                Ok(exchanged.unwrap_or(secrets))
            }
            (None, Some(token)) => self.check_access(definition, method, token).await.map(|()| secrets),
            (None, None) => Ok(secrets),
        }
    }

    /// Checks that the provider's API accepts a key or token.
    async fn check_access(
        &self,
        definition: &ProviderDefinition,
        method: AuthMethod,
        token: &AccessToken,
    ) -> Result<(), AppError> {
        let Some(path) = definition.check_path() else { return Ok(()) };
        let mut headers = HeaderMap::new();
        set_user_agent(&mut headers, definition);
        let url = definition.url_of(&ProxyPath::fixed(path), None);
        let request = UpstreamRequest {
            account: definition.name.clone(),
            method: Method::GET,
            url,
            headers,
            body: RequestBody::default(),
        };
        let response = self.upstream.send(request, token).await?;
        match response.status {
            status if status.is_success() => Ok(()),
            StatusCode::UNAUTHORIZED => Err(Self::secret_refused(definition, method.noun())),
            _ => Err(refusal_of(response, self.now()).await),
        }
    }

    /// Exchanges a browser's cookie for a session token. A cookie that the provider replaced counts as accepted, even
    /// if no token was issued. Returns None if the provider has no session endpoint.
    async fn exchange_cookie(
        &self,
        definition: &ProviderDefinition,
        token: Option<&AccessToken>,
        cookie: &RefreshToken,
    ) -> Result<Option<ParsedSecrets>, AppError> {
        let Some(RefreshMethod::Session(client)) = definition.refresh_method(AuthMethod::SessionToken) else {
            return Ok(None);
        };
        let (session, timeout) = (token.and_then(SessionId::of), definition.refresh.http_timeout);
        let outcome = self.tokens.ask_session(&definition.name, client, session, cookie, (timeout, timeout)).await;
        let (response, kept) = match outcome {
            Ok(CookieOutcome::Token(response) | CookieOutcome::Replaced(response, Ok(_))) => (response, None),
            Ok(CookieOutcome::Replaced(_, Err(error))) | Err(error) if is_refusal(&error) => {
                return Err(Self::secret_refused(definition, "client cookie"));
            }
            Ok(CookieOutcome::Replaced(response, Err(_))) => (response, token.cloned()),
            Err(error) => return Err(AppError::NotChecked(error)),
        };
        Ok(Some(ParsedSecrets {
            access_token: response.access_token.or(kept),
            cookie_rotates: response.refresh_token.is_some(),
            cookie: response.refresh_token.or_else(|| Some(cookie.clone())),
        }))
    }

    fn secret_refused(definition: &ProviderDefinition, what: &'static str) -> AppError {
        tracing::info!(provider.name = %definition.name, what, "a pasted secret was refused by the provider");
        AppError::SecretRefused { name: definition.name.clone(), what, hint: definition.secret_hint() }
    }
}

fn is_refusal(error: &TokenEndpointError) -> bool {
    matches!(error.failure(), Failure::Rejected(_))
}
