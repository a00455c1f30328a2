//! The simulator as a program: prints its addresses as one JSON line and runs until it is told to stop.

mod arguments;

use std::error::Error;

use arguments::Arguments;
use goclaw_simulator::Simulator;
use tokio::{
    io::AsyncReadExt,
    signal::unix::{SignalKind, signal},
};

fn main() -> Result<(), Box<dyn Error>> {
    let Some(arguments) = arguments::parse(std::env::args().skip(1))? else {
        return print_line(arguments::USAGE);
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(run(arguments));
    // Dropping the runtime would wait for the thread that reads stdin.
    runtime.shutdown_background();
    ended
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let simulator = Simulator::start(arguments.options).await?;
    print_line(&serde_json::to_string(simulator.addresses())?)?;
    tokio::select! {
        _ = terminate.recv() => {}
        pressed = tokio::signal::ctrl_c() => pressed?,
        () = stdin_closed(), if arguments.exit_with_stdin => {}
    }
    simulator.stop().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the one line that whoever started the program waits for")]
fn print_line(line: &str) -> Result<(), Box<dyn Error>> {
    println!("{line}");
    Ok(())
}

/// Ends when whoever started the program has closed its end of the pipe.
async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 256];
    while stdin.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
}
