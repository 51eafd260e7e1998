//! The one executable: server roles and the operator's command line.
//!
//! The only crate that knows every other one, and the only one that reads the environment.

mod bench;
mod cli;
mod client;
mod clock;
mod commands;
mod config;
mod oidc;
mod out;
mod serve;
mod telemetry;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// Batches of small objects that are made by one thread and dropped by another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long what is still going on may take once the command is done.
const LINGER: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return out::failed(&error.into()),
    };
    let outcome = runtime.block_on(cli::run(cli));
    // A client of a broker that is gone may wait for it for ever while it is dropped.
    runtime.shutdown_timeout(LINGER);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => out::failed(&error),
    }
}
