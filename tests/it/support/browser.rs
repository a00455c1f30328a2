//! Headless Chromium with a temporary profile, controlled through chromedriver.

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
    // Chromium refuses to start its sandbox as root, and the tests may run as root.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // For the DNS rebinding tests: a foreign host name resolves to this machine.
    "--host-resolver-rules=MAP rebound.example 127.0.0.1",
];

/// A browser with one tab. Dropping it kills all its processes.
pub(crate) struct Browser {
    tab: Client,
    // Fields drop in this order: the driver must end before its profile is removed.
    _driver: Driver,
    _profile: TempDir,
}

impl Browser {
    pub(crate) async fn open() -> Self {
        let (profile, port) = (tempfile::tempdir().expect("a folder"), free_port());
        let log = File::create(profile.path().join("chromedriver.log")).expect("a log");
        // Chromium joins the driver's process group, so one signal ends both.
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
        eventually("chromedriver to be ready", ready).await;
        let session =
            ClientBuilder::new(HttpConnector::new()).capabilities(capabilities(&profile)).connect(&address).await;
        let tab = session.unwrap_or_else(|error| {
            panic!("Chromium cannot be started ({error}); ./test.sh installs what the tests need")
        });
        Self { tab, _driver: driver, _profile: profile }
    }

    /// Opens an address and waits until its page is loaded.
    pub(crate) async fn open_page(&self, url: &str) {
        self.tab.goto(url).await.expect("a page");
    }

    /// Waits for the button with this id and clicks it.
    pub(crate) async fn click_id(&self, id: &str) {
        self.click(Locator::Id(id)).await;
    }

    /// Waits for a link, button or summary that contains `text` and clicks it.
    pub(crate) async fn click_text(&self, text: &str) {
        let path = format!("//*[self::a or self::button or self::summary][contains(., \"{text}\")]");
        self.click(Locator::XPath(&path)).await;
    }

    /// Waits for the element and clicks it. Repeats both steps, because the page may replace the element in between.
    async fn click(&self, wanted: Locator<'_>) {
        let click = || async { self.tab.find(wanted).await.ok()?.click().await.ok() };
        eventually(&format!("a click on {wanted:?}"), click).await;
    }

    /// Types into the field that matches a CSS selector.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        let field = self.tab.wait().at_most(TEST_DEADLINE).for_element(Locator::Css(selector)).await.expect("a field");
        field.send_keys(text).await.expect("keys");
    }

    /// Waits until the visible text contains `words`.
    pub(crate) async fn wait_for_text(&self, words: &str) {
        let shows_words = || async { self.text().await.contains(words).then_some(()) };
        eventually(&format!("the page to say {words:?}"), shows_words).await;
    }

    /// Waits for a second tab and switches to the last one.
    pub(crate) async fn go_to_new_tab(&self) {
        let last_of_several = || async {
            let windows = self.tab.windows().await.ok()?;
            (windows.len() > 1).then(|| windows.last().cloned()).flatten()
        };
        let window = eventually("a new tab", last_of_several).await;
        self.tab.switch_to_window(window).await.expect("the new tab");
    }

    /// Closes the tab and switches to the first one.
    pub(crate) async fn close_tab(&self) {
        self.tab.close_window().await.expect("a tab that closes");
        let windows = self.tab.windows().await.expect("tabs");
        self.tab.switch_to_window(windows.into_iter().next().expect("a tab")).await.expect("the first tab");
    }

    /// Returns the accessibility violations that axe-core finds on the page.
    pub(crate) async fn accessibility_violations(&self) -> Value {
        #[expect(clippy::disallowed_methods, reason = "test.sh sets this variable")]
        let folder = std::env::var("TEST_NODE_FOLDER").expect("no axe-core for the tests: run them with ./test.sh");
        let axe = std::fs::read_to_string(format!("{folder}/node_modules/axe-core/axe.min.js")).expect("axe-core");
        let run = format!(
            "{axe}; const done = arguments[arguments.length - 1]; axe.run().then((found) => done(found.violations.map(\
             (rule) => rule.id + ': ' + rule.nodes.map((node) => node.html).join(' '))));"
        );
        self.tab.execute_async(&run, Vec::new()).await.expect("findings")
    }

    /// Waits until the current address ends with `end`.
    pub(crate) async fn wait_for_address(&self, part: &str) {
        let has_arrived = || async { self.address().await.contains(part).then_some(()) };
        eventually(&format!("the browser to arrive at {part}"), has_arrived).await;
    }

    pub(crate) async fn address(&self) -> String {
        self.tab.current_url().await.expect("an address").to_string()
    }

    pub(crate) async fn heading(&self) -> String {
        let heading = self.tab.wait().at_most(TEST_DEADLINE).for_element(Locator::Css("h1")).await.expect("a heading");
        heading.text().await.expect("its text")
    }

    /// Returns the visible text of the page.
    pub(crate) async fn text(&self) -> String {
        let body = self.tab.wait().at_most(TEST_DEADLINE).for_element(Locator::Css("body")).await.expect("a body");
        body.text().await.expect("its text")
    }

    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        self.tab.execute(&format!("return {script}"), Vec::new()).await.expect("a value")
    }

    /// Awaits a JavaScript promise and returns its value, or its error as text.
    pub(crate) async fn await_promise(&self, promise: &str) -> Value {
        let run = format!(
            "const done = arguments[arguments.length - 1]; ({promise}).then(done, (error) => done(String(error)));"
        );
        self.tab.execute_async(&run, Vec::new()).await.expect("a value")
    }

    /// Loads an address in an iframe. Returns the frame's final address and its visible text.
    pub(crate) async fn frame(&self, url: &str) -> (String, String) {
        let load = format!(
            "new Promise((loaded) => {{ const frame = document.createElement('iframe'); frame.onload = loaded; \
             frame.src = '{url}'; document.body.append(frame); }}).then(() => document.querySelectorAll('iframe').length)"
        );
        let frames =
            self.await_promise(&load).await.as_u64().and_then(|count| u16::try_from(count).ok()).expect("a frame");
        self.tab.enter_frame(frames - 1).await.expect("the frame");
        let address = self.evaluate("location.href").await.as_str().expect("an address").to_owned();
        let text = self.text().await;
        self.tab.clone().enter_parent_frame().await.expect("the page around it");
        (address, text)
    }

    pub(crate) async fn go_back(&self) {
        self.tab.back().await.expect("a previous page");
    }
}

/// The process group of chromedriver.
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
