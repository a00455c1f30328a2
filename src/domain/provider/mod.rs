//! The provider types the gateway knows: one file each, one row in [`ProviderType::ALL`], and no wildcard `match`, so
//! that the compiler finds whatever else a new type needs. `docs/adding-a-provider.md` walks through it.

pub mod dashscope;
mod definition;
mod descriptor;
pub mod openai_codex;
mod provider_type;
pub mod suno;

pub use definition::{ProviderDefinition, RefreshMethod};
pub use descriptor::{AuthMethod, Category, Descriptor, Dialect, ModelApi, OAuthDefaults, SessionDefaults};
pub use provider_type::ProviderType;
