//! `/v1/tokens`: tokens for programs, so that none of them needs the gateway's own.

use poem_openapi::{OpenApi, param::Path, payload::Json};

use crate::{app::Access, domain::api_token::Scope};

use super::{
    Service,
    authenticator::Caller,
    control_json::ControlJson,
    refusal::Refusal,
    requests::CreateTokenRequest,
    token_answers::{IssuedTokenAnswer, RevokedTokenAnswer, TokensAnswer},
};

pub(super) struct TokensApi;

#[OpenApi(tag = "super::Tag::Tokens")]
impl TokensApi {
    /// Make a token for a program.
    ///
    /// The answer holds the token; nothing can tell it again.
    #[oai(path = "/v1/tokens", method = "post", operation_id = "createToken")]
    async fn create(
        &self,
        access: Service<'_, Access>,
        _caller: Caller,
        body: ControlJson<CreateTokenRequest>,
    ) -> Result<Json<IssuedTokenAnswer>, Refusal> {
        let CreateTokenRequest { name, scope } = body.0;
        let scope = scope.unwrap_or_else(|| Scope::Proxy.as_str().to_owned());
        Ok(Json(access.create_token(name, scope).await?.into()))
    }

    /// List the tokens of programs, oldest first. None of them is shown.
    #[oai(path = "/v1/tokens", method = "get", operation_id = "listTokens")]
    async fn list(&self, access: Service<'_, Access>, _caller: Caller) -> Result<Json<TokensAnswer>, Refusal> {
        Ok(Json(access.list_tokens().await?.into()))
    }

    /// Take a token back. Every gateway on the database refuses it within a second.
    #[oai(path = "/v1/tokens/:id", method = "delete", operation_id = "revokeToken")]
    async fn revoke(
        &self,
        access: Service<'_, Access>,
        _caller: Caller,
        id: Path<String>,
    ) -> Result<Json<RevokedTokenAnswer>, Refusal> {
        access.revoke_token(&id.0).await?;
        Ok(Json(RevokedTokenAnswer::revoked()))
    }
}
