//! A real browser: Chromium without a window, driven by chromedriver, with a profile of its own.

use std::{
    fs::File,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use fantoccini::{Client, ClientBuilder, Locator, wd::Capabilities};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::gateway::{PATIENCE, eventually, free_port, http};

const FLAGS: [&str; 8] = [
    "--headless",
    // The tests may run as root, where Chromium has no sandbox.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser with one tab; dropping it ends all its processes.
pub(crate) struct Browser {
    tab: Client,
    // Ended before its profile is removed: fields are dropped in this order.
    _driver: Driver,
    _profile: TempDir,
}

impl Browser {
    pub(crate) async fn open() -> Self {
        let (profile, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let log = File::create(profile.path().join("chromedriver.log")).expect("a log");
        // A process group of its own, which Chromium joins, so that nothing of it outlives the test.
        let started = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let driver = Driver(started.unwrap_or_else(|error| {
            panic!("chromedriver cannot be started ({error}); ./test.sh installs what the tests need")
        }));
        let address = format!("http://127.0.0.1:{port}");
        let status = format!("{address}/status");
        let ready = || async { http().get(&status).send().await.ok() };
        eventually("chromedriver to answer", ready).await;
        let session =
            ClientBuilder::new(HttpConnector::new()).capabilities(capabilities(&profile)).connect(&address).await;
        let tab = session.unwrap_or_else(|error| {
            panic!("Chromium cannot be started ({error}); ./test.sh installs what the tests need")
        });
        Self { tab, _driver: driver, _profile: profile }
    }

    /// Opens an address and waits until its page is there.
    pub(crate) async fn open_page(&self, url: &str) {
        self.tab.goto(url).await.expect("a page");
    }

    /// Presses the button with this id, as soon as there is one.
    pub(crate) async fn press(&self, id: &str) {
        let button = self.tab.wait().at_most(PATIENCE).for_element(Locator::Id(id)).await.expect("a button");
        button.click().await.expect("a click");
    }

    /// Waits until the address bar shows an address that ends like this.
    pub(crate) async fn arrives_at(&self, end: &str) {
        let there = || async { self.address().await.ends_with(end).then_some(()) };
        eventually(&format!("the browser to arrive at {end}"), there).await;
    }

    /// What the address bar shows.
    pub(crate) async fn address(&self) -> String {
        self.tab.current_url().await.expect("an address").to_string()
    }

    pub(crate) async fn heading(&self) -> String {
        let heading = self.tab.wait().at_most(PATIENCE).for_element(Locator::Css("h1")).await.expect("a heading");
        heading.text().await.expect("its text")
    }

    /// All text that a person sees.
    pub(crate) async fn text(&self) -> String {
        let body = self.tab.wait().at_most(PATIENCE).for_element(Locator::Css("body")).await.expect("a body");
        body.text().await.expect("its text")
    }

    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        self.tab.execute(&format!("return {script}"), Vec::new()).await.expect("a value")
    }

    pub(crate) async fn go_back(&self) {
        self.tab.back().await.expect("a page before this one");
    }
}

/// chromedriver and whatever it started.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}

fn capabilities(profile: &TempDir) -> Capabilities {
    let data = format!("--user-data-dir={}", profile.path().join("profile").display());
    let flags: Vec<&str> = FLAGS.into_iter().chain([data.as_str()]).collect();
    let mut capabilities = Capabilities::new();
    capabilities.insert("goog:chromeOptions".to_owned(), json!({ "args": flags }));
    capabilities
}
