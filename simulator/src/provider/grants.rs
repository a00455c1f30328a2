//! The two grant types of the token endpoint: authorization code and refresh token. Each is one decision under the
//! provider's lock, and both result in the same kind of token response.

use super::{
    Provider, State,
    codes::{CodeRefusal, Redemption},
    refusal::Refusal,
    token_response::UnsignedTokenResponse,
};
use crate::{
    journal::{FamilyId, RevocationCause},
    presentations::PresentationOutcome,
};

/// Redeems an authorization code (RFC 6749 section 4.1.3).
pub(crate) fn redeem_code(
    provider: &Provider,
    code: &str,
    client_id: &str,
    redirect_uri: &str,
    code_verifier: &str,
) -> Result<UnsignedTokenResponse, Refusal> {
    let state = &mut *provider.state();
    check_client(state, client_id)?;
    let redemption = Redemption { code, client_id, redirect_uri, code_verifier };
    let now = state.now();
    let families = &mut state.families;
    match state.codes.redeem(&redemption, now, |grant| families.begin(grant)) {
        Ok(family) => UnsignedTokenResponse::prepare(provider, state, family, !state.settings.omit_refresh_token),
        Err(CodeRefusal::Mismatch(refusal)) => Err(refusal),
        Err(CodeRefusal::Replayed(family)) => {
            state.families.revoke(family, RevocationCause::CodeReused);
            Err(Refusal::InvalidGrant("The authorization code has already been used."))
        }
    }
}

/// Refreshes (RFC 6749 section 6): replaces the presented token, unless the settings omit refresh tokens. The outcome
/// is recorded under the same lock, so the record always matches the change.
pub(crate) fn refresh(
    provider: &Provider,
    presentation: u64,
    refresh_token: &str,
    client_id: &str,
) -> Result<UnsignedTokenResponse, Refusal> {
    let state = &mut *provider.state();
    let revoked_before = state.families.revocation_of(refresh_token).is_some();
    let accepted = accept(state, refresh_token, client_id);
    let now_revoked = !revoked_before && state.families.revocation_of(refresh_token).is_some();
    let outcome = match &accepted {
        Ok((_, outcome)) => outcome.clone(),
        Err(Refusal::RefreshTokenReused) if now_revoked => PresentationOutcome::FamilyKilled,
        Err(Refusal::RefreshTokenReused) => PresentationOutcome::ReuseRefused,
        Err(refusal) => PresentationOutcome::Refused(refusal.outcome().to_owned()),
    };
    state.presentations.record_outcome(presentation, outcome);
    let (family, outcome) = accepted?;
    UnsignedTokenResponse::prepare(provider, state, family, outcome != PresentationOutcome::Kept)
}

fn accept(state: &mut State, refresh_token: &str, client_id: &str) -> Result<(FamilyId, PresentationOutcome), Refusal> {
    check_client(state, client_id)?;
    if refresh_token.is_empty() {
        return Err(Refusal::EmptyRefreshToken);
    }
    let now = state.now();
    let family = state.families.present(refresh_token, client_id, now, state.settings.reuse)?;
    let outcome = if state.settings.omit_refresh_token {
        PresentationOutcome::Kept
    } else if state.families.spend(refresh_token, now) {
        PresentationOutcome::GraceAnswered
    } else {
        PresentationOutcome::Rotated
    };
    Ok((family, outcome))
}

fn check_client(state: &State, client_id: &str) -> Result<(), Refusal> {
    let known = state.settings.clients.iter().any(|client| client.client_id == client_id);
    if known { Ok(()) } else { Err(Refusal::UnknownClient) }
}
