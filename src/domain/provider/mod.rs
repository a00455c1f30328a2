//! The supported provider types. Each has one file and one item in [`ProviderType::ALL`]. No `match` on the type has a
//! wildcard, so the compiler reports each `match` that lacks a new type. See `docs/adding-a-provider.md`.

pub mod dashscope;
mod definition;
mod descriptor;
pub mod openai_codex;
mod provider_type;
pub mod suno;

pub use definition::{ProviderDefinition, RefreshMethod};
pub use descriptor::{AuthMethod, Category, Descriptor, Dialect, ModelApi, OAuthDefaults, SessionDefaults};
pub use provider_type::ProviderType;
