//! `/v1/auth/{provider}/...`: sign in, see where it stands, sign out. The seed's four routes and their kin.

use poem_openapi::{OpenApi, param::Path, payload::Json};

use super::{
    Service,
    answers::{CancelAnswer, ConnectedAnswer, LogoutAnswer, StartAnswer, StatusAnswer},
    authenticator::Caller,
    control_json::ControlJson,
    event_answers::{ActivityAnswer, EventsAnswer},
    model_answers::UsageAnswer,
    problem::Problem,
    refusal::Refusal,
    requests::{CallbackRequest, RefreshRequest, SecretRequest, StartRequest},
};
use crate::app::{Accounts, Callback, Logins, Models, StartOptions, account_name, new_account};

pub(super) struct AuthApi;

type Answer<T> = Result<Json<T>, Refusal>;

/// Sign in to a provider and out again. `openai` in a path means `openai-codex`.
#[OpenApi(tag = "super::Tag::Auth")]
impl AuthApi {
    /// Check if OAuth is active and the token is valid.
    ///
    /// Reads what is stored; never asks the provider.
    #[oai(path = "/v1/auth/:provider/status", method = "get", operation_id = "getAuthStatus")]
    async fn status(
        &self,
        accounts: Service<'_, Accounts>,
        caller: Caller,
        provider: Path<String>,
    ) -> Answer<StatusAnswer> {
        Ok(Json(accounts.status(&account_name(&provider.0)?, &caller.0.principal).await?.into()))
    }

    /// Start an OAuth login.
    ///
    /// Answers where to sign in, or that the account is signed in already. Starting twice gives the same pending login.
    #[oai(path = "/v1/auth/:provider/start", method = "post", operation_id = "startLogin")]
    async fn start(
        &self,
        logins: Service<'_, Logins>,
        caller: Caller,
        provider: Path<String>,
        body: ControlJson<StartRequest, true>,
    ) -> Answer<StartAnswer> {
        let (name, provider_type) = new_account(&provider.0, body.0.provider_type.as_deref())?;
        let options = StartOptions { force: body.0.force, display_name: body.0.display_name, provider_type };
        Ok(Json(logins.start(name, caller.0.principal, options).await?.into()))
    }

    /// Submit the redirect URL by hand.
    ///
    /// For a browser that cannot reach the gateway's port 1455: copy the address it failed on. Never paste an address
    /// that somebody else sent.
    #[oai(path = "/v1/auth/:provider/callback", method = "post", operation_id = "completeLogin")]
    async fn callback(
        &self,
        logins: Service<'_, Logins>,
        caller: Caller,
        provider: Path<String>,
        body: ControlJson<CallbackRequest>,
    ) -> Answer<ConnectedAnswer> {
        let callback = Callback::Pasted {
            name: account_name(&provider.0)?,
            redirect_url: body.0.redirect_url.0.into(),
            principal: caller.0.principal,
        };
        Ok(Json(logins.complete(callback).await?.into()))
    }

    /// Cancel the login that waits for its callback.
    #[oai(path = "/v1/auth/:provider/cancel", method = "post", operation_id = "cancelLogin")]
    async fn cancel(
        &self,
        logins: Service<'_, Logins>,
        caller: Caller,
        provider: Path<String>,
    ) -> Answer<CancelAnswer> {
        Ok(Json(logins.cancel(account_name(&provider.0)?, caller.0.principal).await?.into()))
    }

    /// Remove the stored tokens and unregister the provider.
    ///
    /// The tokens are deleted here whatever the provider says; `revocation` tells what it said.
    #[oai(path = "/v1/auth/:provider/logout", method = "post", operation_id = "logout")]
    async fn logout(
        &self,
        accounts: Service<'_, Accounts>,
        _caller: Caller,
        provider: Path<String>,
    ) -> Answer<LogoutAnswer> {
        Ok(Json(accounts.logout(account_name(&provider.0)?).await?.into()))
    }

    /// Refresh the access token now.
    ///
    /// Joins a refresh that is under way, on whatever gateway, and answers where the account stands then. A refresh that
    /// is in doubt is not tried again by this, unless the body names the `login_id` and `generation` that a status in doubt
    /// showed: that consents to one more try, which may end the login.
    #[oai(path = "/v1/auth/:provider/refresh", method = "post", operation_id = "refreshAuth")]
    async fn refresh(
        &self,
        accounts: Service<'_, Accounts>,
        caller: Caller,
        provider: Path<String>,
        body: ControlJson<RefreshRequest, true>,
    ) -> Answer<StatusAnswer> {
        let consent = body.0.consent().map_err(|error| Problem::new(error.kind(), error.to_string()))?;
        Ok(Json(accounts.refresh(&account_name(&provider.0)?, &caller.0.principal, consent).await?.into()))
    }

    /// What happened to the account, newest first.
    #[oai(path = "/v1/auth/:provider/events", method = "get", operation_id = "listAuthEvents")]
    async fn events(
        &self,
        accounts: Service<'_, Accounts>,
        _caller: Caller,
        provider: Path<String>,
    ) -> Answer<EventsAnswer> {
        Ok(Json(accounts.events(&account_name(&provider.0)?).await?.into()))
    }

    /// What happened to all accounts, newest first: also to those that are no longer there, and to logins that came to nothing.
    ///
    /// At most 200 entries. Logins are remembered for a week.
    #[oai(path = "/v1/activity", method = "get", operation_id = "listActivity")]
    async fn activity(&self, accounts: Service<'_, Accounts>, _caller: Caller) -> Answer<ActivityAnswer> {
        Ok(Json(accounts.activity().await?.into()))
    }

    /// How much of the account's plan is used up.
    ///
    /// What the provider said within the last minute, or else says now.
    #[oai(path = "/v1/auth/:provider/usage", method = "get", operation_id = "getUsage")]
    async fn usage(&self, models: Service<'_, Models>, _caller: Caller, provider: Path<String>) -> Answer<UsageAnswer> {
        Ok(Json(models.usage(&account_name(&provider.0)?).await?.into()))
    }

    /// Connect with an API key or a session token.
    #[oai(path = "/v1/auth/:provider/secret", method = "put", operation_id = "putSecret")]
    async fn secret(
        &self,
        accounts: Service<'_, Accounts>,
        _caller: Caller,
        provider: Path<String>,
        body: ControlJson<SecretRequest>,
    ) -> Answer<ConnectedAnswer> {
        let (name, provider_type) = new_account(&provider.0, body.0.provider_type())?;
        Ok(Json(accounts.register_secret(name, body.0.into_secret(provider_type)).await?.into()))
    }
}
