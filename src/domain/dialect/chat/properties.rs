//! What a stream says is what the answer in one piece says, whatever the backend leaves out of its events.

mod backend;
mod client;

use proptest::prelude::*;
use serde_json::Value;

use super::{ChatOptions, ChatStream, completion};
use crate::domain::dialect::ResponseReader;
use backend::{Manner, Script};

proptest! {
    #[test]
    fn a_stream_says_what_the_answer_says(script in Script::any(), manner in Manner::any(), wants_function_call: bool) {
        let options = ChatOptions { model: "openai/gpt-x".to_owned(), include_usage: true, wants_function_call };
        let expected = completion(&script.response(), &options);

        let (mut stream, mut reader) = (ChatStream::new(options.clone()), ResponseReader::new());
        let (mut chunks, mut whole) = (Vec::new(), None);
        for event in script.events(&manner) {
            prop_assert!(!stream.is_complete(), "it ended early");
            chunks.extend(stream.on_event(&event).unwrap());
            whole = whole.or(reader.on_event(&event).unwrap());
        }
        prop_assert!(stream.is_complete(), "it did not end");
        prop_assert_eq!(client::put_together(&chunks), client::said_by(&expected));

        // In one piece it is the same answer, read out of the same events.
        let read: Value = whole.expect("the reader found no end");
        prop_assert_eq!(completion(&read, &options), expected);
    }
}
