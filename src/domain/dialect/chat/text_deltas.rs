//! The texts of a response on their way out: whatever mixture of deltas and finished texts the backend sends, each text
//! goes out once and whole.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    item::{citation, start_of},
    paragraphs::Paragraphs,
};

/// The kinds of text, each a member of the chunks' `delta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum TextKind {
    Content,
    Refusal,
    Reasoning,
}

/// Where a text stands: the index of its item, and of the part within.
pub(super) type Place = (u64, u64);

/// What went out of one text.
#[derive(Debug, Default)]
struct Sent {
    bytes: usize,
    /// Where it begins in the whole, in characters.
    start: u64,
}

#[derive(Debug, Default)]
pub(super) struct TextDeltas {
    sent: HashMap<(TextKind, Place), Sent>,
    content: Paragraphs,
    refusal: Paragraphs,
    reasoning: Paragraphs,
}

impl TextDeltas {
    /// A piece of a text.
    pub(super) fn piece(&mut self, kind: TextKind, place: Place, piece: &str) -> Option<Value> {
        let paragraphs = match kind {
            TextKind::Content => &mut self.content,
            TextKind::Refusal => &mut self.refusal,
            TextKind::Reasoning => &mut self.reasoning,
        };
        // The parts of a message are one text; those of a summary are paragraphs of their own.
        let source = match kind {
            TextKind::Content | TextKind::Refusal => (place.0, 0),
            TextKind::Reasoning => place,
        };
        let appended = paragraphs.append(source, piece)?;
        let start = start_of(piece, paragraphs.chars());
        let sent = self.sent.entry((kind, place)).or_insert(Sent { bytes: 0, start });
        sent.bytes = sent.bytes.saturating_add(piece.len());
        Some(match kind {
            TextKind::Content => json!({"content": appended}),
            TextKind::Refusal => json!({"refusal": appended}),
            TextKind::Reasoning => json!({"reasoning_content": appended}),
        })
    }

    /// A whole text: what of it has not gone out yet.
    pub(super) fn whole(&mut self, kind: TextKind, place: Place, text: &str) -> Option<Value> {
        let sent = self.sent.get(&(kind, place)).map_or(0, |sent| sent.bytes);
        self.piece(kind, place, text.get(sent..)?)
    }

    /// The citations of a whole text; an empty one has none.
    pub(super) fn citations(&self, place: Place, annotations: &[Value]) -> Option<Value> {
        let start = self.sent.get(&(TextKind::Content, place))?.start;
        let citations: Vec<Value> = annotations.iter().filter_map(|annotation| citation(annotation, start)).collect();
        if citations.is_empty() { None } else { Some(json!({"annotations": citations})) }
    }
}
