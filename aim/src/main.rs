//! The one executable: server roles and the operator's command line.
//!
//! The only crate that knows every other one, and the only one that reads the environment.

mod bench;
mod cli;
mod client;
mod clock;
mod commands;
mod config;
mod failure;
mod oidc;
mod out;
mod serve;
mod telemetry;
mod view;

use std::process::ExitCode;
use std::time::Duration;

use clap::FromArgMatches;

/// Batches of small objects that are made by one thread and dropped by another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long what is still going on may take once the command is done.
const LINGER: Duration = Duration::from_secs(5);

/// Resolvers stand within each other on a thread's stack, and one that overflows ends the process: without
/// optimization the deepest ones take more than the 2 MiB of the default. What is not touched costs nothing.
const STACK_BYTES: usize = 8 * 1024 * 1024;

fn main() -> ExitCode {
    let given = cli::command().get_matches();
    let cli = match cli::Cli::from_arg_matches(&given) {
        Ok(cli) => cli,
        Err(wrong) => wrong.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let outcome = runtime.block_on(cli::run(cli));
    // A client of a broker that is gone may wait for it for ever while it is dropped.
    runtime.shutdown_timeout(LINGER);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    out::failed(error);
    failure::exit_code(error)
}
