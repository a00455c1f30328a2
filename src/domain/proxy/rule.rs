//! The rules of the proxy: which methods of which paths it forwards.

use super::{InvalidPath, ProxyPath};

/// The methods that a rule can name.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// Permits a path, e.g. `wham/usage`, or everything below one, e.g. `codex/*`. It may be limited to one method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRule {
    /// None: any method.
    method: Option<&'static str>,
    /// Whether the rule covers everything that begins with `path`, not only `path` itself.
    is_wildcard: bool,
    path: String,
}

/// The text is not a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    #[error("a rule is [METHOD ]PATH, where METHOD is one of GET, HEAD, POST, PUT, PATCH, DELETE")]
    UnknownMethod,
    #[error("`*` is allowed only at the end of a path, after `/`")]
    Wildcard,
    #[error(transparent)]
    Path(#[from] InvalidPath),
}

impl ProxyRule {
    /// Parses `[METHOD ]PATH`. The path `*` covers everything.
    pub fn parse(text: &str) -> Result<Self, InvalidRule> {
        let (method, pattern) = match text.split_once(' ') {
            Some((method, pattern)) => {
                let known = METHODS.into_iter().find(|known| *known == method);
                (Some(known.ok_or(InvalidRule::UnknownMethod)?), pattern)
            }
            None => (None, text),
        };
        let (path, is_wildcard) = match pattern.strip_suffix('*') {
            Some(path) => (path, true),
            None => (pattern, false),
        };
        if path.contains('*') || (is_wildcard && !path.is_empty() && !path.ends_with('/')) {
            return Err(InvalidRule::Wildcard);
        }
        if !is_wildcard || !path.is_empty() {
            ProxyPath::parse(path)?;
        }
        Ok(Self { method, is_wildcard, path: path.to_owned() })
    }

    /// Whether the rule covers this method of this path. `codex/*` does not cover `codex/` itself.
    pub fn covers(&self, method: &str, path: &ProxyPath) -> bool {
        let path = path.as_str();
        let has_path = if self.is_wildcard {
            path.len() > self.path.len() && path.starts_with(&self.path)
        } else {
            path == self.path
        };
        has_path && self.method.is_none_or(|own| own == method)
    }
}
