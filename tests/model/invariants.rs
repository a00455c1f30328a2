//! The invariants, numbered as in `docs/refresh.md`, and the checks that find a move that violates one.
//!
//! "Killed" means that a presentation ended a live family. [`crate::replica`] and [`crate::surroundings`] detect some
//! violations directly. Comparisons of two worlds are here. I11 is about whole runs: see [`crate::search`].

use crate::{
    provider::{Family, Reuse},
    system::{Move, System, Who},
    world::{Chance, Outcome, Replica, Token, TokenState, World},
};
use goclaw::domain::refresh::RevocationScope;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// No two replicas wait for a response to the same token, unless the lease of one has expired during a pause.
    I1,
    /// An `Active` row never has a used token.
    I2,
    /// Without a fault, a token is presented once. With faults, it is presented at most twice while its access token is
    /// valid. A forced refresh applies to the version that the owner has seen.
    I3,
    /// No family is killed, unless a response was lost, a crash hit the window of loss, or a holder was paused or cut
    /// off.
    I4,
    /// After a logout, no row exists until the next login. The login's family is dead once no replica has its tokens.
    I5,
    /// An older login never replaces a newer one, and revoking the older one does not end the newer one.
    I6,
    /// Only a definite response leads to `NeedsReauth`, and never in a run without faults. Doubt requires a call or a
    /// lost replica.
    I7,
    /// A response for the current tokens is never discarded.
    I8,
    /// A rejection affects only the presented token.
    I9,
    /// No replica replaces the access token with an older one.
    I10,
    /// Within a login, the generation never decreases.
    I12,
    /// No retry out of doubt kills a family, unless the access token is in its last minutes or the owner has consented.
    I13,
    /// With a configured grace window, one lost response alone never costs the login.
    I14,
    /// A restored database costs no login whose newest tokens are in a surviving journal. Without them, the restored
    /// token, which is spent, is presented only with the owner's consent.
    I15,
    /// If a surviving journal has the end of a login, the login is refreshed again only with the owner's consent.
    I16,
}

use Invariant::*;

impl Invariant {
    /// Adds to `next` the invariants that the move from `before` violates.
    pub(crate) fn check(system: &System, before: &World, next: &mut Move) {
        let after = next.world;
        let doubtful = || Chance::DOUBTFUL.map(|chance| system.spent(&after, chance));
        let is_doubtful = doubtful().iter().any(|times| *times > 0);
        next.breaks(I1, is_presented_twice_at_once(&after));
        let permitted = if is_doubtful { 2 } else { 1 };
        next.breaks(I3, after.families.iter().any(|family| family.most_presentations() > permitted));
        next.breaks(I5, is_left_over(system, &after) && !after.excused && after.restored.is_none());

        let Some(row) = after.row else { return };
        let family = after.family_of(row.token);
        let is_unused = family.is_unused(row.token.number);
        next.breaks(I2, row.state == TokenState::Active && !is_unused && after.restored.is_none());

        let was_replaced =
            before.restored.is_some() || before.row.is_none_or(|old| old.version.login != row.version.login);
        let has_ended = after.successor(row.version.login) != Some(row.version.login);
        let needs_owner = row.is_restored || row.state == TokenState::NeedsReauth;
        next.breaks(I16, was_replaced && has_ended && after.restored.is_none() && !needs_owner);

        let Some(old) = before.row else {
            next.breaks(I5, next.who != Who::Owner);
            return;
        };
        let is_by_owner = next.who == Who::Owner;
        let is_another_login = (old.version.login, old.token.family) != (row.version.login, row.token.family);
        let is_successor =
            old.version.login != row.version.login && after.successor(old.version.login) == Some(row.version.login);
        next.breaks(I6, is_another_login && !is_by_owner && !is_successor);
        let became_needs_reauth =
            row.state == TokenState::NeedsReauth && old.state != TokenState::NeedsReauth && !is_by_owner;
        next.breaks(I7, became_needs_reauth && family.alive && is_unused && !is_doubtful);
        next.breaks(I7, became_needs_reauth && !received_a_rejection(before, next.who));
        // A restored row may have an older access token.
        let is_restored = before.restored.is_some();
        next.breaks(
            I10,
            !is_restored && row.age > old.age && !matches!(next.who, Who::Time | Who::Provider | Who::Owner),
        );
        let is_same_login = old.version.login == row.version.login;
        next.breaks(I12, is_same_login && row.version.generation < old.version.generation && !is_by_owner);
        let noticed_restore = before.restored.is_some() && after.restored.is_none();
        next.breaks(I15, noticed_restore && after.journal.is_some_and(|kept| is_lost(&after, kept.token, row.token)));
        let one_lost_answer = Chance::DOUBTFUL.map(|chance| u8::from(chance == Chance::LostAnswer));
        next.breaks(I14, became_needs_reauth && system.setting.reuse == Reuse::Graced && doubtful() == one_lost_answer);
    }
}

fn is_presented_twice_at_once(world: &World) -> bool {
    let in_flight = |replica: &Replica| match replica {
        Replica::Sent(lease, _) => (!lease.paused).then_some(lease.token),
        Replica::Idle | Replica::Down(_) | Replica::Asking(_) | Replica::Leased(_) => None,
        Replica::Holding(_) | Replica::CutOff(_) => None,
    };
    let tokens: Vec<_> = world.replicas.iter().filter_map(in_flight).collect();
    tokens.iter().enumerate().any(|(index, token)| tokens[..index].contains(token))
}

/// Returns whether a logged-out login is still live. If a revocation would also end a newer login, older tokens may
/// expire instead.
fn is_left_over(system: &System, world: &World) -> bool {
    let may_expire_instead = system.setting.revocation == RevocationScope::Grant && world.logins > 1;
    let is_held = |number: u8| world.replicas.iter().filter_map(Replica::token).any(|token| token.family == number);
    let is_left = |(number, family): (u8, &Family)| family.logged_out && family.alive && !is_held(number);
    !may_expire_instead && (0..).zip(&world.families).any(is_left)
}

/// Returns whether the journal has a live token that the row lacks.
fn is_lost(world: &World, kept: Token, stored: Token) -> bool {
    let family = world.family_of(kept);
    family.alive && family.is_unused(kept.number) && kept != stored
}

fn received_a_rejection(before: &World, who: Who) -> bool {
    matches!(who, Who::Replica(at) if matches!(before.replicas[at], Replica::Sent(_, Outcome::Rejected)))
}
