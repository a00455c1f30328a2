//! Makes hyper reject request heads with a bare line feed.
//!
//! Servers disagree on whether a bare line feed ends a line, which permits request smuggling (RFC 9112, section 11.2).
//! hyper accepts bare line feeds and has no setting against them. It rejects NUL with a 400, so [`HeadFilter`]
//! finds the heads in the bytes of a connection and replaces each bare line feed in them by NUL.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The last four bytes of a head.
const END: u32 = u32::from_be_bytes(*b"\r\n\r\n");

#[derive(Debug, Default)]
pub(super) struct HeadFilter(Mutex<Position>);

/// The part of a request to which the next bytes of a connection belong.
#[derive(Debug)]
enum Position {
    /// A head. `last` holds the last four bytes that were read. Like hyper, skips empty lines before the request line.
    Head { has_begun: bool, last: u32 },
    /// The rest of a body of known length.
    Body(u64),
    /// A head that hyper has not parsed yet, or a chunked body. Only hyper finds the end of a chunked body, so no other
    /// request may follow on the connection.
    Unknown,
}

impl Default for Position {
    fn default() -> Self {
        Self::Head { has_begun: false, last: 0 }
    }
}

impl HeadFilter {
    fn lock(&self) -> MutexGuard<'_, Position> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// head or body.
    pub(super) fn pass(&self, bytes: &mut [u8]) -> usize {
        let mut position = self.lock();
        match &mut *position {
            Position::Head { has_begun, last } => {
                for (index, byte) in bytes.iter_mut().enumerate() {
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
                bytes.len()
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
