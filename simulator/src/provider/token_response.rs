//! The token response (RFC 6749 section 5.1). It is prepared under the provider's lock and signed outside it: a
//! signature takes milliseconds, and many logins may refresh at once.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    Provider, State,
    claims::{AccessClaims, IdClaims},
    families::Grant,
    keys::SigningKeys,
    refusal::Refusal,
};
use crate::{
    journal::FamilyId,
    settings::{AccessTokenForm, Account, ExpiresIn},
};

/// A token response that is not yet signed.
pub(crate) struct UnsignedTokenResponse {
    family: FamilyId,
    grant: Grant,
    account: Account,
    refresh_token: Option<String>,
    now: Duration,
    expires_at: Duration,
    lifetime: Duration,
    form: AccessTokenForm,
    with_id_token: bool,
    expires_in: ExpiresIn,
    keys: SigningKeys,
    issuer: String,
}

impl UnsignedTokenResponse {
    /// Decides the contents of the response from the settings, and records the new refresh token.
    pub(super) fn prepare(
        provider: &Provider,
        state: &mut State,
        family: FamilyId,
        with_refresh_token: bool,
    ) -> Result<Self, Refusal> {
        let grant = state.families.grant(family).ok_or(Refusal::Internal("The family is gone."))?;
        let other_account = state.settings.answer_for_account.and_then(|index| state.settings.accounts.get(index));
        let account = other_account.unwrap_or(&grant.account).clone();
        let now = state.now();
        let refresh_token = with_refresh_token.then(|| state.issued.refresh_token());
        if let Some(token) = &refresh_token {
            state.families.add_refresh_token(family, token.clone(), now + state.settings.refresh_lifetime);
        }
        Ok(Self {
            family,
            grant,
            account,
            refresh_token,
            now,
            // `exp` has whole seconds, and the token expires exactly then.
            expires_at: Duration::from_secs((now + state.settings.access_lifetime).as_secs()),
            lifetime: state.settings.access_lifetime,
            form: state.settings.access_token_form,
            with_id_token: !state.settings.omit_id_token,
            expires_in: state.settings.expires_in.clone(),
            keys: state.keys.clone(),
            issuer: provider.issuer.clone(),
        })
    }

    /// Signs the response and records the access token.
    pub(crate) fn sign(self, provider: &Provider) -> Result<Value, Refusal> {
        let unsigned = |_| Refusal::Internal("The token could not be signed.");
        let access_token = match self.form {
            AccessTokenForm::Opaque => provider.state().issued.opaque_access_token(),
            AccessTokenForm::Jwt | AccessTokenForm::WithoutExp | AccessTokenForm::UnreadableExp => {
                let claims =
                    AccessClaims::new(&self.issuer, &self.grant, &self.account, self.now, self.expires_at, self.form);
                let token = self.keys.sign(&claims).map_err(unsigned)?;
                provider.state().issued.remember(token)
            }
        };
        let mut answer = Map::new();
        if self.with_id_token {
            let claims = IdClaims::new(&self.issuer, &self.grant, &self.account, &access_token, self.now);
            let id_token = self.keys.sign(&claims).map_err(unsigned)?;
            answer.insert("id_token".to_owned(), json!(provider.state().issued.remember(id_token)));
        }
        answer.insert("access_token".to_owned(), json!(access_token));
        if let Some(refresh_token) = self.refresh_token {
            answer.insert("refresh_token".to_owned(), json!(refresh_token));
        }
        answer.insert("token_type".to_owned(), json!("Bearer"));
        match self.expires_in {
            ExpiresIn::Honest => answer.insert("expires_in".to_owned(), json!(self.lifetime.as_secs())),
            ExpiresIn::Value(value) => answer.insert("expires_in".to_owned(), value),
            ExpiresIn::Absent => None,
        };
        answer.insert("scope".to_owned(), json!(self.grant.scopes.join(" ")));
        provider.state().families.add_access_token(self.family, access_token, self.account, self.expires_at);
        Ok(Value::Object(answer))
    }
}
