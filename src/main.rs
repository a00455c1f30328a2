//! The executable. All other code is in the library, so that tests start the same gateway.

use std::process::ExitCode;

/// A request allocates memory on one thread and frees it on another. With the system's allocator, the threads wait for
/// its locks (`docs/benchmarks.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    goclaw::bootstrap::run()
}
