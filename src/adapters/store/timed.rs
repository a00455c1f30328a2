//! Metrics of the database: durations and failures of operations, and connections of the pool.

use std::time::Instant;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const QUERY: &str = "goclaw_db_query_duration_seconds";
const ERRORS: &str = "goclaw_db_errors_total";
const POOL: &str = "goclaw_db_pool_connections";

/// Registers the units and help texts of the metrics.
pub fn describe_metrics() {
    describe_histogram!(QUERY, Unit::Seconds, "Duration of database operations, by operation.");
    describe_counter!(ERRORS, "Operations on the database that failed.");
    describe_gauge!(POOL, "Connections to PostgreSQL, open in total and idle.");
}

/// Records the duration of an operation when dropped.
#[derive(Debug)]
pub(super) struct TimedQuery {
    doing: &'static str,
    started: Instant,
}

impl TimedQuery {
    #[expect(clippy::disallowed_methods, reason = "the port's clock counts milliseconds")]
    pub(super) fn begin(doing: &'static str) -> Self {
        // `rate()` cannot see the first error of an operation whose series did not exist before.
        counter!(ERRORS, "op" => doing).increment(0);
        Self { doing, started: Instant::now() }
    }
}

impl Drop for TimedQuery {
    fn drop(&mut self) {
        histogram!(QUERY, "op" => self.doing).record(self.started.elapsed());
    }
}

/// Counts a failed operation.
pub(super) fn query_failed(doing: &'static str) {
    counter!(ERRORS, "op" => doing).increment(1);
}

/// Sets the gauges of idle and open connections.
pub(super) fn set_pool(idle: usize, open: usize) {
    gauge!(POOL, "state" => "idle").set(idle as f64);
    gauge!(POOL, "state" => "open").set(open as f64);
}
