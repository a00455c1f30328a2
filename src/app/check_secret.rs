//! Ask the provider whether it takes a pasted secret, before it is saved: one that is wrong is best refused where it is
//! handed in. What could not be asked has not been checked, and that is an error too.

use http_message::{HeaderMap, Method, StatusCode};

use super::{AppError, Gateway, provider_call::name_agent};
use crate::{
    domain::{
        claims::UnverifiedClaims,
        provider::{AuthMethod, ProviderDefinition, RefreshMethod},
        proxy::ProxyPath,
        refresh::Failure,
        secret::{AccessToken, RefreshToken},
    },
    ports::{RequestBody, UpstreamRequest},
};

impl Gateway {
    /// Whether the provider's API answers to a key or token.
    pub(super) async fn check_access(
        &self,
        definition: &ProviderDefinition,
        method: AuthMethod,
        token: &AccessToken,
    ) -> Result<(), AppError> {
        let Some(path) = definition.descriptor().check_path else { return Ok(()) };
        let mut headers = HeaderMap::new();
        name_agent(&mut headers, definition);
        let url = definition.url_of(&ProxyPath::fixed(path), None);
        let request = UpstreamRequest { method: Method::GET, url, headers, body: RequestBody::default() };
        let answer = self.upstream.send(request, token).await?;
        match answer.status {
            status if status.is_success() => Ok(()),
            StatusCode::UNAUTHORIZED => Err(Self::secret_refused(definition, method.noun())),
            _ => Err(self.refused(answer).await),
        }
    }

    /// Whether a browser's cookie refreshes its session token. It is not spent by that.
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
        AppError::SecretRefused { name: definition.name.clone(), what }
    }
}
