//! The model's provider, which decides whether a refresh token is valid. Each login has one token family.

use crate::world::Age;

/// More tokens than a search issues for one login.
const MAX_TOKENS: usize = 8;

/// The provider's reaction to a reused token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Revokes the family, including its access tokens (RFC 9700, section 4.14.2).
    Kills,
    /// Refuses only the token.
    Refuses,
    /// Accepts the token once more during the grace window, and revokes the family afterwards.
    Graced,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Family {
    tokens: [State; MAX_TOKENS],
    /// The presentations of each token that I3 counts.
    presented: [u8; MAX_TOKENS],
    pub(crate) alive: bool,
    pub(crate) logged_out: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum State {
    #[default]
    NotIssued,
    Unused,
    /// Used, with this number of halves left of its grace window.
    Graced(u8),
    Spent,
}

impl Family {
    /// Returns the family of a new login, with token number 0.
    pub(crate) fn new() -> Self {
        let mut family = Self { alive: true, ..Self::default() };
        family.tokens[0] = State::Unused;
        family
    }

    /// Presents a token. Returns the number of its successor, or `None` if the provider refuses the token.
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
        let new =
            self.tokens.iter().position(|state| *state == State::NotIssued).expect("fewer than MAX_TOKENS tokens");
        self.tokens[new] = State::Unused;
        u8::try_from(new).ok()
    }

    /// Counts a presentation. While the access token is valid, each one counts. Afterwards only the first one counts.
    pub(crate) fn count_presentation(&mut self, number: u8, age: Age) {
        let presented = &mut self.presented[usize::from(number)];
        *presented = if age < Age::Expired { *presented + 1 } else { (*presented).max(1) };
    }

    pub(crate) fn presentations(&self, number: u8) -> u8 {
        self.presented[usize::from(number)]
    }

    pub(crate) fn most_presentations(&self) -> u8 {
        self.presented.into_iter().max().unwrap_or(0)
    }

    pub(crate) fn is_unused(&self, number: u8) -> bool {
        self.tokens[usize::from(number)] == State::Unused
    }

    pub(crate) fn pass_half_the_grace(&mut self) {
        for token in &mut self.tokens {
            if let State::Graced(halves) = token {
                *token = if *halves > 1 { State::Graced(*halves - 1) } else { State::Spent };
            }
        }
    }

    pub(crate) fn pass_the_grace(&mut self) {
        self.pass_half_the_grace();
        self.pass_half_the_grace();
    }

    /// Clears the tokens that no replica can present any more, so that equivalent worlds become equal.
    pub(crate) fn forget(&mut self, is_known: impl Fn(u8) -> bool) {
        for (number, (token, presented)) in (0..).zip(self.tokens.iter_mut().zip(&mut self.presented)) {
            // Tokens are issued in order.
            if *token == State::NotIssued {
                break;
            }
            if !is_known(number) {
                (*token, *presented) = (State::Spent, 0);
            }
        }
    }
}
