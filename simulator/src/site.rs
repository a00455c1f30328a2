//! The origins the simulator serves, by name: where a request arrived, and what an outage takes away.

use serde::{Deserialize, Serialize};

/// One of the origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// The authorization server.
    Auth,
    /// The ChatGPT Codex backend.
    Backend,
    /// The identity provider that refreshes session tokens.
    Sessions,
    /// The music API that accepts them.
    Studio,
    /// The model API that takes a key.
    Dashscope,
}

impl Site {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Auth, Self::Backend, Self::Sessions, Self::Studio, Self::Dashscope];
}
