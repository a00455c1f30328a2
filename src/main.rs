//! The program: everything is in the library, so that tests and the demo start the same thing.

use std::process::ExitCode;

/// Requests allocate on one thread and free on another all the time, at which the system's allocator waits for itself
/// (`docs/benchmarks.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    goclaw::bootstrap::run()
}
