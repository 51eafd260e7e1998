//! `aim audit`: what auditors and operators do with the log.

mod csv;
mod export;
mod parquet;
mod rotate;
mod verify;

use std::path::Path;
use std::sync::Arc;

use aim_domain::audit::{KeyKind, VerifierKey, origin_of};
use aim_domain::id::OrganizationId;
use aim_domain::scope::Scope;
use aim_store::{Store, StoreConfig};
use anyhow::Context;
use clap::{Args, Subcommand};

use crate::clock::SystemClock;
use crate::config::Config;
use crate::out;

/// Most connections of a command.
const CONNECTIONS: u32 = 2;

/// Columns of an entry in a table.
const COLUMNS: [&str; 15] = [
    "index",
    "id",
    "organization",
    "created_at",
    "actor_type",
    "actor_id",
    "action",
    "object_type",
    "object_id",
    "reason",
    "before",
    "after",
    "request_id",
    "leaf_hash",
    "erased",
];

/// Which database, and whose log.
#[derive(Args)]
struct Place {
    /// The database; that of the configuration when left out.
    #[arg(long)]
    database_url: Option<String>,
    /// Whose log (a plain id); of the only organization when left out.
    #[arg(long)]
    organization: Option<OrganizationId>,
}

#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Checks that a log is what its signed checkpoints say, or names the first index that is not.
    /// An export is checked with no database. Exit code 1 when something is wrong.
    Verify(verify::VerifyArgs),
    /// Writes a whole log: JSON Lines to verify, CSV, Parquet, or OCSF events for a SIEM.
    Export(export::ExportArgs),
    /// Prints the newest signed checkpoint, to be kept where the log's owner cannot change it.
    Checkpoint(CheckpointArgs),
    /// Prints the verifier keys of the log, the one in force first.
    Key(KeyArgs),
    /// Puts a new signing key in place of the one in force; running servers take it by themselves.
    RotateKey(rotate::RotateArgs),
}

#[derive(Args)]
pub(crate) struct CheckpointArgs {
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(crate) struct KeyArgs {
    #[command(flatten)]
    place: Place,
}

/// Runs the command.
pub(crate) async fn run(command: Audit, file: Option<&Path>) -> anyhow::Result<()> {
    match command {
        Audit::Verify(args) => verify::run(args, file).await,
        Audit::Export(args) => export::run(args, file).await,
        Audit::Checkpoint(args) => checkpoint(args, file).await,
        Audit::Key(args) => keys(args, file).await,
        Audit::RotateKey(args) => rotate::run(args, file).await,
    }
}

async fn checkpoint(args: CheckpointArgs, file: Option<&Path>) -> anyhow::Result<()> {
    let (store, scope) = args.place.open(file).await?;
    let newest = store.find_audit_checkpoint(scope, None).await?;
    let newest = newest.context("the log has no checkpoint yet")?;
    let mut note = newest.note.clone();
    let mut lines = store
        .load_cosignatures(std::slice::from_ref(&newest))
        .await?;
    for line in lines.remove(&newest.id.as_uuid()).unwrap_or_default() {
        note.push_str(&line);
        note.push('\n');
    }
    out::line(note.trim_end_matches('\n'));
    Ok(())
}

async fn keys(args: KeyArgs, file: Option<&Path>) -> anyhow::Result<()> {
    let (store, scope) = args.place.open(file).await?;
    for known in store.list_audit_keys().await?.into_iter().rev() {
        out::line(VerifierKey {
            name: origin_of(scope.organization),
            kind: KeyKind::Log,
            key: known.key,
        });
    }
    Ok(())
}

impl Place {
    async fn store(&self, file: Option<&Path>) -> anyhow::Result<Store> {
        let url = match &self.database_url {
            Some(url) => url.clone(),
            // Not one that would be made: an empty log proves nothing.
            None => Config::load(file)?
                .database_url()
                .replace("?mode=rwc", "?mode=rw"),
        };
        let config = StoreConfig {
            url,
            connections: CONNECTIONS,
        };
        Ok(Store::connect(&config, Arc::new(SystemClock)).await?)
    }

    async fn open(&self, file: Option<&Path>) -> anyhow::Result<(Store, Scope)> {
        let store = self.store(file).await?;
        let all = store.list_organization_ids().await?;
        let organization = match (self.organization, all.as_slice()) {
            (Some(given), all) if all.contains(&given) => given,
            (Some(given), _) => anyhow::bail!("there is no organization `{given}`"),
            (None, [only]) => *only,
            (None, all) => {
                anyhow::bail!(
                    "there are {} organizations; say which with --organization",
                    all.len()
                )
            }
        };
        Ok((store, Scope::of(organization)))
    }
}
