//! `aim audit rotate-key`.

use std::path::Path;
use std::sync::Arc;

use aim_app::rotate_audit_key;
use aim_domain::clock::Clock;
use anyhow::Context;
use clap::Args;

use super::Place;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::out;
use crate::serve::audit_keys::{KeyFiles, generate};

#[derive(Args)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    place: Place,
    /// Why; kept in every organization's trail.
    #[arg(long)]
    reason: String,
    /// The key in force is lost. Whoever trusts it must be told of the new one: nothing vouches for
    /// it.
    #[arg(long)]
    without_old_key: bool,
}

/// Runs the command. A crash at any point leaves the key in force in one of the files.
pub(super) async fn run(args: RotateArgs, file: Option<&Path>) -> anyhow::Result<()> {
    let files = KeyFiles::of(&Config::load(file)?);
    let store = args.place.store(file).await?;
    let known = store.list_audit_keys().await?;
    let current = known
        .last()
        .context("there is no key yet; start the server once")?;
    let old = files.find(|it| it.public_key() == current.key);
    if old.is_none() && !args.without_old_key {
        anyhow::bail!(
            "the key in force, {}, is not in the key file; run this where it is, or add \
             --without-old-key if it is lost",
            current.key.to_base64url()
        );
    }
    let old = old.filter(|_| !args.without_old_key);
    let new = generate();
    files.prepare(&new)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    rotate_audit_key(&store, &clock, old.as_ref(), &new, &args.reason).await?;
    files.replace()?;
    out::line(format!(
        "the key in force is now {}",
        new.public_key().to_base64url()
    ));
    Ok(())
}
