//! The origins the simulator serves.

use serde::{Deserialize, Serialize};

/// One of the origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// The authorization server.
    Auth,
    /// The ChatGPT Codex backend.
    Backend,
    /// The session provider, which refreshes session tokens.
    Sessions,
    /// The music API, which accepts session tokens.
    Studio,
    /// DashScope, a model API, which accepts API keys.
    Dashscope,
}

impl Site {
    pub(crate) const ALL: [Self; 5] = [Self::Auth, Self::Backend, Self::Sessions, Self::Studio, Self::Dashscope];
}
