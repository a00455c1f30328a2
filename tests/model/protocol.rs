//! Searches the unmodified protocol: no combination of the events below violates an invariant or leaves an account
//! stuck. Each search must visit a minimum number of worlds, because a search that stops early finds nothing.

use crate::{
    provider::Reuse::{Graced, Kills, Refuses},
    search::search,
    system::Setting,
    world::Chance::{self, *},
};

type Chances = &'static [(Chance, u8)];

const DOUBT: Chances = &[(Crash, 1), (LostRequest, 1), (LostAnswer, 1), (Refused, 1), (Database, 1)];
const TWICE: Chances = &[(Crash, 2), (LostRequest, 1), (LostAnswer, 2), (Database, 1)];
const OWNER_REFRESH: Chances = &[(Crash, 1), (LostRequest, 1), (LostAnswer, 1), (Refused, 1), (Ask, 1)];
const LOGOUT: Chances = &[(Crash, 1), (LostAnswer, 1), (Database, 1), (Logout, 1), (Login, 1)];
const PAUSE: Chances = &[(Crash, 1), (LostRequest, 1), (LostAnswer, 1), (Refused, 1), (Database, 1), (Pause, 1)];
/// Without a crash, so that the search over three replicas with a grace window stays short.
const LOGOUT_WITHOUT_CRASH: Chances = &[(LostAnswer, 1), (Database, 1), (Logout, 1), (Login, 1)];
const PAUSE_WITHOUT_CRASH: Chances = &[(LostRequest, 1), (LostAnswer, 1), (Refused, 1), (Database, 1), (Pause, 1)];
const LOGOUT_AND_PAUSE: Chances = &[(LostAnswer, 1), (Pause, 1), (Logout, 1), (Login, 1)];
const RESTORED: Chances = &[(LostAnswer, 1), (Backup, 1), (Restore, 1), (LostJournal, 1), (Ask, 1)];
const RESTORED_AND_CRASHED: Chances = &[(Crash, 2), (Backup, 1), (Restore, 1)];
/// For one replica, so that all replicas can be down during the restore.
const RESTORED_WHILE_DOWN: Chances = &[(Crash, 2), (LostAnswer, 1), (Backup, 1), (Restore, 1)];
const RESTORE_AND_LOGOUT: Chances = &[(Crash, 1), (Backup, 1), (Restore, 1), (LostJournal, 1), (Logout, 1), (Login, 1)];
const RESTORE_AND_LOGOUT_WITHOUT_CRASH: Chances =
    &[(Backup, 1), (Restore, 1), (LostJournal, 1), (Logout, 1), (Login, 1)];
const OUTAGE: Chances = &[(Crash, 1), (LostRequest, 5), (Refused, 2), (Ask, 1)];

