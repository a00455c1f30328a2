//! Finds the heads of requests in the bytes of a connection, and makes hyper reject those with a bare line feed.
//!
//! Some proxies take a bare line feed for the end of a line and others do not, so two of them can see two different
//! requests (RFC 9112 section 11.2). hyper accepts it, and no setting changes that. It rejects a NUL with a 400, so
//! each bare line feed is replaced by one.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The end of a head, as [`Place::Head`] keeps its last bytes.
const END: u32 = u32::from_be_bytes(*b"\r\n\r\n");

/// Where the next bytes of a connection belong.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<Place>);

#[derive(Debug)]
enum Place {
    /// A head, and its last four bytes. Line ends before its first line are skipped, as hyper does.
    Head { has_begun: bool, last: u32 },
    /// The rest of a body of known length.
    Body(u64),
    /// Unknown: a chunked body, whose end only hyper sees. No other request follows on the connection.
    Unknown,
}

impl Default for Place {
    fn default() -> Self {
        Self::Head { has_begun: false, last: 0 }
    }
}

impl Heads {
    fn lock(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a head has begun and not ended.
    pub(super) fn has_begun(&self) -> bool {
        matches!(&*self.lock(), Place::Head { has_begun: true, .. })
    }

    /// Notes that hyper has read a head, and the length of its body. Returns whether the connection must end with the
    /// response.
    pub(super) fn end_head(&self, body: Option<u64>) -> bool {
        *self.lock() = match body {
            Some(0) => Place::default(),
            Some(length) => Place::Body(length),
            None => Place::Unknown,
        };
        body.is_none()
    }

    /// Returns how many of the bytes hyper may read before it knows what follows.
    pub(super) fn pass(&self, bytes: &mut [u8]) -> usize {
        let mut place = self.lock();
        match &mut *place {
            Place::Head { has_begun, last } => {
                for (index, byte) in bytes.iter_mut().enumerate() {
                    if *byte == b'\n' && *last & 0xFF != u32::from(b'\r') {
                        *byte = 0;
                    }
                    *has_begun |= !matches!(*byte, b'\r' | b'\n');
                    *last = *last << 8 | u32::from(*byte);
                    if *has_begun && *last == END {
                        // Until hyper has parsed it.
                        *place = Place::Unknown;
                        return index + 1;
                    }
                }
                bytes.len()
            }
            Place::Body(rest) => {
                let passed = usize::try_from(*rest).unwrap_or(usize::MAX).min(bytes.len());
                *rest -= passed as u64;
                if *rest == 0 {
                    *place = Place::default();
                }
                passed
            }
            Place::Unknown => bytes.len(),
        }
    }
}
