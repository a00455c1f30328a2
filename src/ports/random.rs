//! Random bytes, for example for keys, tokens, ids and code verifiers.

/// The system's random number generator failed.
#[derive(Debug, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct RandomError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

pub trait Random: Send + Sync {
    /// Fills `bytes` from a cryptographically secure source.
    ///
    /// Contract: MUST fill all bytes or fail; MUST NOT fall back to a predictable source.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}
