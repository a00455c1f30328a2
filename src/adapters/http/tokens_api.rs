//! `/v1/tokens`: creates, lists, rotates and revokes the API tokens of programs.

use poem_openapi::{
    OpenApi,
    param::{Path, Query},
};

use super::{
    authenticator::Caller,
    control_json::ControlJson,
    responses::{ApiResult, BAD_REQUEST, BODY, CONFLICT, Json, NOT_FOUND},
    tags::Tag,
};
use crate::{
    adapters::contract::{
        CreateTokenRequest, Page, PageLimit, RotateTokenRequest, TokenCreated, TokenInfo, TokenList,
        TokenRevocationStatus, TokenRevoked, TokenRotated,
    },
    app::ProgramToken,
};

pub(super) struct TokensApi;

#[OpenApi(tag = "Tag::Tokens")]
impl TokensApi {
    /// Create a token for a program.
    ///
    /// Only this response contains the token.
    #[oai(path = "/v1/tokens", method = "post", operation_id = "createToken")]
    async fn create(
        &self,
        caller: Caller,
        body: ControlJson<CreateTokenRequest>,
    ) -> ApiResult<TokenCreated, { BODY | CONFLICT }> {
        let lifetime = body.0.lifetime()?;
        let CreateTokenRequest { name, scope, .. } = body.0;
        let scope = scope.as_ref().map(|scope| scope.0.as_str());
        Ok(Json(caller.app().access.create_token(name.0, scope, lifetime).await?.into()))
    }

    /// List the tokens of programs.
    ///
    /// Oldest first, without the tokens themselves.
    #[oai(path = "/v1/tokens", method = "get", operation_id = "listTokens")]
    async fn list(
        &self,
        caller: Caller,
        /// The maximum number of items to return.
        limit: Query<PageLimit>,
        /// The `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> ApiResult<TokenList, { BAD_REQUEST }> {
        let tokens = caller.app().access.list_tokens().await?;
        let key = |program: &ProgramToken| (program.token.created_at, program.token.id.as_str().to_owned());
        let page = Page::of(tokens, key, limit.0, &cursor.0)?;
        let tokens = page.items.into_iter().map(TokenInfo::from).collect();
        Ok(Json(TokenList { tokens, next_cursor: page.next_cursor }))
    }

    /// Rotate a token.
    ///
    /// Only this response contains the new token. The old one stays valid for `overlap`; both have the same id, name and
    /// scope. If an older token was still in its overlap, it becomes invalid now.
    #[oai(path = "/v1/tokens/:id/rotate", method = "post", operation_id = "rotateToken")]
    async fn rotate(
        &self,
        caller: Caller,
        /// The token's id, its name, or the first six or more digits of its id.
        id: Path<String>,
        body: ControlJson<RotateTokenRequest>,
    ) -> ApiResult<TokenRotated, { BODY | NOT_FOUND | CONFLICT }> {
        let overlap = body.0.overlap()?;
        Ok(Json(caller.app().access.rotate_token(&id.0, overlap).await?.into()))
    }

    /// Revoke a token.
    ///
    /// All replicas reject it within a second, and end the streams that it started.
    #[oai(path = "/v1/tokens/:id", method = "delete", operation_id = "revokeToken")]
    async fn revoke(
        &self,
        caller: Caller,
        /// The token's id, its name, or the first six or more digits of its id.
        id: Path<String>,
    ) -> ApiResult<TokenRevoked, { BAD_REQUEST | NOT_FOUND | CONFLICT }> {
        caller.app().access.revoke_token(&id.0).await?;
        Ok(Json(TokenRevoked { status: TokenRevocationStatus::Revoked }))
    }
}
