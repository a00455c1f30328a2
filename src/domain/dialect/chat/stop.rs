//! Stop sequences. The backend does not support them, so the gateway cuts the text before the first one.

use crate::domain::dialect::{
    InvalidRequest,
    members::{Members, TextOrList},
};

/// The maximum number of sequences, and the maximum length of each, in bytes. They bound the work: every piece of text
/// is compared with all sequences.
const MAX_SEQUENCES: usize = 16;
const MAX_BYTES: usize = 1024;

/// The stop sequences of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StopSequences(Vec<String>);

impl StopSequences {
    /// Takes out `stop`, a text or a list of texts.
    pub(super) fn take(body: &mut Members<'_>) -> Result<Self, InvalidRequest> {
        let mut sequences = Vec::new();
        match body.take_text_or_list("stop")? {
            None => {}
            Some(TextOrList::Text(text)) => sequences.push(text.unescaped().into_owned()),
            Some(TextOrList::List(list)) => sequences = list.texts()?,
        }
        sequences.retain(|sequence| !sequence.is_empty());
        if sequences.len() > MAX_SEQUENCES || sequences.iter().any(|sequence| sequence.len() > MAX_BYTES) {
            let advice = format!("at most {MAX_SEQUENCES} sequences of {MAX_BYTES} bytes.");
            return Err(body.unsupported("stop", &advice));
        }
        Ok(Self(sequences))
    }
}

/// Cuts a streamed text before the first stop sequence.
#[derive(Debug)]
pub(super) struct TextCutter {
    sequences: StopSequences,
    /// The end of the text so far, held back because it may be the start of a sequence.
    held: String,
    has_stopped: bool,
}

impl TextCutter {
    pub(super) fn new(sequences: StopSequences) -> Self {
        Self { sequences, held: String::new(), has_stopped: false }
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.has_stopped
    }

    /// Returns the text that certainly precedes the first stop sequence. The sequence that ends first counts, so the
    /// result does not depend on how the text is cut into pieces.
    pub(super) fn push(&mut self, piece: &str) -> String {
        if self.has_stopped {
            return String::new();
        }
        self.held.push_str(piece);
        let StopSequences(sequences) = &self.sequences;
        let found = sequences.iter().filter_map(|sequence| {
            let start = self.held.find(sequence)?;
            Some((start + sequence.len(), start))
        });
        let end = match found.min() {
            Some((_, start)) => {
                self.has_stopped = true;
                start
            }
            None => {
                self.held.len()
                    - sequences.iter().map(|stop| partial_match_length(&self.held, stop)).max().unwrap_or_default()
            }
        };
        let rest = self.held.split_off(end);
        let passed = std::mem::replace(&mut self.held, rest);
        if self.has_stopped {
            self.held.clear();
        }
        passed
    }

    /// Returns the text held back. Call this when the text ends.
    pub(super) fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Returns the length of the longest suffix of `text` that is a prefix of `sequence`, but not all of it.
fn partial_match_length(text: &str, sequence: &str) -> usize {
    let lengths = sequence.char_indices().map(|(length, _)| length).rev();
    lengths.into_iter().find(|length| sequence.get(..*length).is_some_and(|start| text.ends_with(start))).unwrap_or(0)
}
