//! Random bytes good enough for keys, states and verifiers.

/// The system has no entropy to give.
#[derive(Debug, thiserror::Error)]
#[error("the system's random number generator does not answer")]
pub struct RandomError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

pub trait Random: Send + Sync {
    /// Fills `bytes` from a cryptographically secure source.
    ///
    /// Contract: MUST fill all of it or fail; MUST NOT fall back to anything guessable.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}
