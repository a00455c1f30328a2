//! Records metrics and renders them in Prometheus' text format. `app/counters.rs` and `store/timed.rs` define most.

use std::{sync::OnceLock, time::Duration};

use metrics::{describe_gauge, gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use metrics_util::MetricKindMask;

/// The content type of [`render`] (Prometheus, "Exposition formats").
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const BUILD_INFO: &str = "goclaw_build_info";

/// Upper bounds of the buckets of all histograms, in seconds: from a fast query to a response of a reasoning model.
const BUCKETS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0];
/// A gauge that is not set for this long is dropped, such as that of a removed account.
const GAUGE_IDLE_TIMEOUT: Duration = Duration::from_mins(10);
/// Interval at which samples of histograms are aggregated. Without it they accumulate until the next scrape.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The handle of the recorder that [`start`] installed.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the recorder and starts the aggregation of its samples. `describe` registers the descriptions of the
/// metrics. Must be called within a tokio runtime.
///
/// # Errors
///
/// None in practice: the builder rejects only an empty list of buckets.
pub fn start(describe: impl FnOnce()) -> Result<(), BuildError> {
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS)?;
    let recorder = builder.idle_timeout(MetricKindMask::GAUGE, Some(GAUGE_IDLE_TIMEOUT)).build_recorder();
    let handle = recorder.handle();
    // Happens only in tests: another test of this process has installed a recorder.
    if metrics::set_global_recorder(recorder).is_err() || RECORDER.set(handle.clone()).is_err() {
        return Ok(());
    }
    describe();
    describe_gauge!(BUILD_INFO, "1, with the version of the program.");
    Collector::default().describe();
    #[expect(clippy::disallowed_methods, reason = "runs as long as the process and holds no state that matters")]
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_INTERVAL).await;
            handle.run_upkeep();
        }
    });
    Ok(())
}

/// Returns all metrics, or an empty text if no recorder is installed.
pub fn render() -> String {
    let Some(handle) = RECORDER.get() else { return String::new() };
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1);
    Collector::default().collect();
    handle.render()
}
