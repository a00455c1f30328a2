//! Bodies of prompts and uploads. The size of each one and the memory for all of them are bounded while they are read.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use poem::{
    Body,
    http::{HeaderMap, header},
};
use tokio::{
    select,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use crate::{
    adapters::contract::{Problem, ProblemKind},
    ports::{BodyError, BodyPieces, RequestBody},
};

/// The largest accepted body, enough for a long conversation with images.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// The largest body that is buffered, so that it can be sent again after a refresh.
const KEPT_BYTES: usize = 1024 * 1024;
/// The memory for all buffered bodies.
const ROOM_KIB: usize = 256 * 1024;
/// How long a caller may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(120);

/// The memory budget for bodies, in KiB.
pub(super) struct LargeBodies(Arc<Semaphore>);

/// A body and its share of the memory budget, which is returned on drop.
pub(super) struct Kept<T> {
    pub(super) body: T,
    pub(super) room: Option<OwnedSemaphorePermit>,
}

impl Default for LargeBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM_KIB)))
    }
}

impl LargeBodies {
    /// Reads a whole body.
    ///
    /// # Errors
    ///
    /// The body is too large, too slow or broken, or the memory budget is used up.
    pub(super) async fn read(&self, body: Body, headers: &HeaderMap) -> Result<Kept<Bytes>, BodyError> {
        self.begin(body, headers, MAX_BYTES).await.map(|(kept, _rest)| kept)
    }

    /// Buffers a small body, and streams a large one.
    ///
    /// # Errors
    ///
    /// As [`Self::read`]; a streamed body may also fail later.
    pub(super) async fn keep_or_pass(&self, body: Body, headers: &HeaderMap) -> Result<Kept<RequestBody>, BodyError> {
        let length = declared_length(headers);
        let keeps = if length.is_some_and(|length| length > KEPT_BYTES as u64) { 0 } else { KEPT_BYTES };
        let (Kept { body: start, room }, rest) = self.begin(body, headers, keeps).await?;
        let body = match rest {
            None => RequestBody::Whole(start),
            Some(rest) => {
                RequestBody::Passing { length, pieces: Box::pin(stream::once(async { Ok(start) }).chain(rest)) }
            }
        };
        Ok(Kept { body, room })
    }

    /// Reads a body until it ends or exceeds `limit`. Returns the bytes read and the rest of the stream.
    async fn begin(
        &self,
        body: Body,
        headers: &HeaderMap,
        limit: usize,
    ) -> Result<(Kept<Bytes>, Option<BodyPieces>), BodyError> {
        if body.is_empty() {
            return Ok((Kept { body: Bytes::new(), room: None }, None));
        }
        if declared_length(headers).is_some_and(|length| length > MAX_BYTES as u64) {
            return Err(BodyError::TooLarge { limit: MAX_BYTES });
        }
        let mut pieces = bounded(body);
        let (mut start, mut size, mut room) = (Vec::new(), 0, None);
        while size <= limit
            && let Some(piece) = pieces.next().await
        {
            let piece = piece?;
            size += piece.len();
            self.make_room(&mut room, size)?;
            start.push(piece);
        }
        let body = match <[Bytes; 1]>::try_from(start) {
            Ok([only]) => only,
            Err(several) => several.concat().into(),
        };
        Ok((Kept { body, room }, (size > limit).then_some(pieces)))
    }

    /// Extends `room` to `size` bytes.
    fn make_room(&self, room: &mut Option<OwnedSemaphorePermit>, size: usize) -> Result<(), BodyError> {
        let has = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let lacks = u32::try_from(size.div_ceil(1024) - has).map_err(|_| BodyError::NoRoom)?;
        let more = Arc::clone(&self.0).try_acquire_many_owned(lacks).map_err(|_none| BodyError::NoRoom)?;
        match room {
            Some(room) => room.merge(more),
            None => *room = Some(more),
        }
        Ok(())
    }
}

