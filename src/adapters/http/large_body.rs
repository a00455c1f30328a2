//! Bodies of prompts and uploads. The size of each one, and the memory for those of one caller and for all of them, are
//! bounded while they are read.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

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
/// One caller may use an n-th of it, so that no program keeps the others from sending bodies.
const SHARES: usize = 4;
/// How long a caller may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(120);

/// The memory budget for bodies, in KiB.
pub struct LargeBodies {
    all: Arc<Semaphore>,
    /// The most for one caller.
    share: usize,
    /// The shares in use, by caller.
    callers: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// A body and its part of the memory budget, which is returned on drop.
pub struct BudgetedBody<T> {
    pub body: T,
    pub room: Room,
}

/// What a body uses of the memory budget and of its caller's share.
pub struct Room {
    budgets: [Arc<Semaphore>; 2],
    taken: Vec<OwnedSemaphorePermit>,
    kib: usize,
}

impl Default for LargeBodies {
    fn default() -> Self {
        Self::with_budget(BUDGET_KIB)
    }
}

impl LargeBodies {
    pub fn with_budget(kib: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(kib)), share: kib / SHARES, callers: Mutex::default() }
    }

    /// Returns the room of a body, still empty.
    fn room(&self, caller: &str) -> Room {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = callers.get(caller).and_then(Weak::upgrade);
        let share = known.unwrap_or_else(|| {
            callers.retain(|_, share| share.strong_count() > 0);
            let share = Arc::new(Semaphore::new(self.share));
            callers.insert(caller.to_owned(), Arc::downgrade(&share));
            share
        });
        Room { budgets: [share, Arc::clone(&self.all)], taken: Vec::new(), kib: 0 }
    }

    /// Reads a whole body. `caller` is the name under which its memory is counted.
    ///
    /// # Errors
    ///
    /// The body is too large, too slow or broken, or the memory budget is used up.
    pub async fn read(&self, caller: &str, body: Body, headers: &HeaderMap) -> Result<BudgetedBody<Bytes>, BodyError> {
        self.begin(caller, body, headers, MAX_BYTES).await.map(|(whole, _rest)| whole)
    }

    /// Buffers a small body, and streams a large one.
    ///
    /// # Errors
    ///
    /// As [`Self::read`]; a streamed body may also fail later.
    pub async fn buffer_or_stream(
        &self,
        caller: &str,
        body: Body,
        headers: &HeaderMap,
    ) -> Result<BudgetedBody<RequestBody>, BodyError> {
        let length = declared_length(headers);
        let limit =
            if length.is_some_and(|length| length > MAX_BUFFERED_BYTES as u64) { 0 } else { MAX_BUFFERED_BYTES };
        let (BudgetedBody { body: start, room }, rest) = self.begin(caller, body, headers, limit).await?;
        let body = match rest {
            None => RequestBody::Buffered(start),
            Some(rest) => {
                RequestBody::Streamed { length, stream: Box::pin(stream::once(async { Ok(start) }).chain(rest)) }
            }
        };
        Ok(BudgetedBody { body, room })
    }

    /// Reads a body until it ends or exceeds `limit`. Returns the bytes read and the rest of the stream.
    async fn begin(
        &self,
        caller: &str,
        body: Body,
        headers: &HeaderMap,
        limit: usize,
    ) -> Result<(BudgetedBody<Bytes>, Option<BodyStream>), BodyError> {
        let mut room = self.room(caller);
        if body.is_empty() {
            return Ok((BudgetedBody { body: Bytes::new(), room }, None));
        }
        if declared_length(headers).is_some_and(|length| length > MAX_BYTES as u64) {
            return Err(BodyError::TooLarge { limit: MAX_BYTES });
        }
        let mut chunks = bounded(body);
        let (mut start, mut size) = (Vec::new(), 0);
        while size <= limit
            && let Some(chunk) = chunks.next().await
        {
            let chunk = chunk?;
            size += chunk.len();
            room.extend_to(size)?;
            start.push(chunk);
        }
        let body = match <[Bytes; 1]>::try_from(start) {
            Ok([only]) => only,
            Err(several) => several.concat().into(),
        };
        Ok((BudgetedBody { body, room }, (size > limit).then_some(chunks)))
    }
}

impl Room {
    /// Returns how much memory the body uses.
    pub fn kib(&self) -> usize {
        self.kib
    }

    /// Extends the room to `size` bytes.
    pub(super) fn extend_to(&mut self, size: usize) -> Result<(), BodyError> {
        let kib = size.div_ceil(1024).max(self.kib);
        if kib > self.kib {
            let missing = u32::try_from(kib - self.kib).map_err(|_| BodyError::OverBudget)?;
            for budget in &self.budgets {
                let more = Arc::clone(budget).try_acquire_many_owned(missing);
                self.taken.push(more.map_err(|_| BodyError::OverBudget)?);
            }
        }
        self.kib = kib;
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
        let Some(chunk) = chunk.transpose().map_err(|error| broken(&error))? else { return Ok(None) };
        let size = size + chunk.len();
        if size > MAX_BYTES {
            return Err(BodyError::TooLarge { limit: MAX_BYTES });
        }
        Ok(Some((chunk, (chunks, deadline, size))))
    }))
}

/// The listener ends a body that makes no progress.
pub(super) fn broken(error: &io::Error) -> BodyError {
    if error.kind() == io::ErrorKind::TimedOut { BodyError::TooSlow } else { BodyError::Broken }
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
