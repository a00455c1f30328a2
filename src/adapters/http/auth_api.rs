//! `/v1/auth/{provider}/...`: sign in, see where it stands, sign out.

use std::cmp::Reverse;

use poem_openapi::{
    OpenApi,
    param::{Path, Query},
};

use super::{
    answer::{Answer, BAD_REQUEST, BODY, CONFLICT, LOGIN, NOT_FOUND, PROVIDER, Reply},
    authenticator::Caller,
    control_json::{ControlJson, OptionalJson},
    paging::{Page, PageLimit},
    registration::{App, Tag},
};
use crate::{
    adapters::contract::{
        AccountConnected, AccountName, ActivityEvent, ActivityPage, AuthStatus, CancelResult, CompleteLoginRequest,
        EventPage, LoginStarted, LogoutResult, RefreshRequest, SecretRequest, StartLoginRequest, Usage,
    },
    app::{ActivityEntry, Callback},
};

pub(super) struct AuthApi;

/// Sign in to a provider and out again. `openai` in a path means `openai-codex`.
#[OpenApi(tag = "Tag::Auth")]
impl AuthApi {
    /// Check if OAuth is active and the token is valid.
    ///
    /// Reads what is stored; never calls the provider.
    #[oai(path = "/v1/auth/:provider/status", method = "get", operation_id = "getAuthStatus")]
    async fn status(
        &self,
        gateway: App<'_>,
        caller: Caller,
        provider: Path<AccountName>,
    ) -> Answer<AuthStatus, { NOT_FOUND }> {
        Ok(Reply(gateway.account_status(&provider.0.0, &caller.0.principal).await?.into()))
    }

    /// Start an OAuth login.
    ///
    /// Returns where to sign in, or that the account is signed in already. Starting twice returns the same pending login.
    #[oai(path = "/v1/auth/:provider/start", method = "post", operation_id = "startLogin")]
    async fn start(
        &self,
        gateway: App<'_>,
        caller: Caller,
        provider: Path<AccountName>,
        body: OptionalJson<StartLoginRequest>,
    ) -> Answer<LoginStarted, { BODY | NOT_FOUND | CONFLICT }> {
        Ok(Reply(gateway.start_login(provider.0.0, caller.0.principal, body.0.into()).await?.into()))
    }

    /// Submit the redirect URL by hand.
    ///
    /// For a browser that cannot reach the gateway's port 1455: copy the address it failed on. Never paste an address that
    /// somebody else sent.
    #[oai(path = "/v1/auth/:provider/callback", method = "post", operation_id = "completeLogin")]
    async fn callback(
        &self,
        gateway: App<'_>,
        caller: Caller,
        provider: Path<AccountName>,
        body: ControlJson<CompleteLoginRequest>,
    ) -> Answer<AccountConnected, { BODY | NOT_FOUND | CONFLICT | LOGIN }> {
        let (redirect_url, principal) = (body.0.redirect_url.0, caller.0.principal);
        let callback = Callback::Pasted { name: provider.0.0, redirect_url, principal };
        Ok(Reply(gateway.complete_login(callback).await?.into()))
    }

    /// Cancel the pending login.
    ///
    /// Only the caller that started it can.
    #[oai(path = "/v1/auth/:provider/cancel", method = "post", operation_id = "cancelLogin")]
    async fn cancel(
        &self,
        gateway: App<'_>,
        caller: Caller,
        provider: Path<AccountName>,
    ) -> Answer<CancelResult, { NOT_FOUND }> {
        Ok(Reply(gateway.cancel_login(provider.0.0, caller.0.principal).await?.into()))
    }

    /// Remove the stored tokens and unregister the provider.
    ///
    /// The tokens are deleted here whatever the provider answers; `revocation` reports its answer.
    #[oai(path = "/v1/auth/:provider/logout", method = "post", operation_id = "logout")]
    async fn logout(
        &self,
        gateway: App<'_>,
        _caller: Caller,
        provider: Path<AccountName>,
    ) -> Answer<LogoutResult, { NOT_FOUND }> {
        Ok(Reply(gateway.logout(provider.0.0).await?.into()))
    }

