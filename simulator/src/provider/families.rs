//! Token families: the refresh and access tokens that descend from one redeemed code. A family is revoked as a whole
//! (RFC 9700 section 4.14.2) and has its own ledger.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::{
    journal::{FamilyId, FamilyLedger, RefreshTokenLedger, RefreshTokenState, RevocationCause, token_sha256},
    settings::{Account, ReusePolicy},
};

/// What a user approved: the client and its scopes.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) account: Account,
    pub(crate) approved_at: Duration,
    pub(crate) session_id: String,
}

/// The status of a token now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenStatus {
    /// Valid.
    Live,
    /// Expired.
    Expired,
    /// A replaced refresh token, which may still work within a grace window.
    Spent,
    /// Revoked, alone or with its family.
    Revoked,
    /// Never issued by this provider.
    Unknown,
}

struct Family {
    grant: Grant,
    ledger: FamilyLedger,
}

struct RefreshToken {
    family: FamilyId,
    index_in_ledger: usize,
    expires_at: Duration,
    spent_at: Option<Duration>,
}

struct AccessToken {
    family: FamilyId,
    account: Account,
    expires_at: Duration,
    revoked: bool,
}

/// All families and their tokens.
#[derive(Default)]
pub(crate) struct Families {
    last_id: u32,
    families: BTreeMap<FamilyId, Family>,
    refresh_tokens: HashMap<String, RefreshToken>,
    access_tokens: HashMap<String, AccessToken>,
}

impl Families {
    pub(crate) fn begin(&mut self, grant: Grant) -> FamilyId {
        self.last_id += 1;
        let family = FamilyId(self.last_id);
        let ledger = FamilyLedger {
            family,
            client_id: grant.client_id.clone(),
            user_id: grant.account.user_id.clone(),
            account_id: grant.account.account_id.clone(),
            refresh_tokens: Vec::new(),
            rotations: 0,
            refreshes_under_way: 0,
            max_concurrent_refreshes: 0,
            reuse_errors: 0,
            revoked: None,
        };
        self.families.insert(family, Family { grant, ledger });
        family
    }

    /// Forgets all families. Their ids are not reused, so that a refresh in flight cannot touch a new family.
    pub(crate) fn forget(&mut self) {
        *self = Self { last_id: self.last_id, ..Self::default() };
    }

    pub(crate) fn grant(&self, family: FamilyId) -> Option<Grant> {
        self.families.get(&family).map(|family| family.grant.clone())
    }

    /// Returns the family of a refresh or access token.
    pub(crate) fn family_of(&self, token: &str) -> Option<FamilyId> {
        let refresh = self.refresh_tokens.get(token).map(|token| token.family);
        refresh.or_else(|| self.access_tokens.get(token).map(|token| token.family))
    }

    pub(crate) fn ledger(&self) -> Vec<FamilyLedger> {
        self.families.values().map(|family| family.ledger.clone()).collect()
    }

    /// Records an access token. Its account can differ from the family's.
    pub(crate) fn add_access_token(&mut self, family: FamilyId, token: String, account: Account, expires_at: Duration) {
        self.access_tokens.insert(token, AccessToken { family, account, expires_at, revoked: false });
    }

    /// Returns the account that an access token was issued for.
    pub(crate) fn account_of(&self, access_token: &str) -> Option<&Account> {
        self.access_tokens.get(access_token).map(|token| &token.account)
    }

    /// Returns why the family of a token is revoked, if it is.
    pub(crate) fn revocation_of(&self, token: &str) -> Option<RevocationCause> {
        self.families.get(&self.family_of(token)?)?.ledger.revoked
    }

    /// Returns the number of refresh tokens before this one in its family.
    pub(crate) fn generation_of(&self, refresh_token: &str) -> Option<u32> {
        u32::try_from(self.refresh_tokens.get(refresh_token)?.index_in_ledger).ok()
    }

    /// Returns the maximum number of presentations of one family in flight at once.
    pub(crate) fn max_concurrent_refreshes(&self) -> u32 {
        self.families.values().map(|family| family.ledger.max_concurrent_refreshes).max().unwrap_or_default()
    }

    pub(crate) fn add_refresh_token(&mut self, id: FamilyId, token: String, expires_at: Duration) {
        let Some(family) = self.families.get_mut(&id) else { return };
        let index_in_ledger = family.ledger.refresh_tokens.len();
        family.ledger.refresh_tokens.push(RefreshTokenLedger {
            token_sha256: token_sha256(&token),
            presentations: 0,
            state: RefreshTokenState::Current,
        });
        self.refresh_tokens.insert(token, RefreshToken { family: id, index_in_ledger, expires_at, spent_at: None });
    }

