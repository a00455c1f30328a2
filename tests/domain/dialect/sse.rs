//! Tests of decoding server-sent events: examples of the HTML standard, and properties over random splits.

use std::collections::VecDeque;

use bytes::Bytes;
use goclaw::domain::dialect::{EventTooLong, SseDecoder, SseEvent, SseFrame};
use proptest::prelude::*;

fn decode(pieces: &[&[u8]]) -> Vec<SseEvent<'static>> {
    let mut decoder = SseDecoder::new();
    pieces.iter().flat_map(|piece| events(&mut decoder, piece)).collect()
}

fn push(decoder: &mut SseDecoder, piece: &[u8]) -> Result<Vec<SseFrame>, EventTooLong> {
    let mut frames = VecDeque::new();
    decoder.push(&Bytes::copy_from_slice(piece), &mut frames).map(|()| frames.into())
}

fn events(decoder: &mut SseDecoder, piece: &[u8]) -> Vec<SseEvent<'static>> {
    push(decoder, piece).unwrap().iter().filter_map(owned).collect()
}

/// Returns a copy of the frame's event.
fn owned(frame: &SseFrame) -> Option<SseEvent<'static>> {
    frame.event().map(|found| event(&found.event, &found.data))
}

fn event(event: &str, data: &str) -> SseEvent<'static> {
    SseEvent { event: event.to_owned().into(), data: data.to_owned().into() }
}

#[test]
fn the_examples_of_the_standard_are_decoded() {
    let stocks = b"data: YHOO\ndata: +2\ndata: 10\n\n";
    assert_eq!(decode(&[stocks]), [event("", "YHOO\n+2\n10")]);

    let comment = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n";
    assert_eq!(decode(&[comment]), [event("", "first event"), event("", "second event"), event("", " third event")]);

    let empty = b"data\n\ndata\ndata\n\ndata:";
    assert_eq!(decode(&[empty]), [event("", ""), event("", "\n")]);

    assert_eq!(decode(&[b"data:test\n\ndata: test\n\n"]), [event("", "test"), event("", "test")]);
}

#[test]
fn an_event_name_applies_to_one_event() {
    let stream = b"event: a\ndata: 1\n\ndata: 2\n\nevent: lost\n\ndata: 3\nevent: b\nevent: c\n\n";
    assert_eq!(decode(&[stream]), [event("a", "1"), event("", "2"), event("c", "3")]);
}

#[test]
fn line_ends_can_be_mixed_and_split() {
    for stream in [
        "data: a\n\ndata: b\n\n",
        "data: a\r\rdata: b\r\r",
        "data: a\r\n\r\ndata: b\r\n\r\n",
        "data: a\r\n\ndata: b\n\r\n",
    ] {
        assert_eq!(decode(&[stream.as_bytes()]), [event("", "a"), event("", "b")], "{stream:?}");
    }
    assert_eq!(
        decode(&[b"data: a\r", b"\n\r", b"", b"\n", b"data: b\r", b"data: c\r\r"]),
        [event("", "a"), event("", "b\nc")]
    );
}

#[test]
fn an_event_is_returned_at_its_blank_line() {
    let mut decoder = SseDecoder::new();
    assert_eq!(events(&mut decoder, b"data: a\r\n\r"), [event("", "a")]);
    assert_eq!(events(&mut decoder, b"\ndata: b\n"), []);
    assert_eq!(events(&mut decoder, b"\n"), [event("", "b")]);
}

#[test]
fn frames_keep_every_byte_and_comments_are_frames() {
    let stream = b": hi\n\ndata: a\r\n\r\nid: 1\rdata: b\r\r\n: end";
    for size in 1..stream.len() {
        let mut decoder = SseDecoder::new();
        let frames: Vec<_> = stream.chunks(size).flat_map(|piece| push(&mut decoder, piece).unwrap()).collect();
        let bytes = frames.iter().flat_map(|frame| frame.bytes.clone()).collect::<Vec<_>>();
        // The last line is not complete, so it is in no frame yet.
        assert!(stream.starts_with(&bytes) && bytes.len() >= stream.len() - b"\r\n: end".len(), "{size}");
        let found: Vec<_> = frames.iter().map(|frame| owned(frame).map(|event| event.data)).collect();
        assert_eq!(found, [None, Some("a".into()), Some("b".into())], "{size}");
        assert!(frames[0].bytes.starts_with(b": hi"));
    }
}

