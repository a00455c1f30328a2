//! The two grants of the token endpoint: redeeming a code and refreshing. Each is one decision under the provider's
//! lock, and each ends in the same answer of new tokens.

use serde_json::{Map, Value, json};

use super::{
    Provider, State,
    claims::{AccessClaims, IdClaims},
    codes::{CodeRefused, Redemption},
    refusal::Refusal,
};
use crate::{
    journal::{FamilyId, RevocationCause},
    settings::{AccessTokenForm, ExpiresIn},
};

/// Redeems an authorization code (RFC 6749 section 4.1.3).
pub(crate) fn redeem_code(
    provider: &Provider,
    code: &str,
    client_id: &str,
    redirect_uri: &str,
    code_verifier: &str,
) -> Result<Value, Refusal> {
    let state = &mut *provider.state();
    check_client(state, client_id)?;
    let redemption = Redemption { code, client_id, redirect_uri, code_verifier };
    let now = state.now();
    let families = &mut state.families;
    match state.codes.redeem(&redemption, now, |grant| families.begin(grant)) {
        Ok(family) => issue_tokens(provider, state, family, !state.settings.omit_refresh_token),
        Err(CodeRefused::Mismatch(refusal)) => Err(refusal),
        Err(CodeRefused::Replayed(family)) => {
            state.families.revoke(family, RevocationCause::CodeReused);
            Err(Refusal::InvalidGrant("The authorization code has already been used."))
        }
    }
}

/// Refreshes (RFC 6749 section 6): the token presented is spent and another takes its place.
pub(crate) fn refresh(provider: &Provider, refresh_token: &str, client_id: &str) -> Result<Value, Refusal> {
    let state = &mut *provider.state();
    check_client(state, client_id)?;
    if refresh_token.is_empty() {
        return Err(Refusal::EmptyRefreshToken);
    }
    let now = state.now();
    let family = state.families.present(refresh_token, client_id, now, state.settings.reuse)?;
    let rotates = !state.settings.omit_refresh_token;
    if rotates {
        state.families.spend(refresh_token, now);
    }
    issue_tokens(provider, state, family, rotates)
}

fn check_client(state: &State, client_id: &str) -> Result<(), Refusal> {
    let known = state.settings.clients.iter().any(|client| client.client_id == client_id);
    if known { Ok(()) } else { Err(Refusal::UnknownClient) }
}

/// The answer of RFC 6749 section 5.1, as the settings want it.
fn issue_tokens(
    provider: &Provider,
    state: &mut State,
    family: FamilyId,
    with_refresh_token: bool,
) -> Result<Value, Refusal> {
    let grant = state.families.grant(family).ok_or(Refusal::Internal("The family is gone."))?;
    let other_account = state.settings.answer_for_account.and_then(|index| state.settings.accounts.get(index));
    let account = other_account.unwrap_or(&grant.account);
    let now = state.now();
    let expires_at = now + state.settings.access_lifetime;
    let unsigned = |_| Refusal::Internal("The token could not be signed.");

    let form = state.settings.access_token_form;
    let access_token = match form {
        AccessTokenForm::Opaque => state.issued.opaque_access_token(),
        AccessTokenForm::Jwt | AccessTokenForm::WithoutExp | AccessTokenForm::UnreadableExp => {
            let claims = AccessClaims::new(&provider.issuer, &grant, account, now, expires_at, form);
            state.issued.remember(state.keys.sign(&claims).map_err(unsigned)?)
        }
    };
    let mut answer = Map::new();
    if !state.settings.omit_id_token {
        let claims = IdClaims::new(&provider.issuer, &grant, account, &access_token, now);
        let id_token = state.issued.remember(state.keys.sign(&claims).map_err(unsigned)?);
        answer.insert("id_token".to_owned(), json!(id_token));
    }
    state.families.add_access_token(family, access_token.clone(), expires_at);
    answer.insert("access_token".to_owned(), json!(access_token));
    if with_refresh_token {
        let refresh_token = state.issued.refresh_token();
        state.families.add_refresh_token(family, refresh_token.clone(), now + state.settings.refresh_lifetime);
        answer.insert("refresh_token".to_owned(), json!(refresh_token));
    }
    answer.insert("token_type".to_owned(), json!("Bearer"));
    match &state.settings.expires_in {
        ExpiresIn::Honest => answer.insert("expires_in".to_owned(), json!(state.settings.access_lifetime.as_secs())),
        ExpiresIn::Value(value) => answer.insert("expires_in".to_owned(), value.clone()),
        ExpiresIn::Absent => None,
    };
    answer.insert("scope".to_owned(), json!(grant.scopes.join(" ")));
    Ok(Value::Object(answer))
}
