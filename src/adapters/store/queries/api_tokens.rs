//! Implements [`ApiTokenStore`] on the table `api_tokens`, which also has links and sessions of the page.

use std::mem;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Connection, Store,
    audit::append,
    logins::{CANCELLABLE, cancel},
};
use crate::{
    adapters::store::{
        error::TransactionError,
        rows::Place,
        schema::{api_tokens as table, login_sessions},
        stored_text::{NullableText, StoredText},
    },
    domain::{
        api_token::{ApiToken, ApiTokenId, Grant, SealedApiToken, TokenDigest},
        audit::AuditEvent,
        ids::{DisplayName, Principal},
        sealed_secret::SealedSecret,
        time::Timestamp,
        unreadable::UnreadableRow,
    },
    ports::{ApiTokenStore, Author, StoreError, TokenStored},
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
struct ApiTokenRow {
    #[diesel(deserialize_as = StoredText)]
    id: String,
    #[diesel(deserialize_as = StoredText)]
    name: String,
    #[diesel(deserialize_as = StoredText)]
    scope: String,
    #[diesel(deserialize_as = StoredText)]
    digest: String,
    created_at: i64,
    expires_at: Option<i64>,
    #[diesel(deserialize_as = NullableText)]
    mac: Option<String>,
    #[diesel(deserialize_as = NullableText)]
    parent: Option<String>,
    ends_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl From<&SealedApiToken> for ApiTokenRow {
    fn from(SealedApiToken { token, mark }: &SealedApiToken) -> Self {
        Self {
            id: token.id.as_str().to_owned(),
            name: token.name.as_str().to_owned(),
            scope: token.grant.as_stored().to_owned(),
            digest: token.digest.as_str().to_owned(),
            created_at: token.created_at.unix_millis(),
            expires_at: token.expires_at.map(Timestamp::unix_millis),
            mac: mark.as_ref().map(|mark| mark.as_str().to_owned()),
            parent: token.parent.as_ref().map(|parent| parent.as_str().to_owned()),
            ends_at: token.ends_at.map(Timestamp::unix_millis),
            last_used_at: token.last_used_at.map(Timestamp::unix_millis),
        }
    }
}

impl TryFrom<ApiTokenRow> for SealedApiToken {
    type Error = UnreadableRow;

    fn try_from(row: ApiTokenRow) -> Result<Self, UnreadableRow> {
        let place = Place { table: "api_tokens", row: &row.id };
        let token = ApiToken {
            name: DisplayName::from_stored(&row.name).ok_or_else(|| place.invalid("name"))?,
            grant: Grant::from_stored(&row.scope).ok_or_else(|| place.invalid("scope"))?,
            id: ApiTokenId::from_stored(row.id),
            digest: TokenDigest::from_stored(row.digest),
            created_at: Timestamp::from_unix_millis(row.created_at),
            expires_at: row.expires_at.map(Timestamp::from_unix_millis),
            parent: row.parent.map(ApiTokenId::from_stored),
            ends_at: row.ends_at.map(Timestamp::from_unix_millis),
            last_used_at: row.last_used_at.map(Timestamp::from_unix_millis),
        };
        Ok(Self { token, mark: row.mac.map(SealedSecret::from_stored) })
    }
}

async fn delete(connection: &mut Connection, id: &str, author: &Author) -> Result<bool, TransactionError> {
    let row = diesel::delete(table::table.find(id)).returning((table::name, table::scope));
    let removed: Option<(StoredText, StoredText)> = row.get_result(connection).await.optional()?;
    let Some((name, scope)) = removed else { return Ok(false) };
    let id = ApiTokenId::from_stored(id.to_owned());
    let grant = Grant::from_stored(&scope.0);
    append(connection, AuditEvent::token_revoked(&id, name.into(), grant.as_ref(), &author.actor), author).await?;
    Ok(true)
}

/// Cancels the logins under way of principals whose tokens were deleted.
async fn cancel_logins_of(
    connection: &mut Connection,
    principals: &[Principal],
    author: &Author,
) -> Result<(), TransactionError> {
    let names: Vec<&str> = principals.iter().map(Principal::as_str).collect();
    let logins = login_sessions::principal.eq_any(names).and(login_sessions::outcome.eq_any(CANCELLABLE));
    let logins = login_sessions::table.filter(logins).select(login_sessions::id);
    let ids: Vec<StoredText> = logins.load(connection).await?;
    // PostgreSQL's trigger reports a change of the logins even if no row changes.
    if ids.is_empty() { Ok(()) } else { cancel(connection, ids, author).await.map(drop) }
}

#[async_trait]
impl ApiTokenStore for Store {
    async fn put(&self, token: &SealedApiToken, author: &Author) -> Result<TokenStored, StoreError> {
        self.write("store a token", async |connection| {
            if !token.token.grant.is_page_token() {
                let of_programs = table::table.filter(table::scope.ne_all(Grant::PAGE_GRANTS));
                let same_name = of_programs.filter(table::name.eq(token.token.name.as_str())).count();
                if same_name.get_result::<i64>(connection).await? > 0 {
                    return Ok(TokenStored::NameTaken);
                }
            }
            if let Some(parent) = &token.token.parent {
                let parents = table::table.find(parent.as_str()).count();
                if parents.get_result::<i64>(connection).await? == 0 {
                    return Ok(TokenStored::ParentGone);
                }
            }
            diesel::insert_into(table::table).values(ApiTokenRow::from(token)).execute(connection).await?;
            append(connection, AuditEvent::token_created(&token.token), author).await?;
            Ok(TokenStored::Stored)
        })
        .await
    }

    async fn list(&self) -> Result<Vec<SealedApiToken>, StoreError> {
        let all = table::table.order((table::created_at.asc(), table::id.asc())).select(ApiTokenRow::as_select());
        let rows = self.run("list the tokens", async |connection| Ok(all.load(connection).await?)).await?;
        Ok(self.skipped.readable::<ApiTokenRow, _>(rows))
    }

    async fn rotate(&self, new: &SealedApiToken, old: &SealedApiToken, author: &Author) -> Result<bool, StoreError> {
        let (row, old_row) = (ApiTokenRow::from(new), ApiTokenRow::from(old));
        self.write("rotate a token", async |connection| {
            let unrotated = table::table.filter(table::id.eq(&row.id).and(table::digest.eq(&old_row.digest)));
            let values =
                (table::digest.eq(&row.digest), table::mac.eq(&row.mac), table::last_used_at.eq(row.last_used_at));
            if diesel::update(unrotated).set(values).execute(connection).await? == 0 {
                return Ok(false);
            }
            diesel::delete(table::table.filter(table::parent.eq(&row.id))).execute(connection).await?;
            // Until the overlap ends, the old token is valid as a child of the new one.
            diesel::insert_into(table::table).values(&old_row).execute(connection).await?;
            append(connection, AuditEvent::token_rotated(&new.token, &old.token), author).await?;
            Ok(true)
        })
        .await
    }

    async fn extend(&self, token: &SealedApiToken) -> Result<bool, StoreError> {
        let new = ApiTokenRow::from(token);
        let update = diesel::update(table::table.find(new.id));
        let update = update.set((table::expires_at.eq(new.expires_at), table::mac.eq(new.mac)));
        self.run("extend a token", async |connection| Ok(update.execute(connection).await? > 0)).await
    }

    async fn remove(&self, id: &ApiTokenId, author: &Author) -> Result<bool, StoreError> {
        self.write("delete a token", async |connection| {
            if !delete(connection, id.as_str(), author).await? {
                return Ok(false);
            }
            let mut parents = vec![id.as_str().to_owned()];
            while !parents.is_empty() {
                let children = table::table.filter(table::parent.eq_any(mem::take(&mut parents))).select(table::id);
                let children: Vec<StoredText> = children.load(connection).await?;
                parents = children.into_iter().map(String::from).collect();
                for child in &parents {
                    delete(connection, child, author).await?;
                }
            }
            cancel_logins_of(connection, &[Principal::program(id.as_str())], author).await?;
            Ok(true)
        })
        .await
    }

    async fn remove_all(&self, programs: bool, author: &Author) -> Result<usize, StoreError> {
        self.write("delete tokens", async |connection| {
            let mut tokens = table::table.order(table::id).select(table::id).into_boxed();
            if !programs {
                tokens = tokens.filter(table::scope.eq_any(Grant::PAGE_GRANTS));
            }
            let ids: Vec<StoredText> = tokens.load(connection).await?;
            for id in &ids {
                delete(connection, &id.0, author).await?;
            }
            let mut principals: Vec<_> = ids.iter().map(|id| Principal::program(&id.0)).collect();
            principals.push(Principal::gateway_token());
            cancel_logins_of(connection, &principals, author).await?;
            Ok(ids.len())
        })
        .await
    }

    async fn note_use(&self, id: &ApiTokenId, at: Timestamp) -> Result<(), StoreError> {
        let row = diesel::update(table::table.find(id.as_str())).set(table::last_used_at.eq(at.unix_millis()));
        self.run("note the use of a token", async |connection| Ok(row.execute(connection).await.map(drop)?)).await
    }

    async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write("forget expired tokens", async |connection| {
            let expired = diesel::delete(table::table.filter(table::expires_at.le(now.unix_millis())));
            let mut gone: Vec<StoredText> = expired.returning(table::id).get_results(connection).await?;
            while !gone.is_empty() {
                let parents: Vec<String> = mem::take(&mut gone).into_iter().map(String::from).collect();
                let children = diesel::delete(table::table.filter(table::parent.eq_any(parents)));
                gone = children.returning(table::id).get_results(connection).await?;
            }
            Ok(())
        })
        .await
    }
}
