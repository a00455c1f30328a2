//! Tests of `goclaw auth login`, which prints an address, waits and prints the outcome.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use super::ACTIVE;
use crate::support::{
    gateway::{Home, eventually, http, redirecting_http},
    provider::Provider,
    terminal::in_terminal,
};

/// A waiting `goclaw auth login`. Dropping it kills the process.
struct LoginCommand<'a> {
    home: &'a Home,
    child: Child,
}

impl<'a> LoginCommand<'a> {
    fn start(home: &'a Home, arguments: &[&str]) -> Self {
        let mut command = home.command(&["auth", "login"]);
        command.args(arguments).stdin(Stdio::piped());
        Self { home, child: home.spawn(command, "login") }
    }

    /// Starts a shell script in a terminal, which merges stdout and stderr. In the script, `$0` is the program.
    fn start_in_terminal(home: &'a Home, script: &str) -> Self {
        let program = home.command(&[]);
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(program.get_program()).env_clear();
        shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(home.path());
        let mut command = in_terminal(&shell);
        command.stdin(Stdio::piped());
        Self { home, child: home.spawn(command, "login") }
    }

    fn stdout(&self) -> String {
        self.home.printed("login", "stdout")
    }

    fn stderr(&self) -> String {
        self.home.printed("login", "stderr")
    }

    /// Returns the printed address.
    async fn auth_url(&self) -> String {
        let line = || async {
            let text = self.stdout();
            let mut complete_lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(str::trim);
            complete_lines.find(|line| line.starts_with("http") && line.contains("state=")).map(str::to_owned)
        };
        eventually("the address to open", line).await
    }

    async fn wait_for_stderr(&self, text: &str) {
        eventually(text, || async { self.stderr().contains(text).then_some(()) }).await;
    }

    fn paste(&mut self, line: &str) {
        self.write(&format!("{line}\n"));
    }

    fn write(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("stdin");
        write!(stdin, "{text}").and_then(|()| stdin.flush()).expect("the command reads stdin");
    }

    /// Waits until the countdown has been written twice more, so that all earlier input has been handled.
    async fn wait_until_input_is_handled(&self) {
        let seconds = || self.stdout().matches("Waiting for the sign-in").count();
        let before = seconds();
        eventually("the countdown", || async { (seconds() > before + 1).then_some(()) }).await;
    }

    /// Waits for the end of the command.
    async fn exit_code(&mut self) -> Option<i32> {
        let child = &mut self.child;
        let exit_status = || std::future::ready(child.try_wait().expect("its status"));
        eventually("the command to end", exit_status).await.code()
    }
}

impl Drop for LoginCommand<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn login_prints_the_address_waits_and_prints_the_account() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let mut login = LoginCommand::start(&home, &["--no-browser"]);
    let auth_url = login.auth_url().await;
    assert_eq!(gateway.start_login().await["auth_url"], auth_url.as_str(), "the gateway has the same login");
    login.wait_for_stderr("Waiting for the sign-in").await;
    let page = redirecting_http().get(&auth_url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("<h1>Connected</h1>"), "{page}");

    assert_eq!(login.exit_code().await, Some(0), "{}", login.stderr());
    let output = login.stdout();
    assert!(output.contains(&format!("Signed in.\n\n{ACTIVE}")), "{output}");
    let workspace = "00000000-0000-4000-8000-000000000001";
    assert!(output.contains(&format!("Account: person1@example.com (plan plus, workspace {workspace})\n")), "{output}");
    assert!(!output.contains(&gateway.token), "the curl line has the token's file, not the token");
    // The printed curl command works unchanged.
    let curl = output.lines().map(str::trim).find(|line| line.starts_with("curl ")).unwrap();
    let response = std::process::Command::new("sh").args(["-c", curl]).output().unwrap();
    let printed: Value = serde_json::from_slice(&response.stdout).unwrap_or_default();
    assert_eq!(printed["authenticated"], true, "{curl}: {response:?}");

    let mut again = LoginCommand::start(&home, &[]);
    assert_eq!(again.exit_code().await, Some(0));
    assert!(again.stdout().contains("Already signed in (provider: openai-codex).\n"), "{}", again.stdout());
}

#[tokio::test]
async fn a_pasted_address_completes_the_login_and_a_wrong_one_is_explained() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let _gateway = home.start().await;
    let mut login = LoginCommand::start(&home, &["--no-browser"]);
    let redirect_url = provider.redirect_for(&login.auth_url().await).await;
    login.paste("http://localhost:1/auth/callback?code=CANARY&state=wrong");
    login.wait_for_stderr("from a different sign-in").await;
    login.paste("CANARY is not an address");
    login.wait_for_stderr("invalid redirect URL").await;
    login.paste(&redirect_url);
    assert_eq!(login.exit_code().await, Some(0), "{}", login.stderr());
    assert!(login.stdout().contains(ACTIVE), "{}", login.stdout());
    assert!(!login.stderr().contains("CANARY") && !login.stdout().contains("CANARY"));
    assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 1));
}

