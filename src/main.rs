//! The program: everything is in the library, so that tests and the demo start the same thing.

use std::process::ExitCode;

fn main() -> ExitCode {
    goclaw::bootstrap::run()
}
