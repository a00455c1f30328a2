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

use super::gateway::{TEST_DEADLINE, eventually, free_port, http};

const FLAGS: [&str; 9] = [
    "--headless",
    // The tests may run as root, where Chromium has no sandbox.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // What the owner of a name can do: have it looked up as this machine (DNS rebinding).
    "--host-resolver-rules=MAP rebound.example 127.0.0.1",
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
        let button = self.tab.wait().at_most(TEST_DEADLINE).for_element(Locator::Id(id)).await.expect("a button");
        button.click().await.expect("a click");
    }

    /// Clicks the link or button whose text contains this.
    pub(crate) async fn choose(&self, text: &str) {
        let path = format!("//*[self::a or self::button or self::summary][contains(., \"{text}\")]");
        let element =
            self.tab.wait().at_most(TEST_DEADLINE).for_element(Locator::XPath(&path)).await.expect("an element");
        element.click().await.expect("a click");
    }

    /// Types into the field that a CSS selector means.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        let field = self.tab.wait().at_most(TEST_DEADLINE).for_element(Locator::Css(selector)).await.expect("a field");
        field.send_keys(text).await.expect("keys");
    }

    /// Waits until a person can read this.
    pub(crate) async fn reads(&self, words: &str) {
        let seen = || async { self.text().await.contains(words).then_some(()) };
        eventually(&format!("the page to say {words:?}"), seen).await;
    }

    /// Goes to the tab that was opened last, once there are two.
    pub(crate) async fn go_to_new_tab(&self) {
        let opened = || async {
            let windows = self.tab.windows().await.ok()?;
            (windows.len() > 1).then(|| windows.last().cloned()).flatten()
        };
        let window = eventually("a new tab", opened).await;
        self.tab.switch_to_window(window).await.expect("the new tab");
    }

    /// Closes the tab and goes back to the first.
    pub(crate) async fn close_tab(&self) {
        self.tab.close_window().await.expect("a tab that closes");
        let windows = self.tab.windows().await.expect("tabs");
        self.tab.switch_to_window(windows.into_iter().next().expect("a tab")).await.expect("the first tab");
    }

    /// What axe-core, as `test.sh` has installed it, finds wrong with the page: nothing, for everybody to use it.
    pub(crate) async fn barriers(&self) -> Value {
        #[expect(clippy::disallowed_methods, reason = "this is how test.sh tells")]
        let folder = std::env::var("TEST_NODE_SDK").expect("no axe-core for the tests: run them with ./test.sh");
        let axe = std::fs::read_to_string(format!("{folder}/node_modules/axe-core/axe.min.js")).expect("axe-core");
        let run = format!(
            "{axe}; const done = arguments[arguments.length - 1]; axe.run().then((found) => done(found.violations.map(\
             (rule) => rule.id + ': ' + rule.nodes.map((node) => node.html).join(' '))));"
        );
        self.tab.execute_async(&run, Vec::new()).await.expect("findings")
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
        let heading = self.tab.wait().at_most(TEST_DEADLINE).for_element(Locator::Css("h1")).await.expect("a heading");
        heading.text().await.expect("its text")
    }

    /// All text that a person sees.
    pub(crate) async fn text(&self) -> String {
        let body = self.tab.wait().at_most(TEST_DEADLINE).for_element(Locator::Css("body")).await.expect("a body");
        body.text().await.expect("its text")
    }

    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        self.tab.execute(&format!("return {script}"), Vec::new()).await.expect("a value")
    }

    /// The value that a promise of the page comes to.
    pub(crate) async fn promise(&self, promise: &str) -> Value {
        let run = format!(
            "const done = arguments[arguments.length - 1]; ({promise}).then(done, (error) => done(String(error)));"
        );
        self.tab.execute_async(&run, Vec::new()).await.expect("a value")
    }

    /// Shows an address in a frame of the page: where the frame has arrived, and what a person reads in it.
    pub(crate) async fn frame(&self, url: &str) -> (String, String) {
        let load = format!(
            "new Promise((loaded) => {{ const frame = document.createElement('iframe'); frame.onload = loaded; \
             frame.src = '{url}'; document.body.append(frame); }}).then(() => document.querySelectorAll('iframe').length)"
        );
        let frames = self.promise(&load).await.as_u64().and_then(|count| u16::try_from(count).ok()).expect("a frame");
        self.tab.enter_frame(frames - 1).await.expect("the frame");
        let place = self.evaluate("location.href").await.as_str().expect("an address").to_owned();
        let text = self.text().await;
        self.tab.clone().enter_parent_frame().await.expect("the page around it");
        (place, text)
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
