//! Makes hyper reject request heads with a bare line feed, and heads that are too long.
//!
//! Servers disagree on whether a bare line feed ends a line, which permits request smuggling (RFC 9112, section 11.2).
//! hyper accepts bare line feeds and has no setting against them. It rejects NUL with a 400, so [`HeadFilter`]
//! finds the heads in the bytes of a connection and replaces each bare line feed in them by NUL.
//!
//! hyper checks its limit only while a head is incomplete, so it accepts a longer one that arrives at once.
//! [`HeadFilter`] withholds the end of such a head.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The last four bytes of a head.
const END: u32 = u32::from_be_bytes(*b"\r\n\r\n");

#[derive(Debug)]
pub(super) struct HeadFilter {
    position: Mutex<Position>,
    /// Maximum length of a head in bytes, like hyper's.
    max: usize,
}

/// The part of a request to which the next bytes of a connection belong.
#[derive(Debug)]
enum Position {
    /// A head of which `length` bytes were read, and the `last` four of them. Like hyper, skips empty lines before the
    /// request line, but counts them.
    Head { has_begun: bool, last: u32, length: usize },
    /// The rest of a body of known length.
    Body(u64),
    /// A head that hyper has not parsed yet, or a chunked body. Only hyper finds the end of a chunked body, so no other
    /// request may follow on the connection.
    Unknown,
}

impl Default for Position {
    fn default() -> Self {
        Self::Head { has_begun: false, last: 0, length: 0 }
    }
}

impl HeadFilter {
    pub(super) fn new(max: usize) -> Self {
        Self { position: Mutex::default(), max }
    }

    fn lock(&self) -> MutexGuard<'_, Position> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether a head has begun and not ended.
    pub(super) fn has_begun(&self) -> bool {
        matches!(&*self.lock(), Position::Head { has_begun: true, .. })
    }

    /// Sets the position after a head that hyper has parsed. `body` is the length of the request's body, or `None` for
    /// a chunked body. Returns whether the connection must close after the response.
    pub(super) fn end_head(&self, body: Option<u64>) -> bool {
        *self.lock() = match body {
            Some(0) => Position::default(),
            Some(length) => Position::Body(length),
            None => Position::Unknown,
        };
        body.is_none()
    }

    /// Replaces bare line feeds of a head. Returns how many of the bytes hyper may read: at most up to the end of the
    /// head or body, or up to the limit of a head. There hyper responds with a 431.
    pub(super) fn pass(&self, bytes: &mut [u8]) -> usize {
        let mut position = self.lock();
        match &mut *position {
            Position::Head { has_begun, last, length } => {
                let passed = self.max.saturating_sub(*length).min(bytes.len());
                *length += passed;
                for (index, byte) in bytes.iter_mut().take(passed).enumerate() {
                    if *byte == b'\n' && *last & 0xFF != u32::from(b'\r') {
                        *byte = 0;
                    }
                    *has_begun |= !matches!(*byte, b'\r' | b'\n');
                    *last = *last << 8 | u32::from(*byte);
                    if *has_begun && *last == END {
                        // `end_head` sets the position when hyper has parsed this head.
                        *position = Position::Unknown;
                        return index + 1;
                    }
                }
                passed
            }
            Position::Body(rest) => {
                let passed = usize::try_from(*rest).unwrap_or(usize::MAX).min(bytes.len());
                *rest -= passed as u64;
                if *rest == 0 {
                    *position = Position::default();
                }
                passed
            }
            Position::Unknown => bytes.len(),
        }
    }
}
