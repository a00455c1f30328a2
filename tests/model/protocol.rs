//! The unmodified protocol: no fault and no combination of faults violates an invariant or leaves an account stuck.
//!
//! Each search must also visit a minimum number of worlds: a search that stops at its first step finds nothing.

use crate::{
    provider::Reuse::{Graced, Kills, Refuses},
    search::search,
    system::Setting,
    world::Chance::{self, *},
};

type Chances = &'static [(Chance, u8)];

const DOUBT: Chances = &[(Crash, 1), (LostRequest, 1), (LostAnswer, 1), (Refused, 1), (Database, 1)];
const TWICE: Chances = &[(Crash, 2), (LostRequest, 1), (LostAnswer, 2), (Database, 1)];
const ASKING: Chances = &[(Crash, 1), (LostRequest, 1), (LostAnswer, 1), (Refused, 1), (Ask, 1)];
const LEAVING: Chances = &[(Crash, 1), (LostAnswer, 1), (Database, 1), (Logout, 1), (Login, 1)];
const PAUSE: Chances = &[(Crash, 1), (LostRequest, 1), (LostAnswer, 1), (Refused, 1), (Database, 1), (Pause, 1)];
/// Without a crash: with a grace window and three replicas it would take a minute.
const LEAVING_UNHARMED: Chances = &[(LostAnswer, 1), (Database, 1), (Logout, 1), (Login, 1)];
const PAUSE_UNHARMED: Chances = &[(LostRequest, 1), (LostAnswer, 1), (Refused, 1), (Database, 1), (Pause, 1)];
const LEAVING_ASLEEP: Chances = &[(LostAnswer, 1), (Pause, 1), (Logout, 1), (Login, 1)];
const RESTORED: Chances = &[(LostAnswer, 1), (Backup, 1), (Restore, 1), (LostJournal, 1), (Ask, 1)];
const RESTORED_AND_CRASHED: Chances = &[(Crash, 2), (Backup, 1), (Restore, 1)];
/// With one replica, so that it can be down during the restore.
const RESTORED_WHILE_DOWN: Chances = &[(Crash, 2), (LostAnswer, 1), (Backup, 1), (Restore, 1)];
const RESTORED_AND_LEFT: Chances = &[(Crash, 1), (Backup, 1), (Restore, 1), (LostJournal, 1), (Logout, 1), (Login, 1)];
const RESTORED_UNHARMED: Chances = &[(Backup, 1), (Restore, 1), (LostJournal, 1), (Logout, 1), (Login, 1)];
const OUTAGE: Chances = &[(Crash, 1), (LostRequest, 5), (Refused, 2), (Ask, 1)];

/// `name { setting, minimum number of worlds; }`: one test each, so that they run in parallel.
macro_rules! holds {
    ($($(#[$why:meta])* $name:ident { $($setting:expr, $worlds:literal;)+ })+) => {$(
        $(#[$why])*
        #[test]
        fn $name() {
            $(holds($setting, $worlds);)+
        }
    )+};
}

holds! {
    calls_that_fail_in_every_way {
        Setting::new(Kills, 2, DOUBT), 45_000;
        Setting::new(Refuses, 2, DOUBT), 28_000;
        Setting::new(Graced, 1, DOUBT), 28_000;
    }

    an_owner_who_asks_for_a_refresh {
        Setting::new(Kills, 2, ASKING), 29_000;
        Setting::new(Refuses, 2, ASKING), 19_000;
        Setting::new(Graced, 1, ASKING), 22_000;
    }

    an_owner_who_leaves_and_comes_back {
        Setting::new(Kills, 1, LEAVING), 41_000;
        Setting::new(Refuses, 1, LEAVING), 32_000;
        Setting::new(Kills, 1, LEAVING).revoking_the_grant(), 40_000;
    }
    an_owner_who_leaves_a_provider_with_grace {
        Setting::new(Graced, 1, LEAVING), 164_000;
    }

    a_backup_that_is_restored {
        Setting::new(Kills, 2, RESTORED), 6_000;
        Setting::new(Refuses, 2, RESTORED), 4_000;
        Setting::new(Kills, 2, RESTORED_AND_CRASHED), 40_000;
        Setting::new(Kills, 2, RESTORED_WHILE_DOWN).replicas(1), 12_000;
    }

    a_backup_of_a_login_that_has_ended {
        Setting::new(Kills, 1, RESTORED_AND_LEFT), 140_000;
        Setting::new(Refuses, 1, RESTORED_UNHARMED), 5_000;
        Setting::new(Kills, 1, RESTORED_UNHARMED).revoking_the_grant(), 5_000;
    }

    a_replica_that_sleeps_through_the_end_of_its_lease {
        Setting::new(Kills, 1, PAUSE), 47_000;
        Setting::new(Refuses, 1, PAUSE), 34_000;
    }
    a_replica_that_sleeps_while_the_grace_passes {
        Setting::new(Graced, 1, PAUSE), 186_000;
    }
    a_replica_that_sleeps_while_the_owner_leaves {
        Setting::new(Kills, 1, LEAVING_ASLEEP), 11_000;
        Setting::new(Refuses, 1, LEAVING_ASLEEP), 9_000;
        Setting::new(Graced, 1, LEAVING_ASLEEP), 31_000;
    }

    the_same_fault_twice {
        Setting::new(Kills, 2, TWICE), 79_000;
    }
    /// Longer than the access token's lifetime; no sign-in is needed afterwards.
    an_outage {
        Setting::new(Kills, 1, OUTAGE), 15_000;
    }

    three_replicas_and_calls_that_fail {
        Setting::new(Kills, 2, DOUBT).replicas(3), 80_000;
        Setting::new(Refuses, 2, DOUBT).replicas(3), 46_000;
        Setting::new(Graced, 1, DOUBT).replicas(3), 43_000;
    }
    three_replicas_and_an_owner_who_leaves {
        Setting::new(Kills, 1, LEAVING).replicas(3), 71_000;
        Setting::new(Refuses, 1, LEAVING).replicas(3), 53_000;
        Setting::new(Kills, 1, LEAVING).revoking_the_grant().replicas(3), 70_000;
        Setting::new(Graced, 1, LEAVING_UNHARMED).replicas(3), 19_000;
    }
    three_replicas_of_which_one_sleeps {
        Setting::new(Kills, 1, PAUSE).replicas(3), 118_000;
        Setting::new(Refuses, 1, PAUSE).replicas(3), 81_000;
        Setting::new(Graced, 1, PAUSE_UNHARMED).replicas(3), 77_000;
    }
    three_replicas_of_which_one_sleeps_while_the_owner_leaves {
        Setting::new(Kills, 1, LEAVING_ASLEEP).replicas(3), 14_000;
        Setting::new(Graced, 1, LEAVING_ASLEEP).replicas(3), 38_000;
    }
    three_replicas_and_the_same_fault_twice {
        Setting::new(Kills, 1, TWICE).replicas(3), 20_000;
    }
}

fn holds(setting: Setting, worlds: usize) {
    let findings = search(setting);
    println!("{:>7} worlds: {setting:?}", findings.worlds);
    if findings.complaint().is_some() {
        // Search again with fixed replica names for a readable trace.
        panic!("{setting:?}\n{}", search(setting.named()).complaint().unwrap_or_default());
    }
    assert!(findings.worlds >= worlds, "only {} worlds of {setting:?}", findings.worlds);
}
