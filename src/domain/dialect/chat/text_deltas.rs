//! The texts of a streamed response. Each text is sent completely and once, even if the backend mixes deltas and
//! finished texts.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::item::{Paragraphs, citation, start_of};

/// The kinds of text, each a member of the chunks' `delta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum TextKind {
    Content,
    Refusal,
    Reasoning,
}

/// The position of a text: the index of its item, and of its part in the item.
pub(super) type Place = (u64, u64);

/// The sent part of one text.
#[derive(Debug, Default)]
struct Sent {
    bytes: usize,
    /// The start in the joined text, in characters.
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
    /// Returns the delta for a piece of a text.
    pub(super) fn piece(&mut self, kind: TextKind, place: Place, piece: &str) -> Option<Value> {
        let paragraphs = match kind {
            TextKind::Content => &mut self.content,
            TextKind::Refusal => &mut self.refusal,
            TextKind::Reasoning => &mut self.reasoning,
        };
        // The parts of a message are one text; each part of a summary is a paragraph.
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

    /// Returns the delta for the rest of a finished text.
    pub(super) fn whole(&mut self, kind: TextKind, place: Place, text: &str) -> Option<Value> {
        let sent = self.sent.get(&(kind, place)).map_or(0, |sent| sent.bytes);
        self.piece(kind, place, text.get(sent..)?)
    }

    /// Returns the delta for the citations of a finished text; an empty text has none.
    pub(super) fn citations(&self, place: Place, annotations: &[Value]) -> Option<Value> {
        let start = self.sent.get(&(TextKind::Content, place))?.start;
        let citations: Vec<Value> = annotations.iter().filter_map(|annotation| citation(annotation, start)).collect();
        if citations.is_empty() { None } else { Some(json!({"annotations": citations})) }
    }
}
