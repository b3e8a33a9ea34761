//! The `mirano` binary; see `mirano --help`.

/// A decoded fact is a dozen small pieces; this allocator is made for such.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::process::ExitCode;

fn main() -> ExitCode {
    mirano::cli::main()
}
