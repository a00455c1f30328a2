//! Tests of shell completions and of `goclaw health`.

use clap::CommandFactory;
use goclaw::adapters::cli::Cli;

use super::assert_output;
use crate::support::gateway::Home;

#[test]
fn completions_name_every_command() {
    let home = Home::without_provider();
    for (shell, prefix) in [("bash", "_goclaw() {"), ("zsh", "#compdef goclaw"), ("fish", "# Print an optspec")] {
        let output = home.run(&["completions", shell]);
        assert_output(&output, 0, prefix);
        for command in Cli::command().get_subcommands() {
            let (name, hidden) = (command.get_name(), command.is_hide_set());
            assert!(hidden || output.stdout.contains(name), "{shell} does not complete {name}");
        }
    }
    assert_output(&home.run(&["completions", "tcsh"]), 2, "");
}

#[tokio::test]
async fn health_reports_whether_the_gateway_is_up_and_needs_no_token() {
    let home = Home::without_provider();
    assert_output(&home.run(&["health"]), 3, "");
    let gateway = home.start().await;
    assert_output(&home.run(&["health"]), 0, &format!("The gateway at http://127.0.0.1:{} is up.\n", home.port));
    let mut without_token = home.command(&["health"]);
    without_token.env("GOCLAW_GATEWAY_URL", &gateway.base);
    assert_output(&crate::support::gateway::CommandOutput::of(without_token), 0, "The gateway at ");
}
