//! Lines that a person pastes into stdin while the command is busy with something else.
//!
//! Not `tokio::io::stdin`: that reads on a thread that cannot be stopped, so the program would not end before somebody
//! presses return. Here stdin is read only once it is known to have something.

use std::{
    io::{self, BufRead},
    os::fd::AsFd,
};

use secrecy::SecretString;
use tokio::net::unix::pipe::Receiver;

/// Far longer than any redirect URL.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// What was pasted. A redirect URL carries an authorization code, so the line is a secret.
#[derive(Debug)]
pub(super) enum Pasted {
    Line(SecretString),
    TooLong,
}

#[derive(Debug)]
pub(super) struct PastedLines {
    lines: Lines,
    at_end: bool,
}

impl PastedLines {
    pub(super) fn from_stdin() -> Self {
        Self { lines: Lines::default(), at_end: false }
    }

    /// The next line that is not blank. At the end of stdin it waits forever, as nothing more will come. Dropping the
    /// future loses nothing.
    pub(super) async fn next(&mut self) -> Pasted {
        loop {
            if let Some(pasted) = self.lines.take() {
                return pasted;
            }
            if self.at_end {
                return std::future::pending().await;
            }
            match read_available().await {
                Ok(bytes) if !bytes.is_empty() => self.lines.push(&bytes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The end, or a stdin that cannot be read, which comes to the same.
                Ok(_) | Err(_) => {
                    self.at_end = true;
                    self.lines.push(b"\n");
                }
            }
        }
    }
}

/// Waits until stdin has something and returns it; empty at the end.
async fn read_available() -> io::Result<Vec<u8>> {
    // Registered anew for each read: readiness is told once, when it begins, and a blocking stdin cannot be read until
    // it would block. The receiver is only waited on, never read from, so it need not be a pipe: a terminal will do.
    match Receiver::from_owned_fd_unchecked(io::stdin().as_fd().try_clone_to_owned()?) {
        Ok(stdin) => stdin.readable().await?,
        // A file, or /dev/null: cannot be waited for, and need not be.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        Err(error) => return Err(error),
    }
    let mut stdin = io::stdin().lock();
    let bytes = stdin.fill_buf()?.to_vec();
    stdin.consume(bytes.len());
    Ok(bytes)
}

/// Cuts a stream of bytes into lines of bounded length.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    /// The line that is coming in was too long already, and is thrown away up to its end.
    overlong: bool,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn take(&mut self) -> Option<Pasted> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            if std::mem::take(&mut self.overlong) || line.len() > MAX_LINE_BYTES {
                return Some(Pasted::TooLong);
            }
            let text = String::from_utf8_lossy(&line);
            if !text.trim().is_empty() {
                return Some(Pasted::Line(SecretString::from(text.trim())));
            }
        }
        if self.bytes.len() > MAX_LINE_BYTES {
            self.overlong = true;
            self.bytes.clear();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrive_in_pieces_and_blank_ones_do_not_count() {
        let mut lines = Lines::default();
        lines.push(b"\n  \r\nhttp://local");
        assert!(lines.take().is_none());
        lines.push(b"host \nsecond\n");
        assert!(matches!(lines.take(), Some(Pasted::Line(_))));
        assert!(matches!(lines.take(), Some(Pasted::Line(_))));
        assert!(lines.take().is_none());
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut lines = Lines::default();
        for _ in 0..10 {
            lines.push(&[b'x'; MAX_LINE_BYTES]);
            assert!(lines.take().is_none());
            assert!(lines.bytes.len() <= MAX_LINE_BYTES);
        }
        lines.push(b"x\nnext\n");
        assert!(matches!(lines.take(), Some(Pasted::TooLong)));
        assert!(matches!(lines.take(), Some(Pasted::Line(_))));
    }
}