    /// Decides whether a refresh token is valid now, counts the presentation and applies the reuse policy.
    pub(crate) fn present(
        &mut self,
        token: &str,
        client_id: &str,
        now: Duration,
        policy: ReusePolicy,
    ) -> Result<FamilyId, Refusal> {
        let known = self.refresh_tokens.get(token).ok_or(Refusal::UnknownRefreshToken)?;
        let family = self.families.get_mut(&known.family).ok_or(Refusal::UnknownRefreshToken)?;
        if let Some(token) = family.ledger.refresh_tokens.get_mut(known.index_in_ledger) {
            token.presentations += 1;
        }
        if family.grant.client_id != client_id {
            return Err(Refusal::WrongClient);
        }
        let within_grace = |spent_at| match policy {
            ReusePolicy::Grace(grace) => now < spent_at + grace,
            ReusePolicy::KillFamily | ReusePolicy::RefuseOnly => false,
        };
        if known.spent_at.is_some_and(|spent_at| !within_grace(spent_at)) {
            family.ledger.reuse_errors += 1;
            if policy != ReusePolicy::RefuseOnly {
                family.ledger.revoked.get_or_insert(RevocationCause::RefreshTokenReused);
            }
            return Err(Refusal::RefreshTokenReused);
        }
        if family.ledger.revoked.is_some() {
            return Err(Refusal::RefreshTokenInvalidated);
        }
        if now >= known.expires_at {
            return Err(Refusal::RefreshTokenExpired);
        }
        Ok(known.family)
    }

    /// Marks a refresh token as replaced and returns whether it already was. The grace window starts at the first call.
    pub(crate) fn spend(&mut self, token: &str, now: Duration) -> bool {
        let Some(spent) = self.refresh_tokens.get_mut(token) else { return false };
        let again = spent.spent_at.is_some();
        spent.spent_at.get_or_insert(now);
        let Some(family) = self.families.get_mut(&spent.family) else { return again };
        family.ledger.rotations += 1;
        if let Some(token) = family.ledger.refresh_tokens.get_mut(spent.index_in_ledger) {
            token.state = RefreshTokenState::Spent;
        }
        again
    }

    /// Revokes a family. The first cause is kept.
    pub(crate) fn revoke(&mut self, family: FamilyId, cause: RevocationCause) {
        if let Some(family) = self.families.get_mut(&family) {
            family.ledger.revoked.get_or_insert(cause);
        }
    }

    pub(crate) fn revoke_all(&mut self) {
        for family in self.families.values_mut() {
            family.ledger.revoked.get_or_insert(RevocationCause::RevokedByProvider);
        }
    }

    /// Revokes a token for a client (RFC 7009 section 2.1): a refresh token with its family, an access token alone.
    /// With `ends_grant`, a refresh token ends all families of its user and client. Returns false for an unknown token.
    pub(crate) fn revoke_token(&mut self, token: &str, ends_grant: bool) -> bool {
        if let Some(family) = self.refresh_tokens.get(token).map(|token| token.family) {
            for ended in if ends_grant { self.families_of_grant(family) } else { vec![family] } {
                self.revoke(ended, RevocationCause::RevokedByClient);
            }
            return true;
        }
        self.access_tokens.get_mut(token).map(|token| token.revoked = true).is_some()
    }

    /// Returns the families of the same user and client.
    fn families_of_grant(&self, family: FamilyId) -> Vec<FamilyId> {
        let owner = |family: &Family| (family.grant.client_id.clone(), family.grant.account.user_id.clone());
        let wanted = self.families.get(&family).map(owner);
        self.families.iter().filter(|(_, other)| Some(owner(other)) == wanted).map(|(id, _)| *id).collect()
    }

    pub(crate) fn status(&self, token: &str, now: Duration) -> TokenStatus {
        let (family, expires_at, revoked, spent) = match (self.refresh_tokens.get(token), self.access_tokens.get(token))
        {
            (Some(token), _) => (token.family, token.expires_at, false, token.spent_at.is_some()),
            (None, Some(token)) => (token.family, token.expires_at, token.revoked, false),
            (None, None) => return TokenStatus::Unknown,
        };
        let family_revoked = self.families.get(&family).is_none_or(|family| family.ledger.revoked.is_some());
        if revoked || family_revoked {
            TokenStatus::Revoked
        } else if spent {
            TokenStatus::Spent
        } else if now >= expires_at {
            TokenStatus::Expired
        } else {
            TokenStatus::Live
        }
    }

    pub(crate) fn begin_refresh(&mut self, family: FamilyId) {
        let Some(Family { ledger, .. }) = self.families.get_mut(&family) else { return };
        ledger.refreshes_under_way += 1;
        ledger.max_concurrent_refreshes = ledger.max_concurrent_refreshes.max(ledger.refreshes_under_way);
    }

    pub(crate) fn end_refresh(&mut self, family: FamilyId) {
        let Some(Family { ledger, .. }) = self.families.get_mut(&family) else { return };
        ledger.refreshes_under_way = ledger.refreshes_under_way.saturating_sub(1);
    }
}
