//! The program. All code is in the library, so that tests start the same gateway.

use std::process::ExitCode;

/// Requests allocate on one thread and free on another, which makes the system's allocator contend for its locks
/// (`docs/benchmarks.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    goclaw::bootstrap::run()
}
