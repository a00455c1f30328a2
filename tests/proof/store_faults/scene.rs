//! The scene of each case: a login whose refresh is held right after the provider's rotation.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    races_and_faults::{Totals, status},
    support::{
        gateway::{Gateway, eventually},
        provider::Provider,
    },
    testbed::shared_client,
};

/// Long enough to hold a response until the store fails.
pub(super) const HTTP_TIMEOUT: Duration = Duration::from_secs(8);

/// A held refresh, with the call that requested it.
pub(super) struct HeldRefresh {
    call: JoinSet<()>,
}

/// Connects the account, starts a refresh, and returns once the provider has rotated the token.
pub(super) async fn hold_refresh(gateway: &Arc<Gateway>, provider: &Provider) -> HeldRefresh {
    let page = gateway.sign_in().await;
    assert_eq!(page.status, 200, "{}", page.text);
    provider.post_control("/stops", json!({"step": "rotated"})).await;
    let mut call = JoinSet::new();
    let caller = Arc::clone(gateway);
    call.spawn(async move {
        let url = format!("{}/v1/auth/openai/refresh", caller.base);
        let token = caller.token.clone();
        // Do not keep the gateway alive, because the test may kill it.
        drop(caller);
        // Ignore the result, because the gateway may be killed, or the call may time out.
        let _ = shared_client().post(url).bearer_auth(token).json(&json!({})).send().await;
    });
    provider.post_control("/stops/await", json!({"step": "rotated"})).await;
    HeldRefresh { call }
}

impl HeldRefresh {
    /// Releases the response.
    pub(super) async fn release(&self, provider: &Provider) {
        provider.post_control("/stops/release", json!({"release": "continue"})).await;
    }

    /// Waits for the end of the requesting call.
    pub(super) async fn wait_for_end(self) {
        self.call.join_all().await;
    }
}

/// Returns, for each journal file with unsaved tokens, whether it contains a complete record. Committed records, marks,
/// presentations and ends do not count.
fn unsaved_records(data_dir: &Path) -> Vec<bool> {
    let is_complete =
        |text: Vec<u8>| serde_json::from_slice::<Value>(&text).is_ok_and(|record| record["refresh_token"].is_string());
    let files = fs::read_dir(data_dir.join("escrow")).expect("the journal").map(|file| file.expect("a file").path());
    let is_unsaved = |path: &PathBuf| {
        let path = path.to_string_lossy();
        ![".committed.json", ".seen", ".sent", ".ended"].iter().any(|end| path.ends_with(end))
    };
    let files = files.filter(is_unsaved);
    // A file that is missing now was committed or renamed in between.
    files.filter_map(|path| fs::read(path).ok().map(is_complete)).collect()
}

/// Returns the number of complete unsaved records in a journal.
pub(super) fn count_unsaved(data_dir: &Path) -> usize {
    unsaved_records(data_dir).into_iter().filter(|is_complete| *is_complete).count()
}

/// Waits until the journal has exactly this many complete unsaved records, and no incomplete one.
pub(super) async fn wait_for_unsaved(data_dir: &Path, count: usize) {
    let look = || std::future::ready((unsaved_records(data_dir) == vec![true; count]).then_some(()));
    eventually(&format!("{count} unsaved records in the journal"), look).await;
}

/// Returns where the received token is, according to the journal's folder. If the folder is empty, only the gateway's
/// memory has it.
pub(super) fn kept_in(data_dir: &Path) -> &'static str {
    match unsaved_records(data_dir).as_slice() {
        [] => "memory",
        [true] => "journal",
        _ => "an incomplete file",
    }
}

pub(super) async fn generation(gateway: &Gateway) -> Value {
    status(gateway).await["generation"].clone()
}

/// Checks that the stored token works for one more refresh. Returns the counts from before that refresh.
pub(super) async fn check_token_works(gateway: &Gateway, provider: &Provider) -> Totals {
    let before = Totals::of(provider).await;
    let answer = gateway.post("/v1/auth/openai/refresh", json!({})).await;
    let after = Totals::of(provider).await;
    assert_eq!((answer.status, &answer.json()["generation"]), (200, &json!(2)), "{}", answer.text);
    assert_eq!((after.presentations, after.reuse), (before.presentations + 1, before.reuse));
    before
}
