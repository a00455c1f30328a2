//! The provider: the only one who knows which refresh token still works. One family of tokens for each login.

use crate::world::Age;

const MOST_TOKENS: usize = 8;

/// What happens when a token is presented that was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// The family ends, access tokens included (RFC 9700, section 4.14.2).
    Kills,
    /// It is refused, nothing more.
    Refuses,
    /// It is answered once more for a while, and kills after that.
    Graced,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Family {
    tokens: [State; MOST_TOKENS],
    /// How often each was presented, as far as I3 counts.
    shown: [u8; MOST_TOKENS],
    pub(crate) alive: bool,
    pub(crate) logged_out: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum State {
    #[default]
    NotIssued,
    Unused,
    /// Used, with so many halves of its grace window left.
    Graced(u8),
    Spent,
}

impl Family {
    /// As a login makes it, with the token number 0.
    pub(crate) fn new() -> Self {
        let mut family = Self { alive: true, ..Self::default() };
        family.tokens[0] = State::Unused;
        family
    }

    /// Takes a token, and gives the number of the new one for it.
    pub(crate) fn present(&mut self, number: u8, reuse: Reuse) -> Option<u8> {
        let token = &mut self.tokens[usize::from(number)];
        match (self.alive, *token, reuse) {
            (true, State::Unused, Reuse::Graced) => *token = State::Graced(2),
            (true, State::Unused, Reuse::Kills | Reuse::Refuses) => *token = State::Spent,
            (true, State::Graced(_), _) => {}
            (_, _, Reuse::Refuses) => return None,
            (_, _, Reuse::Kills | Reuse::Graced) => {
                self.alive = false;
                return None;
            }
        }
        let new = self.tokens.iter().position(|state| *state == State::NotIssued).expect("fewer tokens than that");
        self.tokens[new] = State::Unused;
        u8::try_from(new).ok()
    }

    /// Notes a presentation. While the access token was good each counts; afterwards it is enough to know of one.
    pub(crate) fn show(&mut self, number: u8, age: Age) {
        let shown = &mut self.shown[usize::from(number)];
        *shown = if age < Age::Expired { *shown + 1 } else { (*shown).max(1) };
    }

    pub(crate) fn shown(&self, number: u8) -> u8 {
        self.shown[usize::from(number)]
    }

    pub(crate) fn most_shown(&self) -> u8 {
        self.shown.into_iter().max().unwrap_or(0)
    }

    pub(crate) fn is_unused(&self, number: u8) -> bool {
        self.tokens[usize::from(number)] == State::Unused
    }

    pub(crate) fn half_the_grace_passes(&mut self) {
        for token in &mut self.tokens {
            if let State::Graced(halves) = token {
                *token = if *halves > 1 { State::Graced(*halves - 1) } else { State::Spent };
            }
        }
    }

    pub(crate) fn the_grace_passes(&mut self) {
        self.half_the_grace_passes();
        self.half_the_grace_passes();
    }

    /// Forgets what makes no difference any more: tokens that nobody can present.
    pub(crate) fn forget(&mut self, is_known: impl Fn(u8) -> bool) {
        for (number, (token, shown)) in (0..).zip(self.tokens.iter_mut().zip(&mut self.shown)) {
            // They are issued in order.
            if *token == State::NotIssued {
                break;
            }
            if !is_known(number) {
                (*token, *shown) = (State::Spent, 0);
            }
        }
    }
}
