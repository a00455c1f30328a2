//! Removes each mechanism in turn and checks which invariants break. This shows that the search detects violations and
//! that every mechanism is needed.

use crate::{
    invariants::Invariant::{self, *},
    provider::Reuse::{Graced, Kills, Refuses},
    search::search,
    system::Setting,
    without::Mechanism::{self, *},
    world::Chance::{self, *},
};

/// How often each event may occur in searches about restores.
const RESTORE: &[(Chance, u8)] = &[(Backup, 1), (Restore, 1), (LostJournal, 1), (Ask, 1)];

/// How often each event may occur in searches about restored logins that have ended.
const ENDED: &[(Chance, u8)] = &[(Backup, 1), (Restore, 1), (Logout, 1), (Login, 1)];

/// Defines a test for each line: its name, the removed mechanism, the invariants that break, and the setting.
macro_rules! without {
    ($($(#[$why:meta])* $name:ident: $mechanism:ident breaks [$($broken:ident),+] in $setting:expr;)+) => {$(
        $(#[$why])*
        #[test]
        fn $name() {
            assert_breaks($mechanism, &[$($broken),+], $setting);
        }
    )+};
}

without! {
    without_a_lease_between_replicas: LeaseBetweenReplicas breaks [I1, I2, I3, I4] in Setting::new(Kills, 2, &[]);
    without_a_call_shorter_than_the_lease: CallShorterThanLease breaks [I1, I3, I4] in Setting::new(Kills, 2, &[]);
    without_doubt: Doubt breaks [I2] in Setting::new(Kills, 2, &[(Crash, 1)]);
    without_keeping_the_response_on_a_database_error: AnswerKeptOnDatabaseError breaks [I2, I4, I8]
        in Setting::new(Kills, 2, &[(Database, 1)]);
    without_the_journal: Journal breaks [I8] in Setting::new(Kills, 2, &[(Crash, 1), (Database, 1)]);

    /// I7 breaks indirectly: if an old login's tokens replace the new ones, a rejection hits the wrong login.
    without_the_version_check_at_commit: VersionCheckAtCommit breaks [I5, I6, I7, I10]
        in Setting::new(Kills, 2, &[(Logout, 1), (Login, 1)]);
    without_commits_independent_of_the_lease_holder: CommitWhoeverHoldsTheLease breaks [I8]
        in Setting::new(Kills, 2, &[(Database, 1)]);
    without_a_commit_from_in_doubt: CommitFromInDoubt breaks [I8] in Setting::new(Kills, 2, &[(Database, 1)]);
    without_a_commit_from_needs_reauth: CommitFromNeedsReauth breaks [I8] in Setting::new(Refuses, 2, &[(Database, 1)]);

    without_the_reread_on_rejection: RereadOnRejection breaks [I9]
        in Setting::new(Kills, 2, &[(LostAnswer, 1), (Login, 1)]);
    without_the_lease_fence_on_failures: LeaseFenceOnFailures breaks [I1]
        in Setting::new(Kills, 2, &[(LostAnswer, 1), (Refused, 1), (Pause, 1)]);
    without_keeping_doubt_after_a_refusal: DoubtKeptThroughRefusal breaks [I2]
        in Setting::new(Kills, 2, &[(LostAnswer, 1), (Refused, 1)]);
    /// Unknown outcomes never lead to `NeedsReauth`, so only the retry within the grace window is lost.
    without_refunding_a_refused_attempt: RefundOfRefusal breaks [I14]
        in Setting::new(Graced, 2, &[(LostAnswer, 1), (Refused, 1)]);
    /// Unknown outcomes never lead to `NeedsReauth`, so no login is lost. A token that was never presented becomes
    /// doubtful.
    without_a_lease_named_by_its_caller: LeaseNamedByItsCaller breaks [I7] in Setting::new(Kills, 2, &[(Database, 1)]);

    without_keeping_the_attempt_on_take_over: AttemptKeptOnTakeOver breaks [I3]
        in Setting::new(Kills, 2, &[(LostRequest, 2), (LostAnswer, 1)]);
    without_the_deferral_of_the_retry: DeferralOfRetry breaks [I13] in Setting::new(Kills, 2, &[(LostAnswer, 1)]);
    without_an_immediate_retry_under_grace: RetryAtOnceUnderGrace breaks [I14]
        in Setting::new(Graced, 2, &[(LostAnswer, 1)]);
    without_counting_grace_from_the_first_call: GraceCountedFromFirstCall breaks [I13, I14]
        in Setting::new(Graced, 2, &[(LostAnswer, 1), (Refused, 1)]);
    without_binding_a_forced_refresh_to_its_version: ForcedRefreshBoundToVersion breaks [I3, I13]
        in Setting::new(Kills, 2, &[(LostAnswer, 1), (Ask, 1)]);

    without_a_commit_to_a_restored_row: CommitToARestoredRow breaks [I15] in Setting::new(Kills, 2, RESTORE);
    without_doubt_after_a_restore: DoubtAfterRestore breaks [I1, I2, I4] in Setting::new(Kills, 2, RESTORE);
    without_consent_after_a_restore: ConsentAfterRestore breaks [I1, I15] in Setting::new(Kills, 2, RESTORE);
    without_remembering_presentations_across_a_restore: PresentationRemembered breaks [I1, I2, I4]
        in Setting::new(Kills, 2, RESTORE);

    without_remembering_ended_logins: EndsRemembered breaks [I1, I2, I4, I5, I10, I15, I16]
        in Setting::new(Kills, 1, ENDED);
    without_committing_a_successor_s_tokens: CommitOfASuccessor breaks [I15] in Setting::new(Kills, 1, ENDED);

    without_revocation_after_a_new_login: RevocationAfterNewLogin breaks [I5]
        in Setting::new(Kills, 2, &[(Logout, 1), (Login, 1)]);
    without_revocation_by_family: RevocationByFamily breaks [I6]
        in Setting::new(Kills, 2, &[(Login, 1)]).revoking_the_grant();
    without_unique_login_ids: LoginIdNeverUsedAgain breaks [I5, I6, I7, I10]
        in Setting::new(Kills, 2, &[(Logout, 1), (Login, 1)]);
}

fn assert_breaks(mechanism: Mechanism, expected: &[Invariant], setting: Setting) {
    assert_eq!(search(setting).report(), None, "all invariants must hold with the mechanism in place");
    let findings = search(setting.named().without(mechanism));
    let broken: Vec<_> = findings.broken.keys().copied().collect();
    assert_eq!(broken, expected, "{}", findings.report().unwrap_or_default());
    assert_eq!(findings.stuck, 0, "{}", findings.report().unwrap_or_default());
}

/// Checks the report that a developer gets after breaking the protocol.
#[test]
fn a_broken_invariant_is_reported_with_its_shortest_trace() {
    let findings = search(Setting::new(Kills, 2, &[(LostAnswer, 1)]).named().without(DeferralOfRetry));
    let trace = "\
I13 is broken:
    time passes
    A begins
    A sends, is answered, answer lost
    A records the loss
    A begins the retry
    A sends, KILLS THE FAMILY
";
    assert_eq!(findings.report().as_deref(), Some(trace));
}
