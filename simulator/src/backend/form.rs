//! The forms of a stream on the wire. A reader that follows the standard of server-sent events receives the same events
//! in every form except `Garbage`, which adds invalid ones.

use bytes::Bytes;

use crate::stream_writer::Action;

/// Comments and empty lines, which a reader ignores.
const COMMENTS: &[u8] = b": keep-alive\n\n\n:\n\n";

/// Invalid events: bytes that are not text, incomplete JSON, and data that is not an object.
const GARBAGE: &[u8] = b"\xff\xfe\x00 no frame at all\n\n\
    event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\n\n\
    data: 7\n\n";

/// Bytes after the last event.
pub(super) const TRAILING_BYTES: &[u8] =
    b": one more thing\n\nevent: response.afterthought\ndata: {\"type\":\"response.afterthought\"}\n\n";

/// The form of the frames.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// One write per frame.
    Plain,
    /// Lines end in CR LF.
    Crlf,
    /// Comments before each frame.
    Comments,
    /// Invalid events before the first delta.
    Garbage,
    /// One write per byte.
    Bytes,
    /// Each multi-byte character is split between two writes.
    TornCharacters,
    /// One write for all frames.
    OneWrite,
}

impl Form {
    /// Returns the actions in this form.
    pub(super) fn apply(self, actions: Vec<Action>) -> Vec<Action> {
        match self {
            Self::Plain => actions,
            Self::Crlf => map_frames(actions, |frame| vec![with_crlf(&frame)]),
            Self::Comments => map_frames(actions, |frame| vec![COMMENTS.into(), frame]),
            Self::Bytes => map_frames(actions, |frame| split(frame, |_| true)),
            // A byte 0b10xx_xxxx continues a character (RFC 3629 section 3).
            Self::TornCharacters => map_frames(actions, |frame| split(frame, |byte| byte & 0b1100_0000 == 0b1000_0000)),
            Self::Garbage => with_garbage(actions),
            Self::OneWrite => in_one_write(actions),
        }
    }
}

/// Replaces each write by the writes that `rewrite` returns.
fn map_frames(actions: Vec<Action>, rewrite: impl Fn(Bytes) -> Vec<Bytes>) -> Vec<Action> {
    let rewrite = |next: Action| match next {
        Action::Write(frame) => rewrite(frame).into_iter().map(Action::Write).collect(),
        Action::Pause | Action::RecordEnd(_) | Action::Hang | Action::Cut => vec![next],
    };
    actions.into_iter().flat_map(rewrite).collect()
}

fn with_crlf(frame: &[u8]) -> Bytes {
    let lines: Vec<&[u8]> = frame.split(|byte| *byte == b'\n').collect();
    lines.join(&b"\r\n"[..]).into()
}

/// Splits before each byte for which `splits_before` is true.
fn split(mut frame: Bytes, splits_before: impl Fn(u8) -> bool) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    while let Some(next) = frame.iter().skip(1).position(|byte| splits_before(*byte)) {
        pieces.push(frame.split_to(next + 1));
    }
    pieces.push(frame);
    pieces
}

fn with_garbage(mut actions: Vec<Action>) -> Vec<Action> {
    let place = actions.iter().position(|next| matches!(next, Action::Pause)).unwrap_or_default();
    actions.insert(place, Action::Write(GARBAGE.into()));
    actions
}

/// Removes all pauses, and merges all writes before the first action that is neither a write nor a pause.
fn in_one_write(actions: Vec<Action>) -> Vec<Action> {
    let mut written = Vec::new();
    let mut others = Vec::new();
    for next in actions {
        match next {
            Action::Write(frame) if others.is_empty() => written.extend_from_slice(&frame),
            Action::Pause => {}
            Action::Write(_) | Action::RecordEnd(_) | Action::Hang | Action::Cut => others.push(next),
        }
    }
    std::iter::once(Action::Write(written.into())).chain(others).collect()
}
