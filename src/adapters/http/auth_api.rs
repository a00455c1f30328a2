//! `/v1/auth/{provider}/...`: logins, status, events, usage and secrets of an account. `/v1/activity`: all events.

use std::cmp::Reverse;

use poem_openapi::{
    OpenApi,
    param::{Path, Query},
};

use super::{
    authenticator::Caller,
    control_json::{ControlJson, OptionalJson},
    responses::{ApiResult, BAD_REQUEST, BODY, CONFLICT, Json, LOGIN, NOT_FOUND, PROVIDER},
    tags::Tag,
};
use crate::{
    adapters::contract::{
        AccountConnected, AccountName, ActivityPage, AuthStatus, CancelResult, CompleteLoginRequest, ConfirmRequest,
        EventPage, LoginStarted, LogoutResult, Page, PageLimit, RefreshRequest, SecretRequest, StartLoginRequest,
        Usage,
    },
    app::{AccountStatus, ActivityEntry, Callback, Connected, account_name, new_account},
};

pub(super) struct AuthApi;

/// Sign in to a provider and sign out. `openai` in a path means `openai-codex`.
#[OpenApi(tag = "Tag::Auth")]
impl AuthApi {
    /// Check if OAuth is active and the token is valid.
    ///
    /// Reads only stored data; never calls the provider.
    #[oai(path = "/v1/auth/:provider/status", method = "get", operation_id = "getAuthStatus")]
    async fn status(
        &self,
        caller: Caller,
        provider: Path<AccountName>,
    ) -> ApiResult<AuthStatus, { BAD_REQUEST | NOT_FOUND }> {
        let status = caller.app().accounts.status(&account_name(&provider.0.0)?, &caller.0.principal).await?;
        Ok(Json(status_for(&caller, status)))
    }

    /// Start an OAuth login.
    ///
    /// Returns the URL to sign in at, or `already_authenticated`. A second start returns the same pending login.
    #[oai(path = "/v1/auth/:provider/start", method = "post", operation_id = "startLogin")]
    async fn start(
        &self,
        caller: Caller,
        provider: Path<AccountName>,
        body: OptionalJson<StartLoginRequest>,
    ) -> ApiResult<LoginStarted, { BODY | NOT_FOUND | CONFLICT }> {
        let (name, provider_type) = new_account(&provider.0.0, body.0.provider_type())?;
        Ok(Json(caller.app().logins.start(name, caller.principal(), body.0.into_options(provider_type)).await?.into()))
    }

    /// Submit the redirect URL by hand.
    ///
    /// For a browser that cannot reach the gateway's port 1455: copy the address it failed on. Never paste an address
    /// that somebody else sent.
    #[oai(path = "/v1/auth/:provider/callback", method = "post", operation_id = "completeLogin")]
    async fn callback(
        &self,
        caller: Caller,
        provider: Path<AccountName>,
        body: ControlJson<CompleteLoginRequest>,
    ) -> ApiResult<AccountConnected, { BODY | NOT_FOUND | CONFLICT | LOGIN }> {
        let (redirect_url, principal) = (body.0.redirect_url.0, caller.principal());
        let callback = Callback::Pasted { name: account_name(&provider.0.0)?, redirect_url, principal };
        Ok(Json(connected_for(&caller, caller.app().logins.complete(callback).await?)))
    }

    /// Choose which account stays.
    ///
    /// A login of another user or workspace than the connected one waits for ten minutes: the status has its
    /// `confirmation`. Returns the status afterwards. Only the caller that started the login and the owner can answer.
    #[oai(path = "/v1/auth/:provider/confirm", method = "post", operation_id = "confirmLogin")]
    async fn confirm(
        &self,
        caller: Caller,
        provider: Path<AccountName>,
        body: ControlJson<ConfirmRequest>,
    ) -> ApiResult<AuthStatus, { BODY | NOT_FOUND | CONFLICT | LOGIN }> {
        let answer = body.0.into_answer()?;
        let (name, principal) = (account_name(&provider.0.0)?, &caller.0.principal);
        Ok(Json(status_for(&caller, caller.app().accounts.confirm(&name, principal, answer).await?)))
    }

    /// Cancel the pending login.
    ///
    /// Only the caller that started the login can cancel it. A login that waits for a confirmation is declined.
    #[oai(path = "/v1/auth/:provider/cancel", method = "post", operation_id = "cancelLogin")]
    async fn cancel(
        &self,
        caller: Caller,
        provider: Path<AccountName>,
    ) -> ApiResult<CancelResult, { BAD_REQUEST | NOT_FOUND }> {
        Ok(Json(caller.app().logins.cancel(account_name(&provider.0.0)?, caller.principal()).await?.into()))
    }

