//! The `isolation` command.

use clap::Parser as _;

fn main() -> std::process::ExitCode {
    isolation_harness::cli::run(isolation_harness::cli::Cli::parse()).into()
}
