//! `/v1/tokens`: creates, lists and revokes tokens for programs.

use poem_openapi::{
    OpenApi,
    param::{Path, Query},
};

use super::{
    answer::{Answer, BAD_REQUEST, BODY, CONFLICT, NOT_FOUND, Reply},
    authenticator::Caller,
    control_json::ControlJson,
    paging::{Page, PageLimit},
    registration::{Service, Tag},
};
use crate::{
    adapters::contract::{
        CreateTokenRequest, TokenCreated, TokenInfo, TokenList, TokenRevocationStatus, TokenRevoked, TokenScope,
    },
    domain::api_token::ApiToken,
};

use crate::app::Access;

pub(super) struct TokensApi;

#[OpenApi(tag = "Tag::Tokens")]
impl TokensApi {
    /// Create a token for a program.
    ///
    /// Only this response contains the token.
    #[oai(path = "/v1/tokens", method = "post", operation_id = "createToken")]
    async fn create(
        &self,
        access: Service<'_, Access>,
        _caller: Caller,
        body: ControlJson<CreateTokenRequest>,
    ) -> Answer<TokenCreated, { BODY | CONFLICT }> {
        let CreateTokenRequest { name, scope } = body.0;
        let scope = scope.unwrap_or(TokenScope::Proxy);
        let issued = access.create_token(name.0, scope.as_str().to_owned()).await?;
        Ok(Reply(TokenCreated::of(scope, issued)))
    }

    /// List the tokens of programs.
    ///
    /// Oldest first, without the tokens themselves.
    #[oai(path = "/v1/tokens", method = "get", operation_id = "listTokens")]
    async fn list(
        &self,
        access: Service<'_, Access>,
        _caller: Caller,
        /// The maximum number of items to return.
        limit: Query<PageLimit>,
        /// The `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> Answer<TokenList, { BAD_REQUEST }> {
        let tokens = access.list_tokens().await?;
        let key = |token: &ApiToken| (token.created_at, token.id.as_str().to_owned());
        let page = Page::of(tokens, key, limit.0, cursor.0.as_deref())?;
        let tokens = page.items.into_iter().filter_map(TokenInfo::of).collect();
        Ok(Reply(TokenList { tokens, next_cursor: page.next_cursor }))
    }

    /// Revoke a token.
    ///
    /// All replicas reject it within a second.
    #[oai(path = "/v1/tokens/:id", method = "delete", operation_id = "revokeToken")]
    async fn revoke(
        &self,
        access: Service<'_, Access>,
        _caller: Caller,
        id: Path<String>,
    ) -> Answer<TokenRevoked, { NOT_FOUND }> {
        access.revoke_token(&id.0).await?;
        Ok(Reply(TokenRevoked { status: TokenRevocationStatus::Revoked }))
    }
}
