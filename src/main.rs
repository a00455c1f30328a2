//! The program. Its code is in the library, so that tests and the demo run the same code.

use std::process::ExitCode;

/// Requests often allocate on one thread and free on another. The system's allocator contends for its locks then
/// (`docs/benchmarks.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    goclaw::bootstrap::run()
}
