//! Checks with the provider whether it accepts a pasted secret, before the secret is saved. A failed check is an error.

use http_message::{HeaderMap, Method, StatusCode};

use super::Accounts;
use crate::{
    app::{
        AppError,
        models::{refusal_of, set_user_agent},
    },
    domain::{
        claims::UnverifiedClaims,
        provider::{AuthMethod, ProviderDefinition, RefreshMethod},
        proxy::ProxyPath,
        refresh::Failure,
        secret::{AccessToken, RefreshToken},
    },
    ports::{RequestBody, UpstreamRequest},
};

impl Accounts {
    /// Checks that the provider's API accepts a key or token.
    pub(super) async fn check_access(
        &self,
        definition: &ProviderDefinition,
        method: AuthMethod,
        token: &AccessToken,
    ) -> Result<(), AppError> {
        let Some(path) = definition.check_path() else { return Ok(()) };
        let mut headers = HeaderMap::new();
        set_user_agent(&mut headers, definition);
        let url = definition.url_of(&ProxyPath::fixed(path), None);
        let request = UpstreamRequest { method: Method::GET, url, headers, body: RequestBody::default() };
        let response = self.upstream.send(request, token).await?;
        match response.status {
            status if status.is_success() => Ok(()),
            StatusCode::UNAUTHORIZED => Err(Self::secret_refused(definition, method.noun())),
            _ => Err(refusal_of(response, self.now()).await),
        }
    }

    /// Checks that a browser's cookie refreshes its session token. The cookie stays valid.
    pub(super) async fn check_cookie(
        &self,
        definition: &ProviderDefinition,
        token: &AccessToken,
        cookie: &RefreshToken,
    ) -> Result<(), AppError> {
        let Some(RefreshMethod::Session(client)) = definition.refresh_method(AuthMethod::SessionToken) else {
            return Ok(());
        };
        let session = UnverifiedClaims::of(token).and_then(|claims| claims.label("sid"));
        let refreshed =
            self.sessions.refresh(client, session.as_deref(), cookie, definition.refresh.http_timeout).await;
        let Err(error) = refreshed else { return Ok(()) };
        if matches!(error.failure(), Failure::Rejected(_)) {
            return Err(Self::secret_refused(definition, "client cookie"));
        }
        Err(AppError::NotChecked(error))
    }

    fn secret_refused(definition: &ProviderDefinition, what: &'static str) -> AppError {
        tracing::info!(provider.name = %definition.name, what, "a pasted secret was refused by the provider");
        AppError::SecretRefused { name: definition.name.clone(), what, hint: definition.secret_hint() }
    }
}
