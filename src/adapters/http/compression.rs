//! Decompresses the bodies of model requests (`Content-Encoding`, RFC 9110 section 8.4). The size limit and the memory
//! budget apply to the decompressed body.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use poem::http::{HeaderMap, header};
use ruzstd::decoding::{
    FrameDecoder, StreamingDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};
use tokio::task::yield_now;

use super::large_body::{BudgetedBody, MAX_BYTES};
use crate::{
    adapters::contract::{Problem, ProblemKind},
    ports::BodyError,
};

/// The largest zstd window, as RFC 8878 section 3.1.1.1.2 recommends. The memory budget does not include it.
const MAX_WINDOW: u64 = 8 * 1024 * 1024;
/// Maximum number of zstd frames or gzip members in a body. Empty ones cost time, although they have no content.
const MAX_FRAMES: usize = 1_000;
/// The length of a skippable frame's header in bytes (RFC 8878 section 3.1.2).
const SKIPPABLE_HEADER: usize = 8;
/// Bytes to decompress before the task yields.
const PIECE: usize = 256 * 1024;

/// A content coding that the gateway accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Coding {
    /// Returns the content coding of a request's body.
    ///
    /// # Errors
    ///
    /// The coding is not supported, or there is more than one.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
        let coding = codings.next().map_or(&b""[..], |coding| coding.as_bytes());
        match (coding.trim_ascii().to_ascii_lowercase().as_slice(), codings.next()) {
            (b"" | b"identity", None) => Ok(Self::Identity),
            (b"gzip" | b"x-gzip", None) => Ok(Self::Gzip),
            (b"zstd", None) => Ok(Self::Zstd),
            (_, None | Some(_)) => {
                let detail = "the Content-Encoding is not supported; send plain JSON, gzip or zstd";
                Err(Problem::new(ProblemKind::NotJson, detail))
            }
        }
    }

    /// Decompresses a body.
    ///
    /// # Errors
    ///
    /// The body does not have this coding, the decompressed body is too large, or the memory budget is used up.
    pub(super) async fn decompress(self, body: BudgetedBody<Bytes>) -> Result<BudgetedBody<Bytes>, Problem> {
        let BudgetedBody { body: packed, mut reservation } = body;
        let mut decoder: Box<dyn Read + Send> = match self {
            Self::Identity => return Ok(BudgetedBody { body: packed, reservation }),
            Self::Gzip => Box::new(Frames::<GzipMember<'_>>::of(&packed)),
            Self::Zstd => Box::new(Frames::<ZstdFrame<'_>>::of(&packed)),
        };
        let (mut unpacked, mut piece) = (Vec::new(), vec![0; PIECE]);
        loop {
            let length = decoder.read(&mut piece).map_err(|error| unreadable(&error))?;
            if length == 0 {
                break;
            }
            if unpacked.len() + length > MAX_BYTES {
                return Err(BodyError::TooLarge { limit: MAX_BYTES }.into());
            }
            // The reservation covers three copies of the body. The compressed body needs none of its own, because it is
            // dropped before the second copy exists.
            reservation.extend_to(unpacked.len() + length)?;
            unpacked.extend_from_slice(piece.get(..length).unwrap_or_default());
            yield_now().await;
        }
        drop(decoder);
        Ok(BudgetedBody { body: unpacked.into(), reservation })
    }
}

/// A decoder of one gzip member or zstd frame.
trait Frame<'a>: Read + Sized {
    /// Begins to decode the frame at the start of `rest`. A frame without content returns None, and advances `rest`.
    fn begin(rest: &mut &'a [u8]) -> io::Result<Option<Self>>;

    /// Returns the bytes after the frame, once it has been read to its end.
    fn rest(&self) -> &'a [u8];
}

/// Reads all members of a gzip body (RFC 1952 section 2.2) or all frames of a zstd body (RFC 8878 section 3.1), at most
/// [`MAX_FRAMES`]. flate2's own decoder of several members has no limit, and a decoder of ruzstd reads only one frame.
struct Frames<'a, F> {
    rest: &'a [u8],
    current: Option<F>,
    count: usize,
}

impl<'a, F> Frames<'a, F> {
    fn of(packed: &'a [u8]) -> Self {
        Self { rest: packed, current: None, count: 0 }
    }
}

impl<'a, F: Frame<'a>> Read for Frames<'a, F> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.current {
                let length = frame.read(piece)?;
                if length > 0 {
                    return Ok(length);
                }
                self.rest = frame.rest();
                self.current = None;
            }
            if self.rest.is_empty() {
                return Ok(0);
            }
            self.count += 1;
            if self.count > MAX_FRAMES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.current = F::begin(&mut self.rest)?;
        }
    }
}

type GzipMember<'a> = GzDecoder<&'a [u8]>;

impl<'a> Frame<'a> for GzipMember<'a> {
    fn begin(rest: &mut &'a [u8]) -> io::Result<Option<Self>> {
        Ok(Some(GzDecoder::new(*rest)))
    }

    fn rest(&self) -> &'a [u8] {
        self.get_ref()
    }
}

type ZstdFrame<'a> = StreamingDecoder<&'a [u8], FrameDecoder>;

impl<'a> Frame<'a> for ZstdFrame<'a> {
    fn begin(rest: &mut &'a [u8]) -> io::Result<Option<Self>> {
        match StreamingDecoder::new_with_max_window_size(*rest, MAX_WINDOW) {
            Ok(decoder) => Ok(Some(decoder)),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let end = SKIPPABLE_HEADER.saturating_add(length.try_into().unwrap_or(usize::MAX));
                *rest = rest.get(end..).ok_or(io::ErrorKind::UnexpectedEof)?;
                Ok(None)
            }
            Err(FrameDecoderError::WindowSizeTooBig { .. }) => Err(io::ErrorKind::OutOfMemory.into()),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.get_ref()
    }
}

/// Returns the problem for a body that a decoder refuses. [`io::ErrorKind::OutOfMemory`] stands for a large window.
fn unreadable(error: &io::Error) -> Problem {
    let detail = if error.kind() == io::ErrorKind::OutOfMemory {
        "the zstd window is larger than 8 MiB; compress at level 19 or lower, without --long"
    } else {
        "the body is not compressed as its Content-Encoding says"
    };
    Problem::new(ProblemKind::BadRequest, detail)
}
