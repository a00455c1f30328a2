//! Translates the texts of a streamed response to deltas. Each text is sent once, up to a stop sequence, even if the
//! backend mixes deltas and finished texts.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{StopSequences, item::citation, stop::TextCutter};
use crate::domain::dialect::surrogates::HeldHalf;

/// The maximum number of citations of a response. A citation in memory is many times larger than its JSON text.
const MAX_CITATIONS: usize = 1_000;

/// The kinds of text, each a member of the chunks' `delta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum TextKind {
    Content,
    Refusal,
    ReasoningContent,
}

/// The position of a text: the index of its item, and of its part in the item.
pub(super) type Place = (u64, u64);

/// What was translated of one text, including what a stop sequence held back or cut off.
#[derive(Debug, Default)]
struct TranslatedText {
    bytes: usize,
    /// Where the text starts in the joined text, in characters. None before the first delta.
    start: Option<u64>,
    half: HeldHalf,
}

/// The joined text of one kind. A completion has one message, so blank lines separate the response's messages.
#[derive(Debug, Default)]
struct JoinedText {
    newest: Option<Place>,
    /// The length in characters, the unit of citation positions.
    chars: u64,
}

#[derive(Debug)]
pub(super) struct TextDeltas {
    translated: HashMap<(TextKind, Place), TranslatedText>,
    joined: HashMap<TextKind, JoinedText>,
    /// Cuts the content at a stop sequence.
    cutter: TextCutter,
    /// The number of citations that were sent.
    citations: usize,
}

impl TextDeltas {
    pub(super) fn new(stop: StopSequences) -> Self {
        Self { translated: HashMap::new(), joined: HashMap::new(), cutter: TextCutter::new(stop), citations: 0 }
    }

    /// Returns the number of texts that were translated at least in part.
    pub(super) fn len(&self) -> usize {
        self.translated.len()
    }

    /// Whether a stop sequence has ended the content.
    pub(super) fn has_stopped(&self) -> bool {
        self.cutter.has_stopped()
    }

    /// Returns the deltas for what was held back: halves of characters, and the possible start of a stop sequence.
    pub(super) fn rest(&mut self) -> Vec<Value> {
        let halves = self.translated.iter_mut().filter_map(|(text, translated)| Some((*text, translated.half.rest()?)));
        let mut halves: Vec<_> = halves.collect();
        halves.sort_unstable();
        let mut deltas: Vec<_> =
            halves.into_iter().filter_map(|((kind, place), rest)| self.add(kind, place, rest)).collect();
        deltas.extend(delta(TextKind::Content, self.cutter.rest()));
        deltas
    }

    /// Returns the delta for a piece of a text, which is given as a JSON string. Returns None if it completes no
    /// character.
    pub(super) fn piece(&mut self, kind: TextKind, place: Place, json: &str) -> Option<Value> {
        let piece = self.translated.entry((kind, place)).or_default().half.join(json);
        self.add(kind, place, &piece)
    }

    fn add(&mut self, kind: TextKind, place: Place, piece: &str) -> Option<Value> {
        if piece.is_empty() {
            return None;
        }
        // A message is one paragraph. Each part of a summary is a paragraph of its own.
        let paragraph = match kind {
            TextKind::Content | TextKind::Refusal => (place.0, 0),
            TextKind::ReasoningContent => place,
        };
        let joined = self.joined.entry(kind).or_default();
        let begins_paragraph = joined.newest.replace(paragraph).is_some_and(|newest| newest != paragraph);
        let separator = if begins_paragraph { "\n\n" } else { "" };
        let start = joined.chars + length(separator);
        joined.chars = start + length(piece);
        let translated = self.translated.entry((kind, place)).or_default();
        translated.start = translated.start.or(Some(start));
        translated.bytes += piece.len();
        if kind != TextKind::Content {
            return delta(kind, format!("{separator}{piece}"));
        }
        // A stop sequence is in one message: the separator is not part of the model's text.
        let held = if begins_paragraph { self.cutter.rest() } else { String::new() };
        let separator = if self.cutter.has_stopped() { "" } else { separator };
        delta(kind, format!("{held}{separator}{}", self.cutter.push(piece)))
    }

    /// Returns the delta for the part of a finished text that was not translated yet.
    pub(super) fn whole(&mut self, kind: TextKind, place: Place, text: &str) -> Option<Value> {
        let bytes = self.translated.get_mut(&(kind, place)).map_or(0, |translated| {
            translated.half = HeldHalf::default();
            translated.bytes
        });
        self.add(kind, place, text.get(bytes..)?)
    }

    /// Returns the delta for the citations of a finished text, each with its `index` in the message. An empty text has
    /// no citations.
    pub(super) fn citations(&mut self, place: Place, annotations: &[Value]) -> Option<Value> {
        let start = self.translated.get(&(TextKind::Content, place))?.start?;
        let citations = annotations.iter().filter_map(|annotation| citation(annotation, start));
        let citations: Vec<Value> = (self.citations..MAX_CITATIONS)
            .zip(citations)
            .map(|(index, citation)| json!({"index": index, "type": "url_citation", "url_citation": citation}))
            .collect();
        self.citations += citations.len();
        (!citations.is_empty()).then(|| json!({"annotations": citations}))
    }
}

/// Returns a delta with a text; None for an empty text.
fn delta(kind: TextKind, text: String) -> Option<Value> {
    if text.is_empty() {
        return None;
    }
    Some(match kind {
        // Clients read one of these two names.
        TextKind::ReasoningContent => json!({"reasoning_content": text, "reasoning": text}),
        TextKind::Content => json!({"content": text}),
        TextKind::Refusal => json!({"refusal": text}),
    })
}

fn length(text: &str) -> u64 {
    text.chars().count() as u64
}
