//! Clients that continuously send requests through the gateway and count the results.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::{
    support::gateway::Gateway,
    testbed::{pause, shared_client},
};

const READERS: usize = 3;
/// The pause between two requests of a reader. It leaves CPU time to other processes.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Counts {
    all: AtomicU64,
    served: AtomicU64,
    is_stopped: AtomicBool,
}

/// Running readers. Dropping them stops them.
pub(super) struct Readers {
    tasks: JoinSet<()>,
    counts: Arc<Counts>,
}

impl Readers {
    pub(super) fn start(gateway: &Gateway) -> Self {
        let (mut tasks, counts) = (JoinSet::new(), Arc::<Counts>::default());
        for _ in 0..READERS {
            let counts = Arc::clone(&counts);
            let url = format!("{}/v1/proxy/openai/wham/usage", gateway.base);
            let token = gateway.token.clone();
            tasks.spawn(async move {
                while !counts.is_stopped.load(Ordering::Relaxed) {
                    let answer = shared_client().get(&url).bearer_auth(&token).send().await;
                    let served = answer.is_ok_and(|answer| answer.status().is_success());
                    counts.all.fetch_add(1, Ordering::Relaxed);
                    counts.served.fetch_add(u64::from(served), Ordering::Relaxed);
                    pause(PAUSE).await;
                }
            });
        }
        Self { tasks, counts }
    }

    /// Stops the readers. Returns the number of all and of successful requests.
    pub(super) async fn stop(self) -> (u64, u64) {
        self.counts.is_stopped.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        (self.counts.all.load(Ordering::Relaxed), self.counts.served.load(Ordering::Relaxed))
    }
}
