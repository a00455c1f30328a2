//! One text out of several: a response may hold more messages than the one a chat's answer has room for.

/// The text so far, of which only its length and its newest source are known. Between what different sources said stands
/// a blank line.
#[derive(Debug, Default)]
pub(super) struct Paragraphs {
    newest: Option<(u64, u64)>,
    chars: u64,
}

impl Paragraphs {
    /// What is to be appended for a piece of text from a source; None if that is nothing.
    pub(super) fn append(&mut self, source: (u64, u64), text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        let is_other = self.newest.is_some_and(|newest| newest != source);
        self.newest = Some(source);
        let appended = if is_other { format!("\n\n{text}") } else { text.to_owned() };
        self.chars = self.chars.saturating_add(length(&appended));
        Some(appended)
    }

    /// The length of the whole, in characters.
    pub(super) fn chars(&self) -> u64 {
        self.chars
    }
}

/// In characters: the positions of citations are counted in them.
pub(super) fn length(text: &str) -> u64 {
    text.chars().count().try_into().unwrap_or(u64::MAX)
}
