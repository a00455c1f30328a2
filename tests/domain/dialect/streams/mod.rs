//! A property test: a chat stream has the same content as the completion, whatever the backend omits from its events.

mod backend;
mod client;

use goclaw::domain::dialect::{ChatOptions, ChatStream, CompletionReader};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{completion, options, read, reader};
use backend::{ResponseContent, StreamStyle};

proptest! {
    #[test]
    fn a_stream_has_the_content_of_the_completion(
        content in ResponseContent::any(),
        style in StreamStyle::any(),
        wants_function_call: bool,
    ) {
        let options = ChatOptions { include_usage: true, wants_function_call, ..options() };
        let expected = completion(&content.response(), &options);

        let (mut stream, mut reader) = (ChatStream::new(options.clone()), reader(&json!({})));
        let mut collector = CompletionReader::new(options.clone());
        let (mut chunks, mut whole, mut collected) = (Vec::new(), None, None);
        for event in content.events(&style) {
            prop_assert!(!stream.is_complete(), "the stream ended early");
            chunks.extend(stream.on_event(&event).unwrap());
            whole = whole.or(read(&mut reader, &event).unwrap());
            collected = collected.or(collector.on_event(&event).unwrap());
        }
        prop_assert!(stream.is_complete(), "the stream did not end");
        prop_assert_eq!(client::content_of_stream(&chunks), client::content_of_completion(&expected));

        prop_assert_eq!(collected, Some(expected.clone()));

        // The reader collects the same response from the same events.
        let whole: Value = whole.expect("the reader found no end");
        prop_assert_eq!(completion(&whole, &options), expected);
    }
}
