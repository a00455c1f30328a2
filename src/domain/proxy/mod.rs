//! What may pass through to a provider: which paths, and which headers each way. Default deny: what nobody listed stays
//! here.

pub mod headers;
mod path;

pub use path::{InvalidPath, ProxyPath};