    /// Refresh the access token now.
    ///
    /// Joins a refresh that is under way on any replica, and returns the status after it. A refresh in doubt is not tried
    /// again, unless the body names the `login_id` and `generation` that the status showed: that consents to one more try,
    /// which may end the login.
    #[oai(path = "/v1/auth/:provider/refresh", method = "post", operation_id = "refreshAuth")]
    async fn refresh(
        &self,
        gateway: App<'_>,
        caller: Caller,
        provider: Path<AccountName>,
        body: OptionalJson<RefreshRequest>,
    ) -> Answer<AuthStatus, { BODY | NOT_FOUND | CONFLICT }> {
        let consent = body.0.consent()?;
        Ok(Reply(gateway.refresh_account(&provider.0.0, &caller.0.principal, consent).await?.into()))
    }

    /// List what happened to the account.
    ///
    /// Newest first.
    #[oai(path = "/v1/auth/:provider/events", method = "get", operation_id = "listAuthEvents")]
    async fn events(
        &self,
        gateway: App<'_>,
        _caller: Caller,
        provider: Path<AccountName>,
        /// How many items to return at most.
        limit: Query<PageLimit>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<EventPage, { BAD_REQUEST | NOT_FOUND }> {
        let events = gateway.list_events(&provider.0.0, limit.0.newest(&cursor.0)).await?;
        let page = Page::of(events, |event| Reverse(event.revision.0), limit.0, cursor.0.as_deref())?;
        let events = page.items.into_iter().map(Into::into).collect();
        Ok(Reply(EventPage { events, next_cursor: page.next_cursor }))
    }

    /// List what happened to all accounts.
    ///
    /// Newest first. Includes removed accounts, and logins that saved nothing; those are kept for a week.
    #[oai(path = "/v1/activity", method = "get", operation_id = "listActivity")]
    async fn activity(
        &self,
        gateway: App<'_>,
        _caller: Caller,
        /// How many items to return at most.
        limit: Query<PageLimit>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<ActivityPage, { BAD_REQUEST }> {
        let entries = gateway.list_activity(limit.0.newest(&cursor.0)).await?;
        let key = |entry: &ActivityEntry| match entry {
            ActivityEntry::ToAccount(event) => Reverse((event.at, event.revision.0, String::new())),
            ActivityEntry::ToLogin { at, login_id, .. } => Reverse((*at, 0, login_id.to_string())),
        };
        let page = Page::of(entries, key, limit.0, cursor.0.as_deref())?;
        let events = page.items.into_iter().map(ActivityEvent::from).collect();
        Ok(Reply(ActivityPage { events, next_cursor: page.next_cursor }))
    }

    /// Get how much of the account's plan is used.
    ///
    /// What the provider reported within the last minute; otherwise it is asked.
    #[oai(path = "/v1/auth/:provider/usage", method = "get", operation_id = "getUsage")]
    async fn usage(
        &self,
        gateway: App<'_>,
        _caller: Caller,
        provider: Path<AccountName>,
    ) -> Answer<Usage, { NOT_FOUND | CONFLICT | PROVIDER }> {
        Ok(Reply(gateway.provider_usage(&provider.0.0).await?.into()))
    }

    /// Connect with an API key or a session token.
    ///
    /// The secret is tried at the provider before it is saved, unless `unchecked`.
    #[oai(path = "/v1/auth/:provider/secret", method = "put", operation_id = "putSecret")]
    async fn secret(
        &self,
        gateway: App<'_>,
        _caller: Caller,
        provider: Path<AccountName>,
        body: ControlJson<SecretRequest>,
    ) -> Answer<AccountConnected, { BODY | NOT_FOUND | CONFLICT | PROVIDER }> {
        Ok(Reply(gateway.register_secret(provider.0.0, body.0.try_into()?).await?.into()))
    }
}
