//! The allowlists of the proxy: paths, and headers in each direction. Anything else is not forwarded.

pub mod headers;
mod path;
mod rule;

pub use path::{InvalidPath, ProxyPath};
pub use rule::{InvalidRule, ProxyRule};
