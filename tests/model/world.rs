//! The world that the search explores: one row, a few replicas, the provider's state, and the remaining faults.
//!
//! The replicas share the row. A replica can crash at any step. Its disk with the journal survives, unless
//! [`Chance::LostJournal`] occurs. At the provider a refresh token works once. Time is the age of the access token, in
//! four steps, and the time since the row's refresh token was sent, in three. Calls, leases and pauses are short in
//! comparison: while a replica waits for a response, the age does not change, unless the replica is paused.
//!
//! All values are small numbers, so that indistinguishable worlds are equal. [`crate::stepper`] converts the row to a
//! real one and back. Faults and the owner's actions are [`Chance`]s. Each may occur a few times, which bounds the
//! search.
//!
//! A backup of the row can be restored. One journal stands for the journals of all replicas, because each keeps the
//! newest tokens that it sees. It also records every presentation before the token is sent.

use goclaw::domain::refresh::RefreshTrigger;

use crate::provider::Family;

pub(crate) const MAX_REPLICAS: usize = 3;
pub(crate) const MAX_LOGINS: usize = 3;
/// Stands for any replica without a lease, in questions about what such a replica could do.
pub(crate) const ANY_REPLICA: usize = MAX_REPLICAS;

/// A complete state of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// `None` if the account is not connected.
    pub(crate) row: Option<Row>,
    pub(crate) replicas: [Replica; MAX_REPLICAS],
    /// The provider's state of each login. Only the first `logins` exist.
    pub(crate) families: [Family; MAX_LOGINS],
    pub(crate) logins: u8,
    /// A copy of the row.
    pub(crate) backup: Option<Row>,
    /// The newest committed tokens in the journal.
    pub(crate) journal: Option<Answer>,
    /// How each login has ended, as far as a journal has recorded it.
    pub(crate) ends: [End; MAX_LOGINS],
    /// Set while a copy is restored and no replica has noticed it.
    pub(crate) restored: Option<Restored>,
    /// The owner's pending forced refresh.
    pub(crate) ask: Option<Ask>,
    /// How often each event may still occur.
    pub(crate) left: Budget,
    /// Whether a fault has happened that no client can prevent: see I4.
    pub(crate) excused: bool,
}

/// The account's row, reduced to the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) version: Version,
    pub(crate) state: TokenState,
    /// How often the token was presented without proof that it is unspent. At most 6: no search has more faults.
    pub(crate) attempt: u8,
    pub(crate) sent: Sent,
    pub(crate) age: Age,
    /// Whether the row comes from an older copy with a spent token.
    pub(crate) is_restored: bool,
    /// The refresh token in the row. No rule may read it, because only the provider can distinguish tokens.
    pub(crate) token: Token,
}

/// How a login ended, as far as a journal has recorded it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// The login has not ended, or no journal has recorded the end.
    #[default]
    Unknown,
    LoggedOut,
    /// Replaced by the login with this number.
    Replaced(u8),
}

/// What the replicas have in memory or in a journal when an older copy of the row is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Restored {
    /// The version of the row before the restore, and how often its token was presented. `None` after a logout.
    pub(crate) newest: Option<(Version, u8)>,
}

/// The number of a login and its generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Version {
    pub(crate) login: u8,
    pub(crate) generation: u8,
}

/// One refresh token of one login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Token {
    pub(crate) family: u8,
    pub(crate) number: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TokenState {
    Active,
    /// With a live lease. An expired lease means doubt.
    Refreshing(Holder),
    InDoubt,
    NeedsReauth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Replica(usize),
    /// The replica that took the lease has crashed or given it up.
    Nobody,
}

/// When the row's token was sent, relative to the provider's grace window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sent {
    LongAgo,
    InTheWindow,
    JustNow,
}

/// The age of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Age {
    Fresh,
    /// Due for a refresh.
    Due,
    /// In its last minutes.
    Last,
    Expired,
    /// Refused by the provider before its expiry.
    Refused,
}

impl Age {
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Fresh => Self::Due,
            Self::Due => Self::Last,
            Self::Last | Self::Expired => Self::Expired,
            Self::Refused => Self::Refused,
        }
    }
}

