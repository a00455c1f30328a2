//! The list of all provider types.

use std::fmt;

use super::{dashscope, descriptor::Descriptor, openai_codex, suno};

/// The type of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::VariantArray)]
pub enum ProviderType {
    OpenaiCodex,
    Suno,
    Dashscope,
}

impl ProviderType {
    pub const ALL: [Self; 3] = [Self::OpenaiCodex, Self::Suno, Self::Dashscope];

    pub fn descriptor(self) -> &'static Descriptor {
        match self {
            Self::OpenaiCodex => &openai_codex::DESCRIPTOR,
            Self::Suno => &suno::DESCRIPTOR,
            Self::Dashscope => &dashscope::DESCRIPTOR,
        }
    }

    /// Returns the value of `provider_type` in storage and API, which is also the built-in provider's name.
    pub fn as_str(self) -> &'static str {
        self.descriptor().name
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider_type| provider_type.as_str() == text)
    }
}

impl fmt::Display for ProviderType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
