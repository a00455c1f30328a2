//! Event streams: the decoded events do not depend on how the stream is cut, and forwarded bytes are unchanged.
#![no_main]

use std::collections::VecDeque;

use bytes::Bytes;
use goclaw::domain::dialect::{SseDecoder, SseEvent, SseFrame};
use libfuzzer_sys::fuzz_target;

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> VecDeque<SseFrame> {
    let (mut decoder, mut frames) = (SseDecoder::new(), VecDeque::new());
    for piece in pieces {
        decoder.push(&Bytes::copy_from_slice(piece), &mut frames).expect("a short event");
    }
    frames
}

fn events(frames: &VecDeque<SseFrame>) -> Vec<SseEvent<'_>> {
    frames.iter().filter_map(SseFrame::event).collect()
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece_size, stream) = input;
    let whole = decode([stream].into_iter());
    let pieces = decode(stream.chunks(usize::from(piece_size).max(1)));
    let bytes = |frames: &VecDeque<SseFrame>| Vec::from_iter(frames.iter().flat_map(|frame| frame.bytes.clone()));
    assert_eq!(events(&whole), events(&pieces));
    assert!(stream.starts_with(&bytes(&whole)) && stream.starts_with(&bytes(&pieces)));
});
