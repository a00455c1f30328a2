//! Authorization requests that wait for a decision, and issued authorization codes (RFC 6749 section 4.1, RFC 7636).
//! A redeemed code is kept, so that its second use is noticed.

use std::{collections::HashMap, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{families::Grant, refusal::Refusal, secrets::random_text};
use crate::{journal::FamilyId, settings::Account};

/// A valid authorization request.
#[derive(Clone)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client_id: String,
    pub(crate) client_name: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) state: String,
    pub(crate) code_challenge: String,
}

struct Code {
    client_id: String,
    redirect_uri: String,
    code_challenge: String,
    grant: Grant,
    expires_at: Duration,
    redeemed: Option<FamilyId>,
}

/// A code with the other parameters of the token request.
pub(crate) struct Redemption<'a> {
    pub(crate) code: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) code_verifier: &'a str,
}

/// Why a code is refused.
pub(crate) enum CodeRefusal {
    /// The code is unknown or expired, or a parameter does not match it; nothing changes.
    Mismatch(Refusal),
    /// The code was redeemed before; its tokens must be revoked (RFC 6749 section 4.1.2).
    Replayed(FamilyId),
}

/// The undecided requests by a random id, and the issued codes.
#[derive(Default)]
pub(crate) struct Codes {
    undecided: HashMap<String, (AuthorizationRequest, Account)>,
    issued: HashMap<String, Code>,
}

impl Codes {
    /// Stores a request until the user decides. Returns its id, which the form sends back.
    pub(crate) fn store_undecided(&mut self, request: AuthorizationRequest, account: Account) -> String {
        let request_id = random_text();
        self.undecided.insert(request_id.clone(), (request, account));
        request_id
    }

    /// Removes and returns a stored request, so that it can be decided only once.
    pub(crate) fn take_undecided(&mut self, request_id: &str) -> Option<(AuthorizationRequest, Account)> {
        self.undecided.remove(request_id)
    }

    /// Records a code for an approved request.
    pub(crate) fn issue(
        &mut self,
        code: String,
        request: &AuthorizationRequest,
        account: Account,
        now: Duration,
        lifetime: Duration,
    ) {
        let grant = Grant {
            client_id: request.client_id.clone(),
            scopes: request.scopes.clone(),
            account,
            approved_at: now,
            session_id: random_text(),
        };
        let code_record = Code {
            client_id: request.client_id.clone(),
            redirect_uri: request.redirect_uri.clone(),
            code_challenge: request.code_challenge.clone(),
            grant,
            expires_at: now + lifetime,
            redeemed: None,
        };
        self.issued.insert(code, code_record);
    }

    /// Returns the family that a code was redeemed into.
    pub(crate) fn family_of(&self, code: &str) -> Option<FamilyId> {
        self.issued.get(code)?.redeemed
    }

    /// Redeems a code once. `begin_family` runs only if everything matches.
    pub(crate) fn redeem(
        &mut self,
        redemption: &Redemption<'_>,
        now: Duration,
        begin_family: impl FnOnce(Grant) -> FamilyId,
    ) -> Result<FamilyId, CodeRefusal> {
        let mismatch = |why| Err(CodeRefusal::Mismatch(Refusal::InvalidGrant(why)));
        let Some(code) = self.issued.get_mut(redemption.code) else {
            return mismatch("The authorization code is unknown.");
        };
        if code.client_id != redemption.client_id {
            return mismatch("The authorization code was issued to another client.");
        }
        if let Some(family) = code.redeemed {
            return Err(CodeRefusal::Replayed(family));
        }
        if now >= code.expires_at {
            return mismatch("The authorization code has expired.");
        }
        if code.redirect_uri != redemption.redirect_uri {
            return mismatch("The redirect_uri differs from the one of the authorization request.");
        }
        // RFC 7636 section 4.6.
        if code.code_challenge != URL_SAFE_NO_PAD.encode(Sha256::digest(redemption.code_verifier)) {
            return mismatch("The code_verifier does not match the code_challenge.");
        }
        let family = begin_family(code.grant.clone());
        code.redeemed = Some(family);
        Ok(family)
    }
}