/// The countdown would overwrite an echo, so the test searches everything that was written to the screen.
#[tokio::test]
async fn a_terminal_does_not_echo_the_pasted_address() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let _gateway = home.start().await;
    let mut login = LoginCommand::start_in_terminal(&home, "exec $0 auth login --no-browser");
    let redirect_url = provider.redirect_for(&login.auth_url().await).await;
    login.wait_until_input_is_handled().await;
    // The test searches for the 12 characters on each side of the cut: `code=` and the beginning of the code.
    let (half, rest) = redirect_url.split_at(redirect_url.find("code=").expect("a code") + 12);
    login.write(half);
    login.wait_until_input_is_handled().await;
    login.paste(rest);
    assert_eq!(login.exit_code().await, Some(0), "{}", login.stdout());
    let output = login.stdout();
    assert!(output.contains("Checking the pasted address."), "{output}");
    assert!(!output.contains(&half[half.len() - 12..]) && !output.contains(&rest[..12]), "{output}");
}

#[tokio::test]
async fn the_terminal_echoes_again_after_ctrl_c() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let _gateway = home.start().await;
    let script = "trap : INT; $0 auth login --no-browser; stty -a";
    let mut login = LoginCommand::start_in_terminal(&home, script);
    login.wait_until_input_is_handled().await;
    login.write("\u{3}");
    login.exit_code().await;
    let output = login.stdout();
    assert!(output.contains("Sign-in cancelled."), "{output}");
    assert!(output.contains(" echo ") && !output.contains("-echo "), "{output}");
}

#[tokio::test]
async fn an_address_wrapped_by_the_terminal_completes_the_login() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let _gateway = home.start().await;
    let mut login = LoginCommand::start(&home, &["--no-browser"]);
    let redirect_url = provider.redirect_for(&login.auth_url().await).await;
    let (first, rest) = redirect_url.split_at(redirect_url.find("code=").expect("a code") + 8);
    let (second, third) = rest.split_at(rest.len() / 2);
    login.paste(&[first, second, third].join("\n"));
    assert_eq!(login.exit_code().await, Some(0), "{}", login.stderr());
    assert!(login.stdout().contains(ACTIVE), "{}", login.stdout());
}

#[tokio::test]
async fn a_denied_login_exits_with_an_error_and_the_reason() {
    let provider = Provider::start(&["--approval", "deny"]);
    let home = Home::new(&provider);
    let _gateway = home.start().await;
    let mut login = LoginCommand::start(&home, &["--no-browser"]);
    let redirect_url = provider.redirect_for(&login.auth_url().await).await;
    assert_eq!(http().get(redirect_url).send().await.unwrap().status(), 303);
    assert_eq!(login.exit_code().await, Some(1));
    assert!(login.stderr().contains("Sign-in failed: You denied access at the provider."), "{}", login.stderr());
}

#[tokio::test]
async fn a_failed_exchange_exits_with_an_error_and_the_reason() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let _gateway = home.start().await;
    let mut login = LoginCommand::start(&home, &["--no-browser"]);
    let redirect_url = provider.redirect_for(&login.auth_url().await).await;
    provider.fail_next_exchange(json!({"kind": "lose_answer"})).await;
    login.paste(&redirect_url);
    assert_eq!(login.exit_code().await, Some(1));
    assert!(login.stderr().contains("Sign-in failed: The provider is unavailable."), "{}", login.stderr());
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
}

#[tokio::test]
async fn ctrl_c_and_a_closed_terminal_cancel_the_login_that_the_command_started() {
    for signal in ["-INT", "-HUP"] {
        let provider = Provider::approving();
        let home = Home::new(&provider);
        let gateway = home.start().await;
        let mut login = LoginCommand::start(&home, &["--no-browser"]);
        login.auth_url().await;
        login.wait_for_stderr("Waiting for the sign-in").await;
        let process = login.child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &process]).status().unwrap().success());
        assert_eq!(login.exit_code().await, Some(1), "{signal}");
        assert!(login.stderr().ends_with("Sign-in cancelled.\n"), "{signal}: {}", login.stderr());
        let status = gateway.status().await;
        assert_eq!((status.get("pending"), &status["last_login"]["outcome"]), (None, &json!("cancelled")));
    }
}

#[tokio::test]
async fn with_json_a_script_gets_one_line_at_the_start_and_one_at_the_end() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let mut login = LoginCommand::start(&home, &["--json"]);
    let first = || async { login.stdout().lines().next().and_then(|line| serde_json::from_str::<Value>(line).ok()) };
    let started = eventually("the first line", first).await;
    let redirect_url = provider.redirect_for(started["auth_url"].as_str().unwrap()).await;
    http().get(redirect_url).send().await.unwrap();
    assert_eq!(login.exit_code().await, Some(0), "{}", login.stderr());
    let lines: Vec<Value> = login.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [started, gateway.status().await]);
}

#[tokio::test]
async fn login_survives_a_restart_of_the_gateway() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let mut login = LoginCommand::start(&home, &["--no-browser"]);
    let auth_url = login.auth_url().await;
    login.wait_for_stderr("Waiting for the sign-in").await;
    gateway.stop().await;
    let _gateway = home.start().await;
    let redirect_url = provider.redirect_for(&auth_url).await;
    http().get(redirect_url).send().await.unwrap();
    assert_eq!(login.exit_code().await, Some(0), "{}", login.stderr());
    assert!(login.stdout().contains(ACTIVE), "{}", login.stdout());
}
