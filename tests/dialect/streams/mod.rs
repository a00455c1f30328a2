//! A stream has the same content as the completion, whatever the backend leaves out of its events.

mod backend;
mod client;

use goclaw::domain::dialect::{ChatOptions, ChatStream, ResponseReader, completion};
use proptest::prelude::*;
use serde_json::Value;

use super::options;
use backend::{Manner, Script};

proptest! {
    #[test]
    fn a_stream_has_the_content_of_the_completion(script in Script::any(), manner in Manner::any(), wants_function_call: bool) {
        let options = ChatOptions { include_usage: true, wants_function_call, ..options() };
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

        // The reader collects the same response from the same events.
        let read: Value = whole.expect("the reader found no end");
        prop_assert_eq!(completion(&read, &options), expected);
    }
}