/// The progress of a replica's refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Replica {
    Idle,
    /// Not running. The journal on its disk may have a received response.
    Down(Option<Answer>),
    /// Has asked for the lease, and the database's response was lost.
    Asking(HeldLease),
    Leased(HeldLease),
    /// Has sent the request. Its outcome is decided, but not received.
    Sent(HeldLease, Outcome),
    /// Has the new tokens in memory and in its journal.
    Holding(Answer),
    /// Has the new tokens and cannot reach the database.
    CutOff(Answer),
}

/// A lease, as its holder has it in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HeldLease {
    pub(crate) version: Version,
    pub(crate) token: Token,
    /// The access token's age when the refresh began.
    pub(crate) age: Age,
    pub(crate) why: Why,
    /// Whether the lease expired during a pause.
    pub(crate) paused: bool,
}

/// Why a replica took the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Why {
    First,
    Retry,
    /// A retry that the owner requested after seeing the doubt.
    Consented,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Outcome {
    Answered(Answer),
    Rejected,
    Lost,
    /// The provider has not consumed the token.
    Refused,
}

/// New tokens with their version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Answer {
    pub(crate) version: Version,
    pub(crate) token: Token,
    pub(crate) age: Age,
}

/// A forced refresh, with the version that the owner saw. [`RefreshTrigger::Consented`] requires that the doubt was
/// shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ask {
    pub(crate) seen: Version,
    pub(crate) trigger: RefreshTrigger,
}

/// Events that can occur a limited number of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chance {
    Crash,
    LostRequest,
    LostAnswer,
    /// 429, or no connection.
    Refused,
    /// A transaction fails, or succeeds while its result is lost.
    Database,
    /// A replica pauses until its lease has expired.
    Pause,
    Logout,
    Login,
    /// The owner forces a refresh.
    Ask,
    Backup,
    Restore,
    /// The journal is lost with its disk.
    LostJournal,
}

impl Chance {
    /// The events that can leave doubt about a token.
    pub(crate) const DOUBTFUL: [Self; 6] =
        [Self::Crash, Self::LostRequest, Self::LostAnswer, Self::Database, Self::Pause, Self::Restore];
}

/// The remaining count of each event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Budget([u8; 12]);

impl Budget {
    pub(crate) fn new(chances: &[(Chance, u8)]) -> Self {
        let mut budget = Self::default();
        for (chance, times) in chances {
            budget.0[*chance as usize] += times;
        }
        budget
    }

    pub(crate) fn of(self, chance: Chance) -> u8 {
        self.0[chance as usize]
    }

    /// Uses up one event. Returns `None` if none is left.
    pub(crate) fn spend(mut self, chance: Chance) -> Option<Self> {
        self.0[chance as usize] = self.of(chance).checked_sub(1)?;
        Some(self)
    }
}

impl World {
    /// Returns the last login that replaced `login`, directly or indirectly, or `None` if the owner logged out of it.
    pub(crate) fn successor(&self, login: u8) -> Option<u8> {
        match self.ends[usize::from(login)] {
            End::Unknown => Some(login),
            End::LoggedOut => None,
            End::Replaced(by) => self.successor(by),
        }
    }

    pub(crate) fn family(&mut self, token: Token) -> &mut Family {
        &mut self.families[usize::from(token.family)]
    }

    pub(crate) fn family_of(&self, token: Token) -> &Family {
        &self.families[usize::from(token.family)]
    }
}

impl Replica {
    /// Returns the refresh token that the replica may still present or store.
    pub(crate) fn token(&self) -> Option<Token> {
        match self {
            Self::Sent(_, Outcome::Answered(answer)) | Self::Holding(answer) | Self::CutOff(answer) => {
                Some(answer.token)
            }
            Self::Asking(lease) | Self::Leased(lease) | Self::Sent(lease, _) => Some(lease.token),
            Self::Down(journal) => journal.map(|answer| answer.token),
            Self::Idle => None,
        }
    }

    /// Returns a received response, or one in transit to the replica.
    pub(crate) fn answer(&mut self) -> Option<&mut Answer> {
        match self {
            Self::Sent(_, Outcome::Answered(answer))
            | Self::Holding(answer)
            | Self::CutOff(answer)
            | Self::Down(Some(answer)) => Some(answer),
            Self::Idle | Self::Down(None) | Self::Asking(_) | Self::Leased(_) | Self::Sent(..) => None,
        }
    }

    /// Returns whether the replica is about to call the provider or waits for it, within its lease.
    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::Leased(lease) | Self::Sent(lease, _) if !lease.paused)
    }
}
