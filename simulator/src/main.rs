//! The simulator as a program: prints its addresses as one JSON line and runs until it is stopped.

mod arguments;

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use arguments::Arguments;
use goclaw_simulator::Simulator;
use tokio::{
    io::AsyncReadExt,
    signal::unix::{SignalKind, signal},
};

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let chain = std::iter::successors(Some(error.as_ref()), |error: &&dyn Error| (**error).source());
            let why: Vec<String> = chain.map(ToString::to_string).collect();
            // Ignore the error: stderr may be closed.
            let _ = writeln!(io::stderr(), "goclaw-simulator: {}", why.join(": "));
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), Box<dyn Error>> {
    let Some(arguments) = arguments::parse(std::env::args().skip(1))? else {
        return Ok(print_line(arguments::USAGE)?);
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

/// Prints a line. Returns an error instead of panicking when the reader has closed the pipe.
fn print_line(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// Completes when the parent process closes its end of the pipe.
async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 256];
    while stdin.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
}
