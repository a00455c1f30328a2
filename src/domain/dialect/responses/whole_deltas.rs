//! Joins characters that the backend splits between two deltas of a streamed text. Many parsers refuse half of one.

use crate::domain::dialect::{event::BackendEvent, raw_json::Text, surrogates::HeldHalf};

/// The half of a character at the end of the newest delta, if it has one.
#[derive(Debug, Default)]
pub(super) struct WholeDeltas {
    half: HeldHalf,
    /// The text that the half belongs to.
    text: String,
}

impl WholeDeltas {
    /// Returns the `delta` that replaces the event's own, as JSON; None if its own has whole characters only. A half
    /// without its other half is left out.
    pub(super) fn replacement(&mut self, event: &BackendEvent<'_>, has_lone_surrogates: bool) -> Option<String> {
        if !has_lone_surrogates && self.half.is_empty() {
            return None;
        }
        let json = event.text_json("delta").filter(|_| event.kind.ends_with(".delta"))?;
        let part = event.number("content_index").or_else(|| event.number("summary_index")).unwrap_or_default();
        let text = format!("{} {} {part}", event.kind, event.item_id().unwrap_or_default());
        if self.text != text {
            *self = Self { half: HeldHalf::default(), text };
        }
        Some(Text::from_plain(&self.half.join(json)).as_json().to_owned())
    }
}
