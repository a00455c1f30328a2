//! Removes each mechanism and checks exactly what breaks. This shows that the search detects violations and that each
//! mechanism is needed.

use crate::{
    invariants::Invariant::{self, *},
    provider::Reuse::{Graced, Kills, Refuses},
    search::search,
    system::Setting,
    without::Mechanism::{self, *},
    world::Chance::{self, *},
};

const RESTORE: &[(Chance, u8)] = &[(Backup, 1), (Restore, 1), (LostJournal, 1), (Ask, 1)];

const ENDED: &[(Chance, u8)] = &[(Backup, 1), (Restore, 1), (Logout, 1), (Login, 1)];

/// `mechanism: what breaks, in which setting`, one test each.
macro_rules! without {
    ($($(#[$why:meta])* $name:ident: $mechanism:ident breaks [$($broken:ident),+] in $setting:expr;)+) => {$(
        $(#[$why])*
        #[test]
        fn $name() {
            breaks($mechanism, &[$($broken),+], $setting);
        }
    )+};
}

without! {
    a_lease_between_replicas: LeaseBetweenReplicas breaks [I1, I2, I3, I4] in Setting::new(Kills, 2, &[]);
    a_call_shorter_than_the_lease: CallShorterThanLease breaks [I1, I3, I4] in Setting::new(Kills, 2, &[]);
    doubt: Doubt breaks [I2] in Setting::new(Kills, 2, &[(Crash, 1)]);
    the_answer_kept_on_a_database_error: AnswerKeptOnDatabaseError breaks [I2, I4, I8]
        in Setting::new(Kills, 2, &[(Database, 1)]);
    the_journal: Journal breaks [I8] in Setting::new(Kills, 2, &[(Crash, 1), (Database, 1)]);

    /// I7 breaks indirectly: when an old login's tokens replace the new ones, a rejection hits the wrong login.
    the_version_check_at_commit: VersionCheckAtCommit breaks [I5, I6, I7, I10]
        in Setting::new(Kills, 2, &[(Logout, 1), (Login, 1)]);
    a_commit_whoever_holds_the_lease: CommitWhoeverHoldsTheLease breaks [I8] in Setting::new(Kills, 2, &[(Database, 1)]);
    a_commit_from_in_doubt: CommitFromInDoubt breaks [I8] in Setting::new(Kills, 2, &[(Database, 1)]);
    a_commit_from_needs_reauth: CommitFromNeedsReauth breaks [I8] in Setting::new(Refuses, 2, &[(Database, 1)]);

    the_reread_on_rejection: RereadOnRejection breaks [I9] in Setting::new(Kills, 2, &[(LostAnswer, 1), (Login, 1)]);
    the_lease_fence_on_failures: LeaseFenceOnFailures breaks [I1]
        in Setting::new(Kills, 2, &[(LostAnswer, 1), (Refused, 1), (Pause, 1)]);
    doubt_kept_through_a_refusal: DoubtKeptThroughRefusal breaks [I2]
        in Setting::new(Kills, 2, &[(LostAnswer, 1), (Refused, 1)]);
    /// Unknown outcomes never give an account up, so the cost is only the one retry where it must come in time.
    the_refund_of_a_refusal: RefundOfRefusal breaks [I14] in Setting::new(Graced, 2, &[(LostAnswer, 1), (Refused, 1)]);
    /// For the same reason it costs no login, only doubt about a token that was never presented.
    a_lease_named_by_its_caller: LeaseNamedByItsCaller breaks [I7] in Setting::new(Kills, 2, &[(Database, 1)]);

    the_attempt_kept_on_take_over: AttemptKeptOnTakeOver breaks [I3]
        in Setting::new(Kills, 2, &[(LostRequest, 2), (LostAnswer, 1)]);
    the_deferral_of_the_retry: DeferralOfRetry breaks [I13] in Setting::new(Kills, 2, &[(LostAnswer, 1)]);
    the_retry_at_once_under_grace: RetryAtOnceUnderGrace breaks [I14] in Setting::new(Graced, 2, &[(LostAnswer, 1)]);
    grace_counted_from_the_first_call: GraceCountedFromFirstCall breaks [I13, I14]
        in Setting::new(Graced, 2, &[(LostAnswer, 1), (Refused, 1)]);
    the_binding_of_a_forced_refresh: BoundAsk breaks [I3, I13] in Setting::new(Kills, 2, &[(LostAnswer, 1), (Ask, 1)]);

    a_commit_to_a_restored_row: CommitToARestoredRow breaks [I15] in Setting::new(Kills, 2, RESTORE);
    doubt_after_a_restore: DoubtAfterRestore breaks [I1, I2, I4] in Setting::new(Kills, 2, RESTORE);
    consent_after_a_restore: ConsentAfterRestore breaks [I1, I15] in Setting::new(Kills, 2, RESTORE);
    a_presentation_remembered_across_a_restore: PresentationRemembered breaks [I1, I2, I4]
        in Setting::new(Kills, 2, RESTORE);

    the_ends_remembered: EndsRemembered breaks [I1, I2, I4, I5, I10, I15, I16] in Setting::new(Kills, 1, ENDED);
    a_commit_of_a_successor: CommitOfASuccessor breaks [I15] in Setting::new(Kills, 1, ENDED);

    revocation_after_a_new_login: RevocationAfterNewLogin breaks [I5]
        in Setting::new(Kills, 2, &[(Logout, 1), (Login, 1)]);
    revocation_by_family: RevocationByFamily breaks [I6]
        in Setting::new(Kills, 2, &[(Login, 1)]).revoking_the_grant();
    a_login_id_that_is_never_used_again: LoginIdNeverUsedAgain breaks [I5, I6, I7, I10]
        in Setting::new(Kills, 2, &[(Logout, 1), (Login, 1)]);
}

fn breaks(mechanism: Mechanism, expected: &[Invariant], setting: Setting) {
    assert_eq!(search(setting).complaint(), None, "the setting must hold with everything in place");
    let findings = search(setting.named().without(mechanism));
    let broken: Vec<_> = findings.broken.keys().copied().collect();
    assert_eq!(broken, expected, "{}", findings.complaint().unwrap_or_default());
    assert_eq!(findings.stuck, 0, "{}", findings.complaint().unwrap_or_default());
}

/// The report for a developer who breaks the protocol.
#[test]
fn a_broken_promise_is_told_with_its_shortest_story() {
    let findings = search(Setting::new(Kills, 2, &[(LostAnswer, 1)]).named().without(DeferralOfRetry));
    let story = "\
I13 is broken:
    time passes
    A begins
    A sends, is answered, answer lost
    A records the loss
    A begins the retry
    A sends, KILLS THE FAMILY
";
    assert_eq!(findings.complaint().as_deref(), Some(story));
}
