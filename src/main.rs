//! The executable. All other code is in the library, so that tests start the same gateway.

use std::process::ExitCode;

/// Requests allocate on one thread and free on another, where the system's allocator suffers from lock contention
/// (`docs/benchmarks.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    goclaw::bootstrap::run()
}