/// Streams the body with a size limit and a deadline.
fn bounded(body: Body) -> BodyPieces {
    let pieces = Box::pin(body.into_bytes_stream());
    #[expect(clippy::disallowed_methods, reason = "a deadline for a real connection, like a timeout")]
    let deadline = Box::pin(sleep(BODY_TIMEOUT));
    Box::pin(stream::try_unfold((pieces, deadline, 0), |(mut pieces, mut deadline, size)| async move {
        let piece = select! {
            biased;
            piece = pieces.next() => piece,
            () = &mut deadline => return Err(BodyError::TooSlow),
        };
        let Some(piece) = piece.transpose().map_err(|_disconnected| BodyError::Broken)? else { return Ok(None) };
        let size = size + piece.len();
        if size > MAX_BYTES {
            return Err(BodyError::TooLarge { limit: MAX_BYTES });
        }
        Ok(Some((piece, (pieces, deadline, size))))
    }))
}

/// Returns the `Content-Length`.
fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let kind = match error {
            BodyError::TooLarge { .. } => ProblemKind::BodyTooLarge,
            BodyError::TooSlow => ProblemKind::BodyTimeout,
            BodyError::Broken => ProblemKind::BadRequest,
            BodyError::NoRoom => ProblemKind::Busy,
        };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    /// A body of 64 KiB pieces without a declared length.
    fn body(pieces: usize) -> Body {
        let piece = || Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 64 * 1024]));
        Body::from_bytes_stream(stream::iter((0..pieces).map(move |_| piece())))
    }

    fn declaring(length: u64) -> HeaderMap {
        [(header::CONTENT_LENGTH, length.into())].into_iter().collect()
    }

    async fn error<T>(kept: impl Future<Output = Result<Kept<T>, BodyError>>) -> Option<BodyError> {
        kept.await.err()
    }

    #[tokio::test]
    async fn room_is_taken_until_it_is_given_back() {
        let (bodies, undeclared) = (LargeBodies(Arc::new(Semaphore::new(200))), HeaderMap::new());
        let kept = bodies.read(body(2), &undeclared).await.unwrap();
        assert_eq!(kept.body.len(), 128 * 1024);
        assert_eq!(error(bodies.read(body(2), &undeclared)).await, Some(BodyError::NoRoom));
        assert_eq!(error(bodies.keep_or_pass(body(2), &undeclared)).await, Some(BodyError::NoRoom));
        assert_eq!(error(bodies.read(Body::empty(), &undeclared)).await, None);
        drop(kept);
        assert_eq!(error(bodies.read(body(2), &undeclared)).await, None);
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_rejected_with_or_without_a_declared_length() {
        let bodies = LargeBodies::default();
        let too_large = Some(BodyError::TooLarge { limit: MAX_BYTES });
        assert_eq!(error(bodies.read(body(513), &HeaderMap::new())).await, too_large);
        // A declared length is rejected before anything is read.
        let endless = || Body::from_bytes_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(error(bodies.read(endless(), &declaring(MAX_BYTES as u64 + 1))).await, too_large);
        assert_eq!(error(bodies.keep_or_pass(endless(), &declaring(MAX_BYTES as u64 + 1))).await, too_large);
        assert_eq!(bodies.read(body(512), &HeaderMap::new()).await.unwrap().body.len(), MAX_BYTES);
    }

    #[tokio::test]
    async fn a_small_body_is_buffered_and_a_large_one_is_streamed() {
        let bodies = LargeBodies::default();
        let small = bodies.keep_or_pass(body(16), &HeaderMap::new()).await.unwrap();
        assert!(matches!(small.body, RequestBody::Whole(bytes) if bytes.len() == KEPT_BYTES));
        for (headers, buffered) in [(HeaderMap::new(), 17), (declaring(40 * 64 * 1024), 1)] {
            let large = bodies.keep_or_pass(body(40), &headers).await.unwrap();
            assert_eq!(large.room.as_ref().map(OwnedSemaphorePermit::num_permits), Some(buffered * 64));
            let RequestBody::Passing { length, pieces } = large.body else { panic!("the body is buffered") };
            assert_eq!(length, declared_length(&headers));
            let pieces: Vec<Bytes> = pieces.try_collect().await.unwrap();
            assert_eq!(pieces.concat().len(), 40 * 64 * 1024);
        }
        let endless = stream::iter((0..600).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 64 * 1024]))));
        let large = bodies.keep_or_pass(Body::from_bytes_stream(endless), &HeaderMap::new()).await.unwrap();
        let RequestBody::Passing { pieces, .. } = large.body else { panic!("the body is buffered") };
        let broken: Result<Vec<Bytes>, BodyError> = pieces.try_collect().await;
        assert_eq!(broken, Err(BodyError::TooLarge { limit: MAX_BYTES }));
    }
}
