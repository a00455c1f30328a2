//! Reads the bodies of model and proxy requests within limits: for the size of one body, for the memory of one caller's
//! bodies, and for the memory of all bodies.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use poem::{
    Body,
    http::{HeaderMap, header},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    adapters::contract::{Problem, ProblemKind},
    ports::{BodyError, BodyStream, RequestBody},
};

/// The largest accepted body, enough for a long conversation with images.
pub(super) const MAX_BYTES: usize = 32 * 1024 * 1024;
/// The largest forwarded body that is buffered. A buffered body can be sent again after a refresh.
const MAX_BUFFERED_BYTES: usize = 1024 * 1024;
/// The memory budget of all bodies.
const BUDGET_KIB: usize = 256 * 1024;
/// The cost of a body, as a multiple of its length. The body, its translation and the members that its response repeats
/// are in memory at the same time.
const COST: usize = 3;
/// Returns the part of the budget that one caller may use: by default, enough for one body of [`MAX_BYTES`].
const fn share_of(kib: usize) -> usize {
    kib / 8 * 3
}

/// The memory budget for bodies. Each semaphore permit is 1 KiB.
pub struct BodyBudget {
    all: Arc<Semaphore>,
    /// The limit of each caller, in KiB.
    share: usize,
    /// The limits of the callers that have bodies in memory.
    callers: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// A body and the memory that is reserved for it.
pub struct BudgetedBody<T> {
    pub body: T,
    pub reservation: BodyReservation,
}

/// The memory reserved for a body: permits of its caller's share and of the whole budget, returned on drop.
pub struct BodyReservation([OwnedSemaphorePermit; 2]);

impl Default for BodyBudget {
    fn default() -> Self {
        Self::with_budget(BUDGET_KIB)
    }
}

impl BodyBudget {
    pub fn with_budget(kib: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(kib)), share: share_of(kib), callers: Mutex::default() }
    }

    /// Returns an empty reservation.
    fn reservation(&self, caller: &str) -> Result<BodyReservation, BodyError> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let in_use = callers.get(caller).and_then(Weak::upgrade);
        let share = in_use.unwrap_or_else(|| {
            callers.retain(|_, share| share.strong_count() > 0);
            let share = Arc::new(Semaphore::new(self.share));
            callers.insert(caller.to_owned(), Arc::downgrade(&share));
            share
        });
        drop(callers);
        Ok(BodyReservation([acquire(&share, 0)?, acquire(&self.all, 0)?]))
    }

    /// Reads a whole body. Its memory counts towards the share of `caller`, a token id.
    ///
    /// # Errors
    ///
    /// The body is too large, too slow or broken, or the memory budget is used up.
    pub async fn read(&self, caller: &str, body: Body, headers: &HeaderMap) -> Result<BudgetedBody<Bytes>, BodyError> {
        self.read_up_to(caller, body, headers, MAX_BYTES).await.map(|(whole, _rest)| whole)
    }

    /// Buffers a body of up to 1 MiB, and streams a longer one.
    ///
    /// # Errors
    ///
    /// The errors of [`Self::read`]. The stream fails too if the body is too large, too slow or broken.
    pub async fn buffer_or_stream(
        &self,
        caller: &str,
        body: Body,
        headers: &HeaderMap,
    ) -> Result<BudgetedBody<RequestBody>, BodyError> {
        let length = declared_length(headers);
        let limit =
            if length.is_some_and(|length| length > MAX_BUFFERED_BYTES as u64) { 0 } else { MAX_BUFFERED_BYTES };
        let (BudgetedBody { body: start, reservation }, rest) = self.read_up_to(caller, body, headers, limit).await?;
        let body = match rest {
            None => RequestBody::Buffered(start),
            Some(rest) => {
                RequestBody::Streamed { length, stream: Box::pin(stream::once(async { Ok(start) }).chain(rest)) }
            }
        };
        Ok(BudgetedBody { body, reservation })
    }

    /// Reads a body until it ends or exceeds `limit` bytes. Returns the bytes read, and the rest of the stream if the
    /// body exceeds the limit.
    async fn read_up_to(
        &self,
        caller: &str,
        body: Body,
        headers: &HeaderMap,
        limit: usize,
    ) -> Result<(BudgetedBody<Bytes>, Option<BodyStream>), BodyError> {
        let mut reservation = self.reservation(caller)?;
        if body.is_empty() {
            return Ok((BudgetedBody { body: Bytes::new(), reservation }, None));
        }
        if declared_length(headers).is_some_and(|length| length > MAX_BYTES as u64) {
            return Err(BodyError::TooLarge { limit: MAX_BYTES });
        }
        let mut chunks = bounded(body);
        // A single chunk, the usual case, is not copied. Further chunks are joined, because a list of small chunks
        // would use more memory than their bytes.
        let (mut first, mut joined, mut size) = (Bytes::new(), Vec::new(), 0);
        while size <= limit
            && let Some(chunk) = chunks.next().await
        {
            let chunk = chunk?;
            reservation.extend_to(size + chunk.len())?;
            if size == 0 {
                first = chunk.clone();
            } else {
                joined.extend_from_slice(&std::mem::take(&mut first));
                joined.extend_from_slice(&chunk);
            }
            size += chunk.len();
        }
        let body = if joined.is_empty() { first } else { joined.into() };
        Ok((BudgetedBody { body, reservation }, (size > limit).then_some(chunks)))
    }
}

impl BodyReservation {
    /// Returns the size of the reservation in KiB.
    pub fn kib(&self) -> usize {
        let Self([share, _all]) = self;
        share.num_permits()
    }

    /// Extends the reservation to the cost of `size` bytes.
    pub(super) fn extend_to(&mut self, size: usize) -> Result<(), BodyError> {
        let missing = cost(size).saturating_sub(self.kib());
        for permit in &mut self.0 {
            let more = acquire(permit.semaphore(), missing)?;
            permit.merge(more);
        }
        Ok(())
    }

    /// Shrinks the reservation to the cost of `size` bytes.
    pub fn shrink_to(&mut self, size: usize) {
        let surplus = self.kib().saturating_sub(cost(size));
        self.0.iter_mut().for_each(|permit| drop(permit.split(surplus)));
    }
}

/// Returns the cost of a body of `size` bytes, in KiB.
fn cost(size: usize) -> usize {
    size.saturating_mul(COST).div_ceil(1024)
}

fn acquire(budget: &Arc<Semaphore>, kib: usize) -> Result<OwnedSemaphorePermit, BodyError> {
    let kib = u32::try_from(kib).map_err(|_| BodyError::OverBudget)?;
    Arc::clone(budget).try_acquire_many_owned(kib).map_err(|_| BodyError::OverBudget)
}

/// Returns a stream of the body that fails beyond [`MAX_BYTES`].
fn bounded(body: Body) -> BodyStream {
    let chunks = Box::pin(body.into_bytes_stream());
    Box::pin(stream::try_unfold((chunks, 0), |(mut chunks, size)| async move {
        let Some(chunk) = chunks.try_next().await.map_err(|error| body_error(&error))? else { return Ok(None) };
        let size = size + chunk.len();
        if size > MAX_BYTES {
            return Err(BodyError::TooLarge { limit: MAX_BYTES });
        }
        Ok(Some((chunk, (chunks, size))))
    }))
}

/// Converts a read error. `adapters::serving` fails a body that is too slow with `TimedOut`.
pub(super) fn body_error(error: &io::Error) -> BodyError {
    if error.kind() == io::ErrorKind::TimedOut { BodyError::TooSlow } else { BodyError::Broken }
}

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
