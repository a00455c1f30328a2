//! Event streams: the events, and the bytes that are passed on, do not depend on how the stream is cut.
#![no_main]

use goclaw::domain::dialect::{SseDecoder, SseFrame};
use libfuzzer_sys::fuzz_target;

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<SseFrame> {
    let mut decoder = SseDecoder::new();
    pieces.flat_map(|piece| decoder.push(piece).expect("a short event")).collect()
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, stream) = input;
    let whole = decode([stream].into_iter());
    let pieces = decode(stream.chunks(usize::from(size).max(1)));
    let events = |frames: &[SseFrame]| Vec::from_iter(frames.iter().filter_map(|frame| frame.event.clone()));
    let bytes = |frames: &[SseFrame]| Vec::from_iter(frames.iter().flat_map(|frame| frame.bytes.clone()));
    assert_eq!(events(&whole), events(&pieces));
    assert!(stream.starts_with(&bytes(&whole)) && stream.starts_with(&bytes(&pieces)));
});
