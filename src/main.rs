//! The `mirano` binary; see `mirano --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    mirano::cli::main()
}
