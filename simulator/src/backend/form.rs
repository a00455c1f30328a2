//! The form in which frames reach the wire. All of these but the garbage are the same events to whoever reads a stream
//! of server-sent events as its standard says.

use bytes::Bytes;

use crate::performance::Move;

/// Comments and empty lines, which mean nothing.
const COMMENTS: &[u8] = b": keep-alive\n\n\n:\n\n";

/// What is no event: bytes that are no text, JSON that breaks off, and data that is no object.
const GARBAGE: &[u8] = b"\xff\xfe\x00 no frame at all\n\n\
    event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\n\n\
    data: 7\n\n";

/// What comes after the last event, where something does.
pub(super) const AFTERTHOUGHT: &[u8] =
    b": one more thing\n\nevent: response.afterthought\ndata: {\"type\":\"response.afterthought\"}\n\n";

/// How the frames are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// Each frame in a write of its own.
    Plain,
    /// Its lines end in CR LF.
    Crlf,
    /// Something to skip before each.
    Comments,
    /// Something that is no event before the first delta.
    Garbage,
    /// Each byte in a write of its own.
    Bytes,
    /// A character of several bytes is never in one write.
    TornCharacters,
    /// All frames in one write.
    OneWrite,
}

impl Form {
    /// The moves in this form.
    pub(super) fn of(self, moves: Vec<Move>) -> Vec<Move> {
        match self {
            Self::Plain => moves,
            Self::Crlf => rewritten(moves, |frame| vec![with_crlf(&frame)]),
            Self::Comments => rewritten(moves, |frame| vec![COMMENTS.into(), frame]),
            Self::Bytes => rewritten(moves, |frame| split(frame, |_| true)),
            // A byte 0b10xx_xxxx goes on with a character (RFC 3629 section 3).
            Self::TornCharacters => rewritten(moves, |frame| split(frame, |byte| byte & 0b1100_0000 == 0b1000_0000)),
            Self::Garbage => with_garbage(moves),
            Self::OneWrite => in_one_write(moves),
        }
    }
}

/// Each write replaced by those it is rewritten into.
fn rewritten(moves: Vec<Move>, rewrite: impl Fn(Bytes) -> Vec<Bytes>) -> Vec<Move> {
    let rewrite = |next: Move| match next {
        Move::Write(frame) => rewrite(frame).into_iter().map(Move::Write).collect(),
        Move::Pause | Move::Ends(_) | Move::Hang | Move::Cut => vec![next],
    };
    moves.into_iter().flat_map(rewrite).collect()
}

fn with_crlf(frame: &[u8]) -> Bytes {
    let lines: Vec<&[u8]> = frame.split(|byte| *byte == b'\n').collect();
    lines.join(&b"\r\n"[..]).into()
}

/// Splits before each byte that is wanted to begin a write.
fn split(mut frame: Bytes, begins: impl Fn(u8) -> bool) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    while let Some(next) = frame.iter().skip(1).position(|byte| begins(*byte)) {
        pieces.push(frame.split_to(next + 1));
    }
    pieces.push(frame);
    pieces
}

fn with_garbage(mut moves: Vec<Move>) -> Vec<Move> {
    let place = moves.iter().position(|next| matches!(next, Move::Pause)).unwrap_or_default();
    moves.insert(place, Move::Write(GARBAGE.into()));
    moves
}

/// Everything that is written before anything else happens, at once.
fn in_one_write(moves: Vec<Move>) -> Vec<Move> {
    let mut written = Vec::new();
    let mut others = Vec::new();
    for next in moves {
        match next {
            Move::Write(frame) if others.is_empty() => written.extend_from_slice(&frame),
            Move::Pause => {}
            Move::Write(_) | Move::Ends(_) | Move::Hang | Move::Cut => others.push(next),
        }
    }
    std::iter::once(Move::Write(written.into())).chain(others).collect()
}
