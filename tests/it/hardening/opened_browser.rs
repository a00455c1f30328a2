//! Tests that the CLI passes an address to the browser in a private file, not in an argument or the environment.

use std::{fs, path::Path, process::Command};

use crate::support::{
    gateway::{Home, eventually},
    terminal,
};

/// A fake `xdg-open` that records its arguments, its environment, and the mode and content of the file that it opens.
const OPENER: &str = "#!/bin/sh
{ printf '%s\\n%s\\n' \"$#\" \"$1\"; stat -c %a \"$1\"; cat \"$1\"; env; } > \"$HOME/draft\"
mv \"$HOME/draft\" \"$HOME/opened\"
";

/// An https address full of shell syntax. The configured address is used verbatim.
const AUTHORIZE_URL: &str = "https://issuer.example/$(touch${IFS}owned);touch${IFS}owned|&'/-flag/*";

/// Installs the fake. A child process writes it: if this process did, a fork by another test could keep the file open
/// for writing, and Linux does not execute such a file (`ETXTBSY`).
fn install_opener(folder: &Path) -> String {
    fs::create_dir(folder).expect("a folder");
    let write = "printf %s \"$1\" > xdg-open && chmod 755 xdg-open";
    let written = Command::new("sh").args(["-c", write, "-", OPENER]).current_dir(folder).status().expect("sh runs");
    assert!(written.success());
    folder.display().to_string()
}

/// Returns a `goclaw` command in a pseudo-terminal, with the fake in PATH. The CLI opens a browser only in a terminal.
fn command_in_terminal(home: &Home, bin: &str, arguments: &[&str]) -> Command {
    let command = home.command(arguments);
    let path = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value).expect("a PATH");
    let path = format!("{bin}:{}", path.to_str().expect("text"));
    let mut terminal = terminal::in_terminal(&command);
    terminal.env("PATH", path);
    terminal
}

#[tokio::test]
async fn a_hostile_address_reaches_the_browser_in_a_private_file_and_executes_nothing() {
    let home = Home::without_provider()
        .with("GOCLAW_PROVIDERS__OPENAI_CODEX__AUTHORIZE_URL", AUTHORIZE_URL)
        .with("GOCLAW_PROVIDERS__OPENAI_CODEX__EXTRA_AUTHORIZE_PARAMS__LOGIN_HINT", "`touch owned` & -flag")
        .with("OPENAI_API_KEY", "goclaw_the-token-of-a-program");
    let gateway = home.start().await;
    let bin = install_opener(&home.path().join("bin"));

    // A process that was killed has left its file. The one of a living process and another file stay.
    let mut ended = Command::new("true").spawn().expect("it runs");
    ended.wait().expect("it ends");
    let file_of = |process: &str| home.path().join(format!("goclaw-sign-in-{process}.html"));
    let [left, living, other] = [ended.id().to_string(), std::process::id().to_string(), "notes".to_owned()];
    let [left, living, other] = [left, living, other].map(|process| file_of(&process));
    for file in [&left, &living, &other] {
        fs::write(file, "a file").expect("it is written");
    }

    let mut child = home.spawn(command_in_terminal(&home, &bin, &["auth", "login"]), "login");

    let record = || async { fs::read_to_string(home.path().join("opened")).ok() };
    let opened = eventually("the browser to be opened", record).await;
    let [count, page, mode, content, environment] = opened.splitn(5, '\n').collect::<Vec<_>>()[..] else {
        panic!("the record is incomplete: {opened}");
    };
    assert_eq!((count, mode), ("1", "600"));
    assert_eq!([left, living, other].map(|file| file.exists()), [false, true, true]);
    assert!(Path::new(page).starts_with(home.path()), "{page}");
    for secret in ["GOCLAW_", "goclaw_the-token-of-a-program", "state="] {
        assert!(!environment.contains(secret), "{environment}");
    }
    // The file leads to the printed address, which belongs to the gateway's login.
    let printed_address = eventually("the address to be printed", || async {
        let printed = home.printed("login", "stdout");
        printed.lines().map(str::trim).find(|line| line.starts_with("https://")).map(str::to_owned)
    });
    let printed_address = printed_address.await;
    assert!(printed_address.starts_with("https://issuer.example/$(touch$"), "{printed_address}");
    assert!(printed_address.contains("&state="), "{printed_address}");
    let address = printed_address.replace('&', "&amp;");
    assert!(content.contains(&format!("content=\"0;url={address}\"")), "{content}");
    let cancelled = gateway.post("/v1/auth/openai/cancel", serde_json::json!({})).await;
    assert_eq!(cancelled.json()["status"], "cancelled");
    let exit_status = || std::future::ready(child.try_wait().expect("its status"));
    eventually("the command to end", exit_status).await;
    assert!(!Path::new(page).exists(), "the file is deleted");
    assert!(
        !home.path().join("owned").exists() && !home.data_dir().join("owned").exists(),
        "a shell executed the address"
    );
}

#[tokio::test]
async fn the_page_opens_from_a_private_file_that_is_deleted_afterwards() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let bin = install_opener(&home.path().join("bin"));
    let mut child = home.spawn(command_in_terminal(&home, &bin, &["open"]), "open");
    let opened =
        eventually("the browser to be opened", || async { fs::read_to_string(home.path().join("opened")).ok() });
    let opened = opened.await;
    let [count, page, mode, content, environment] = opened.splitn(5, '\n').collect::<Vec<_>>()[..] else {
        panic!("the record is incomplete: {opened}");
    };
    assert_eq!((count, mode), ("1", "600"));
    assert!(content.contains(&format!("{}/#link=", gateway.base)), "{content}");
    assert!(!environment.contains("link="), "{environment}");
    let exit_status = || std::future::ready(child.try_wait().expect("its status"));
    assert!(eventually("the command to end", exit_status).await.success());
    assert!(!Path::new(page).exists(), "the link is not left behind");
}
