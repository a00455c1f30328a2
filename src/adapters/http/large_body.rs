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
    ports::{BodyError, BodyStream, RequestBody},
};

/// The largest accepted body, enough for a long conversation with images.
pub(super) const MAX_BYTES: usize = 32 * 1024 * 1024;
/// The largest forwarded body that is buffered, so that it can be sent again after a refresh.
const MAX_BUFFERED_BYTES: usize = 1024 * 1024;
/// The memory for all buffered bodies.
const BUDGET_KIB: usize = 256 * 1024;
/// How long a caller may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(120);

/// The memory budget for bodies, in KiB.
pub struct LargeBodies(Arc<Semaphore>);

/// A body and its share of the memory budget, which is returned on drop.
pub struct BudgetedBody<T> {
    pub body: T,
    pub permit: Option<OwnedSemaphorePermit>,
}

impl Default for LargeBodies {
    fn default() -> Self {
        Self::with_budget(BUDGET_KIB)
    }
}

impl LargeBodies {
    pub fn with_budget(kib: usize) -> Self {
        Self(Arc::new(Semaphore::new(kib)))
    }

    /// Reads a whole body.
    ///
    /// # Errors
    ///
    /// The body is too large, too slow or broken, or the memory budget is used up.
    pub async fn read(&self, body: Body, headers: &HeaderMap) -> Result<BudgetedBody<Bytes>, BodyError> {
        self.begin(body, headers, MAX_BYTES).await.map(|(whole, _rest)| whole)
    }

    /// Buffers a small body, and streams a large one.
    ///
    /// # Errors
    ///
    /// As [`Self::read`]; a streamed body may also fail later.
    pub async fn buffer_or_stream(
        &self,
        body: Body,
        headers: &HeaderMap,
    ) -> Result<BudgetedBody<RequestBody>, BodyError> {
        let length = declared_length(headers);
        let limit =
            if length.is_some_and(|length| length > MAX_BUFFERED_BYTES as u64) { 0 } else { MAX_BUFFERED_BYTES };
        let (BudgetedBody { body: start, permit }, rest) = self.begin(body, headers, limit).await?;
        let body = match rest {
            None => RequestBody::Buffered(start),
            Some(rest) => {
                RequestBody::Streamed { length, stream: Box::pin(stream::once(async { Ok(start) }).chain(rest)) }
            }
        };
        Ok(BudgetedBody { body, permit })
    }

    /// Reads a body until it ends or exceeds `limit`. Returns the bytes read and the rest of the stream.
    async fn begin(
        &self,
        body: Body,
        headers: &HeaderMap,
        limit: usize,
    ) -> Result<(BudgetedBody<Bytes>, Option<BodyStream>), BodyError> {
        if body.is_empty() {
            return Ok((BudgetedBody { body: Bytes::new(), permit: None }, None));
        }
        if declared_length(headers).is_some_and(|length| length > MAX_BYTES as u64) {
            return Err(BodyError::TooLarge { limit: MAX_BYTES });
        }
        let mut chunks = bounded(body);
        let (mut start, mut size, mut permit) = (Vec::new(), 0, None);
        while size <= limit
            && let Some(chunk) = chunks.next().await
        {
            let chunk = chunk?;
            size += chunk.len();
            self.reserve(&mut permit, size)?;
            start.push(chunk);
        }
        let body = match <[Bytes; 1]>::try_from(start) {
            Ok([only]) => only,
            Err(several) => several.concat().into(),
        };
        Ok((BudgetedBody { body, permit }, (size > limit).then_some(chunks)))
    }

    /// Extends `permit` to `size` bytes.
    pub(super) fn reserve(&self, permit: &mut Option<OwnedSemaphorePermit>, size: usize) -> Result<(), BodyError> {
        let reserved = permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u32::try_from(size.div_ceil(1024).saturating_sub(reserved)).map_err(|_| BodyError::OverBudget)?;
        let more = Arc::clone(&self.0).try_acquire_many_owned(missing).map_err(|_| BodyError::OverBudget)?;
        match permit {
            Some(permit) => permit.merge(more),
            None => *permit = Some(more),
        }
        Ok(())
    }
}

/// Streams the body with a size limit and a deadline.
fn bounded(body: Body) -> BodyStream {
    let chunks = Box::pin(body.into_bytes_stream());
    #[expect(clippy::disallowed_methods, reason = "a deadline for a real connection, like a timeout")]
    let deadline = Box::pin(sleep(BODY_TIMEOUT));
    Box::pin(stream::try_unfold((chunks, deadline, 0), |(mut chunks, mut deadline, size)| async move {
        let chunk = select! {
            biased;
            chunk = chunks.next() => chunk,
            () = &mut deadline => return Err(BodyError::TooSlow),
        };
        let Some(chunk) = chunk.transpose().map_err(|_disconnected| BodyError::Broken)? else { return Ok(None) };
        let size = size + chunk.len();
        if size > MAX_BYTES {
            return Err(BodyError::TooLarge { limit: MAX_BYTES });
        }
        Ok(Some((chunk, (chunks, deadline, size))))
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
            BodyError::OverBudget => ProblemKind::Busy,
        };
        Self::new(kind, error.to_string())
    }
}
