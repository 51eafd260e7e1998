//! `aim analytics`: what happened, in numbers.

use std::path::Path;
use std::sync::Arc;

use aim_app::recount_activity;
use aim_store::{Store, StoreConfig};
use clap::Subcommand;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::out;

/// What to do with the counts.
#[derive(Subcommand)]
pub(crate) enum Analytics {
    /// Throws the counts away; a running server counts anew from the whole event log.
    Rebuild,
}

/// Runs the command.
pub(crate) async fn run(command: Analytics, file: Option<&Path>) -> anyhow::Result<()> {
    let Analytics::Rebuild = command;
    let config = Config::load(file)?;
    let place = StoreConfig {
        url: config.database_url(),
        connections: 1,
    };
    let store = Store::connect(&place, Arc::new(SystemClock)).await?;
    recount_activity(&store).await?;
    out::line("the counts are gone; a running server counts anew");
    Ok(())
}
