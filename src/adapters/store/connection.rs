//! Takes connections from a pool, and defines the type of the work that runs on them.

use std::time::Duration;

use tokio::time::timeout;

use super::error::{Cause, TransactionError, unavailable};
use crate::ports::StoreError;

/// Time limit for a pooled or new connection.
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(5);

/// Waits for a connection. `doing` completes the error text "cannot ...".
pub(super) async fn take<C, E: Into<Cause>>(
    connection: impl Future<Output = Result<C, E>>,
    doing: &'static str,
) -> Result<C, StoreError> {
    let connection = timeout(WAIT_FOR_CONNECTION, connection)
        .await
        .map_err(|_elapsed| unavailable(doing, "no connection in time"))?;
    connection.map_err(|error| unavailable(doing, error))
}

/// An async closure over a connection `C`. Its future is `Send`, which a bound on `AsyncFnOnce` cannot express yet.
pub(super) trait Work<C, T>: FnOnce(C) -> <Self as Work<C, T>>::Future + Send {
    type Future: Future<Output = Result<T, TransactionError>> + Send;
}

impl<C, T, F, Fut> Work<C, T> for F
where
    F: FnOnce(C) -> Fut + Send,
    Fut: Future<Output = Result<T, TransactionError>> + Send,
{
    type Future = Fut;
}
