//! The world that the search walks through: one row, a few replicas, what the provider knows, and what may still go wrong.
//!
//! Replicas share one row. A process can crash at any step; its disk, and so the journal, survives. The provider keeps the
//! truth: a refresh token works once. Time is how old the access token is, in four ages: calls, leases and pauses are
//! short against them, so while somebody waits for an answer no age passes, unless that replica is paused.
//!
//! Everything is a small number, so that two worlds are equal when nothing can tell them apart; [`crate::ledger`] turns the
//! row into the real one and back. Faults and the owner's acts are [`Chance`]s, each of which may happen a few times: then
//! the search ends.
//!
//! Restoring an old database is left out: nothing in production notices it yet, so it has no rule to prove.

use goclaw::domain::refresh::RefreshTrigger;

use crate::provider::Family;

pub(crate) const MOST_REPLICAS: usize = 3;
pub(crate) const MOST_LOGINS: usize = 3;

/// A state of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// None: the account is not connected.
    pub(crate) row: Option<Row>,
    pub(crate) replicas: [Replica; MOST_REPLICAS],
    /// What the provider knows of each login; the first `logins` have happened.
    pub(crate) families: [Family; MOST_LOGINS],
    pub(crate) logins: u8,
    /// A forced refresh that the owner waits for.
    pub(crate) ask: Option<Ask>,
    pub(crate) left: Budget,
    /// Whether a fault has happened that no client can make up for: see I4.
    pub(crate) excused: bool,
}

/// The account's row, as far as the protocol goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) version: Version,
    pub(crate) state: TokenState,
    /// No more than 3: production counts on, but what it decides by is whether there were two.
    pub(crate) attempt: u8,
    pub(crate) sent: Sent,
    pub(crate) age: Age,
    /// Which refresh token is really in it. No rule may look at this: the provider alone can tell tokens apart.
    pub(crate) token: Token,
}

/// A login and its generation, by number.
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
    /// With a lease that is live: one that ran out is doubt.
    Refreshing(Holder),
    InDoubt,
    NeedsReauth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Replica(usize),
    /// Whoever took it has crashed or forgotten it.
    Nobody,
}

/// When the row's token was sent, against the provider's grace window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sent {
    LongAgo,
    InTheWindow,
    JustNow,
}

/// How old an access token is, from good to useless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Age {
    Fresh,
    /// Its refresh should begin.
    Due,
    /// In its last minutes.
    Last,
    Expired,
    /// Refused by the provider before its time.
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

/// Where a replica stands with the one refresh it may be at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Replica {
    Idle,
    /// Not running. What it received is still on its disk.
    Down(Option<Answer>),
    /// It asked for the lease, and the database's answer was lost.
    Asking(Flight),
    Leased(Flight),
    /// The call is out; the outcome is decided, though not yet heard.
    Sent(Flight, Outcome),
    /// It has the answer, in memory and in its journal.
    Holding(Answer),
    /// It has the answer and cannot reach the database.
    CutOff(Answer),
}

/// One acquisition of the right to present, as its holder remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Flight {
    pub(crate) version: Version,
    pub(crate) token: Token,
    /// The access token's when it began.
    pub(crate) age: Age,
    pub(crate) why: Why,
    /// Whether it slept through the end of its lease.
    pub(crate) paused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Why {
    First,
    Retry,
    /// A retry that the owner asked for, seeing the doubt.
    Consented,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Outcome {
    Answered(Answer),
    Rejected,
    Lost,
    /// Proven not consumed.
    Refused,
}

/// New tokens, and what was presented for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Answer {
    pub(crate) seen: Version,
    pub(crate) token: Token,
    pub(crate) age: Age,
}

/// What the owner saw, and so may ask for: [`RefreshTrigger::Consented`] only if the doubt was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ask {
    pub(crate) seen: Version,
    pub(crate) trigger: RefreshTrigger,
}

/// What happens only so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chance {
    Crash,
    LostRequest,
    LostAnswer,
    /// 429, or no connection.
    Refused,
    /// A transaction that fails, or that succeeds and nobody hears of it.
    Database,
    /// A replica that stands still until its lease has run out.
    Pause,
    Logout,
    Login,
    Ask,
}

impl Chance {
    /// Whether it can leave doubt about a token.
    pub(crate) const DOUBTFUL: [Self; 5] =
        [Self::Crash, Self::LostRequest, Self::LostAnswer, Self::Database, Self::Pause];
}

/// How often each chance may be taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Budget([u8; 9]);

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

    /// One less of it; None if there is none left.
    pub(crate) fn spend(mut self, chance: Chance) -> Option<Self> {
        self.0[chance as usize] = self.of(chance).checked_sub(1)?;
        Some(self)
    }
}

impl World {
    pub(crate) fn family(&mut self, token: Token) -> &mut Family {
        &mut self.families[usize::from(token.family)]
    }

    pub(crate) fn family_of(&self, token: Token) -> &Family {
        &self.families[usize::from(token.family)]
    }
}

impl Replica {
    /// The refresh token that it could still present, or that it brings.
    pub(crate) fn token(&self) -> Option<Token> {
        match self {
            Self::Sent(_, Outcome::Answered(answer)) | Self::Holding(answer) | Self::CutOff(answer) => {
                Some(answer.token)
            }
            Self::Asking(flight) | Self::Leased(flight) | Self::Sent(flight, _) => Some(flight.token),
            Self::Down(journal) => journal.map(|answer| answer.token),
            Self::Idle => None,
        }
    }

    /// An answer that it has, or that is on its way to it.
    pub(crate) fn answer(&mut self) -> Option<&mut Answer> {
        match self {
            Self::Sent(_, Outcome::Answered(answer))
            | Self::Holding(answer)
            | Self::CutOff(answer)
            | Self::Down(Some(answer)) => Some(answer),
            Self::Idle | Self::Down(None) | Self::Asking(_) | Self::Leased(_) | Self::Sent(..) => None,
        }
    }

    /// Whether it waits for the provider, within its lease: for no longer than a call takes.
    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::Leased(flight) | Self::Sent(flight, _) if !flight.paused)
    }
}