#[test]
fn one_leading_byte_order_mark_is_skipped() {
    assert_eq!(decode(&[b"\xef", b"\xbb", b"\xbfdata: a\n\n"]), [event("", "a")]);
    assert_eq!(decode(&[b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n"]), [event("", "b")]);
    assert_eq!(decode(&[b"\n\xef\xbb\xbfdata: a\n\ndata: b\n\n"]), [event("", "b")]);
}

#[test]
fn invalid_utf8_is_replaced() {
    assert_eq!(decode(&[b"data: a\xffb\xe2\x82\n\n"]), [event("", "a\u{fffd}b\u{fffd}")]);
}

#[test]
fn events_and_lines_have_at_most_16_mib() {
    const LIMIT: usize = 16 * 1024 * 1024;
    let line = [b"data:", vec![b'x'; LIMIT - b"data:".len()].as_slice()].concat();
    let mut decoder = SseDecoder::new();
    assert_eq!(push(&mut decoder, &line), Ok(vec![]));
    assert_eq!(push(&mut decoder, b"\n\n").unwrap().len(), 1);
    assert_eq!(push(&mut decoder, &line), Ok(vec![]));
    assert_eq!(push(&mut decoder, b"x"), Err(EventTooLong));

    let mut decoder = SseDecoder::new();
    assert_eq!(push(&mut decoder, &[&line, b"\n".as_slice()].concat()), Ok(vec![]));
    assert_eq!(push(&mut decoder, b"data:x\n"), Err(EventTooLong));

    // The limit applies to each comment line, not to their sum.
    let mut decoder = SseDecoder::new();
    let comment = [b": ", vec![b'x'; LIMIT / 2].as_slice(), b"\n"].concat();
    for _ in 0..3 {
        assert_eq!(push(&mut decoder, &comment), Ok(vec![]));
    }
}

fn streams() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        "data",
        "event",
        "id",
        "data:",
        "data: ",
        "event: x",
        ":",
        " ",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "é",
        "\u{1f600}",
        "\u{feff}",
        "a",
    ];
    let word = prop_oneof![
        prop::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..3)
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn splitting_the_bytes_does_not_change_the_events(stream in streams(), cuts in prop::collection::vec(1..9usize, 1..9)) {
        let whole = decode(&[&stream]);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(&decode(&bytes), &whole);
        let mut rest = stream.as_slice();
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.extend([piece, &[]]);
            rest = after;
        }
        prop_assert_eq!(&decode(&pieces), &whole);
    }

    #[test]
    fn line_ends_and_comments_do_not_change_the_events(
        lines in prop::collection::vec("(data: ?[a-z:é]{0,4}|event: [a-z]{0,3}|id: 1|)", 0..30),
        comment in ":[ a-z:é]{0,5}",
    ) {
        let stream = |between: &str| -> Vec<SseEvent<'static>> {
            decode(&[lines.iter().map(|line| format!("{line}{between}")).collect::<String>().as_bytes()])
        };
        let expected = stream("\n");
        prop_assert_eq!(&stream("\r\n"), &expected);
        prop_assert_eq!(&stream("\r"), &expected);
        prop_assert_eq!(&stream(&format!("\n{comment}\n")), &expected);
    }

    #[test]
    fn any_text_is_decoded(name in "[^\r\n]{0,20}", lines in prop::collection::vec("[^\r\n]{0,20}", 1..4), cut in 1..5usize) {
        let data: String = lines.iter().map(|line| format!("data: {line}\n")).collect();
        let stream = format!("event: {name}\n{data}\n").into_bytes();
        let pieces: Vec<&[u8]> = stream.chunks(cut).collect();
        prop_assert_eq!(decode(&pieces), [event(&name, &lines.join("\n"))]);
    }
}
