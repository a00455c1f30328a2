//! The supported provider types. Each has one file and one row in [`ProviderType::ALL`]. No `match` on the type has a
//! wildcard, so the compiler reports every place that a new type needs. See `docs/adding-a-provider.md`.

pub mod dashscope;
mod definition;
mod descriptor;
pub mod openai_codex;
mod provider_type;
pub mod suno;

pub use definition::{ProviderDefinition, RefreshMethod};
pub use descriptor::{AuthMethod, Category, Descriptor, Dialect, ModelApi, OAuthDefaults, SessionDefaults};
pub use provider_type::ProviderType;