/// Defines a test for each `name { setting, minimum number of worlds; }`, so that they run in parallel. The number in a
/// setting is how often each login can be refreshed.
macro_rules! holds {
    ($($(#[$why:meta])* $name:ident { $($setting:expr, $worlds:literal;)+ })+) => {$(
        $(#[$why])*
        #[test]
        fn $name() {
            $(assert_holds($setting, $worlds);)+
        }
    )+};
}

holds! {
    the_invariants_hold_when_calls_fail_in_every_way {
        Setting::new(Kills, 2, DOUBT), 45_000;
        Setting::new(Refuses, 2, DOUBT), 28_000;
        Setting::new(Graced, 1, DOUBT), 28_000;
    }

    the_invariants_hold_when_the_owner_requests_a_refresh {
        Setting::new(Kills, 2, OWNER_REFRESH), 29_000;
        Setting::new(Refuses, 2, OWNER_REFRESH), 19_000;
        Setting::new(Graced, 1, OWNER_REFRESH), 22_000;
    }

    the_invariants_hold_after_a_logout_and_a_new_login {
        Setting::new(Kills, 1, LOGOUT), 41_000;
        Setting::new(Refuses, 1, LOGOUT), 32_000;
        Setting::new(Kills, 1, LOGOUT).revoking_the_grant(), 40_000;
    }
    the_invariants_hold_after_a_logout_and_a_new_login_with_grace {
        Setting::new(Graced, 1, LOGOUT), 164_000;
    }

    the_invariants_hold_after_a_restore {
        Setting::new(Kills, 2, RESTORED), 6_000;
        Setting::new(Refuses, 2, RESTORED), 4_000;
        Setting::new(Kills, 2, RESTORED_AND_CRASHED), 40_000;
        Setting::new(Kills, 2, RESTORED_WHILE_DOWN).replicas(1), 12_000;
    }

    the_invariants_hold_when_a_restore_brings_back_an_ended_login {
        Setting::new(Kills, 1, RESTORE_AND_LOGOUT), 140_000;
        Setting::new(Refuses, 1, RESTORE_AND_LOGOUT_WITHOUT_CRASH), 5_000;
        Setting::new(Kills, 1, RESTORE_AND_LOGOUT_WITHOUT_CRASH).revoking_the_grant(), 5_000;
    }

    the_invariants_hold_when_a_replica_pauses_past_its_lease {
        Setting::new(Kills, 1, PAUSE), 47_000;
        Setting::new(Refuses, 1, PAUSE), 34_000;
    }
    the_invariants_hold_when_a_replica_pauses_past_the_grace_window {
        Setting::new(Graced, 1, PAUSE), 186_000;
    }
    the_invariants_hold_when_a_replica_pauses_during_a_logout {
        Setting::new(Kills, 1, LOGOUT_AND_PAUSE), 11_000;
        Setting::new(Refuses, 1, LOGOUT_AND_PAUSE), 9_000;
        Setting::new(Graced, 1, LOGOUT_AND_PAUSE), 31_000;
    }

    the_invariants_hold_when_the_same_fault_occurs_twice {
        Setting::new(Kills, 2, TWICE), 79_000;
    }
    /// The outage outlasts the access token. No new login is needed afterwards.
    the_invariants_hold_through_a_long_outage {
        Setting::new(Kills, 1, OUTAGE), 15_000;
    }

    the_invariants_hold_for_three_replicas_when_calls_fail {
        Setting::new(Kills, 2, DOUBT).replicas(3), 80_000;
        Setting::new(Refuses, 2, DOUBT).replicas(3), 46_000;
        Setting::new(Graced, 1, DOUBT).replicas(3), 43_000;
    }
    the_invariants_hold_for_three_replicas_after_a_logout_and_a_new_login {
        Setting::new(Kills, 1, LOGOUT).replicas(3), 71_000;
        Setting::new(Refuses, 1, LOGOUT).replicas(3), 53_000;
        Setting::new(Kills, 1, LOGOUT).revoking_the_grant().replicas(3), 70_000;
        Setting::new(Graced, 1, LOGOUT_WITHOUT_CRASH).replicas(3), 19_000;
    }
    the_invariants_hold_for_three_replicas_when_one_pauses {
        Setting::new(Kills, 1, PAUSE).replicas(3), 118_000;
        Setting::new(Refuses, 1, PAUSE).replicas(3), 81_000;
        Setting::new(Graced, 1, PAUSE_WITHOUT_CRASH).replicas(3), 77_000;
    }
    the_invariants_hold_for_three_replicas_when_one_pauses_during_a_logout {
        Setting::new(Kills, 1, LOGOUT_AND_PAUSE).replicas(3), 14_000;
        Setting::new(Graced, 1, LOGOUT_AND_PAUSE).replicas(3), 38_000;
    }
    the_invariants_hold_for_three_replicas_when_the_same_fault_occurs_twice {
        Setting::new(Kills, 1, TWICE).replicas(3), 20_000;
    }
}

fn assert_holds(setting: Setting, worlds: usize) {
    let findings = search(setting);
    println!("{:>7} worlds: {setting:?}", findings.worlds);
    if findings.report().is_some() {
        // Search again with fixed replica names for a readable trace.
        panic!("{setting:?}\n{}", search(setting.named()).report().unwrap_or_default());
    }
    assert!(findings.worlds >= worlds, "only {} worlds of {setting:?}", findings.worlds);
}