    /// Remove the stored tokens and unregister the provider.
    ///
    /// The stored tokens are deleted even if the provider does not revoke them; `revocation` reports the result.
    #[oai(path = "/v1/auth/:provider/logout", method = "post", operation_id = "logout")]
    async fn logout(
        &self,
        caller: Caller,
        provider: Path<AccountName>,
    ) -> ApiResult<LogoutResult, { BAD_REQUEST | NOT_FOUND }> {
        Ok(Json(caller.app().accounts.logout(account_name(&provider.0.0)?).await?.into()))
    }

    /// Refresh the access token now.
    ///
    /// Joins a refresh that is under way on any replica, and returns the status after it. A refresh in doubt is not
    /// tried again, unless the body names the `login_id` and `generation` that the status showed: that consents to one
    /// more try, which may end the login.
    #[oai(path = "/v1/auth/:provider/refresh", method = "post", operation_id = "refreshAuth")]
    async fn refresh(
        &self,
        caller: Caller,
        provider: Path<AccountName>,
        body: OptionalJson<RefreshRequest>,
    ) -> ApiResult<AuthStatus, { BODY | NOT_FOUND | CONFLICT }> {
        let consent = body.0.consent()?;
        let (name, principal) = (account_name(&provider.0.0)?, &caller.0.principal);
        Ok(Json(status_for(&caller, caller.app().accounts.refresh(&name, principal, consent).await?)))
    }

    /// List the account's events.
    ///
    /// Newest first.
    #[oai(path = "/v1/auth/:provider/events", method = "get", operation_id = "listAuthEvents")]
    async fn events(
        &self,
        caller: Caller,
        provider: Path<AccountName>,
        /// The maximum number of items to return.
        limit: Query<PageLimit>,
        /// The `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> ApiResult<EventPage, { BAD_REQUEST | NOT_FOUND }> {
        let events =
            caller.app().accounts.events(&account_name(&provider.0.0)?, limit.0.newest_to_load(&cursor.0)).await?;
        let page = Page::of(events, |event| Reverse(event.revision.0), limit.0, &cursor.0)?;
        let (events, next_cursor) = page.into_parts();
        Ok(Json(EventPage { events, next_cursor }))
    }

    /// List the events of all accounts.
    ///
    /// Newest first. Includes removed accounts, and logins that saved nothing; those are kept for a week.
    #[oai(path = "/v1/activity", method = "get", operation_id = "listActivity")]
    async fn activity(
        &self,
        caller: Caller,
        /// The maximum number of items to return.
        limit: Query<PageLimit>,
        /// The `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> ApiResult<ActivityPage, { BAD_REQUEST }> {
        let entries = caller.app().accounts.activity(limit.0.newest_to_load(&cursor.0)).await?;
        let key = |entry: &ActivityEntry| match entry {
            ActivityEntry::Account(event) => Reverse((event.at, event.revision.0, String::new())),
            ActivityEntry::Login { at, login_id, .. } => Reverse((*at, 0, login_id.to_string())),
        };
        let (events, next_cursor) = Page::of(entries, key, limit.0, &cursor.0)?.into_parts();
        Ok(Json(ActivityPage { events, next_cursor }))
    }

    /// Get the usage of the account's plan.
    ///
    /// Returns what the provider reported within the last minute, or asks the provider.
    #[oai(path = "/v1/auth/:provider/usage", method = "get", operation_id = "getUsage")]
    async fn usage(
        &self,
        caller: Caller,
        provider: Path<AccountName>,
    ) -> ApiResult<Usage, { BAD_REQUEST | NOT_FOUND | CONFLICT | PROVIDER }> {
        Ok(Json(caller.app().models.usage(&account_name(&provider.0.0)?).await?.into()))
    }

    /// Connect with an API key or a session token.
    ///
    /// The secret is checked at the provider before it is saved, unless `unchecked` is set.
    #[oai(path = "/v1/auth/:provider/secret", method = "put", operation_id = "putSecret")]
    async fn secret(
        &self,
        caller: Caller,
        provider: Path<AccountName>,
        body: ControlJson<SecretRequest>,
    ) -> ApiResult<AccountConnected, { BODY | NOT_FOUND | CONFLICT | PROVIDER }> {
        let (name, provider_type) = new_account(&provider.0.0, body.0.provider_type())?;
        let secret = body.0.into_secret(provider_type)?;
        Ok(Json(connected_for(&caller, caller.app().accounts.register_secret(name, secret).await?)))
    }
}

/// Renders a status without the names of accounts whose status the caller may not read.
fn status_for(caller: &Caller, status: AccountStatus) -> AuthStatus {
    let other_names = caller.readable(status.other_names);
    AccountStatus { other_names, ..status }.into()
}

/// Renders a connected account like [`status_for`].
fn connected_for(caller: &Caller, connected: Connected) -> AccountConnected {
    let other_names = caller.readable(connected.other_names);
    Connected { other_names, ..connected }.into()
}
