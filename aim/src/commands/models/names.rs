//! `aim models list|show|promote|rollback`.

use std::path::PathBuf;

use aim_domain::clock::Clock;
use aim_ml_models::dataset::read_parquet;
use aim_ml_models::registry::{Alias, Change, Move, Registry, gate};
use anyhow::Context;
use serde_json::json;

use super::evaluate::measure;
use super::server::Server;
use super::{Place, Which};
use crate::clock::SystemClock;
use crate::out;
use crate::view::View;

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(super) server: Server,
    #[command(flatten)]
    pub(super) place: Place,
}

/// Which card.
#[derive(clap::Args)]
pub(crate) struct ShowArgs {
    /// A number, champion or challenger.
    version: Which,
    #[command(flatten)]
    place: Place,
}

/// Who moves what, and why.
#[derive(clap::Args)]
pub(super) struct Reason {
    /// champion or challenger.
    #[arg(long, default_value = "champion")]
    pub(super) alias: Alias,
    /// Who does this; a server knows by itself.
    #[arg(long, required_unless_present = "url")]
    by: Option<String>,
    /// Why.
    #[arg(long)]
    pub(super) reason: String,
}

/// What to promote.
#[derive(clap::Args)]
pub(crate) struct PromoteArgs {
    /// A number, or challenger.
    pub(super) version: Which,
    /// Labelled features on which the version must not be worse than the champion. A server compares
    /// by what both did with the same actions.
    #[arg(long)]
    pub(super) features: Option<PathBuf>,
    /// Compare on all rows, of which none may have been trained on; else on the part that the
    /// version's seed holds out.
    #[arg(long)]
    pub(super) all: bool,
    /// Promote without comparing.
    #[arg(long)]
    pub(super) force: bool,
    #[command(flatten)]
    pub(super) reason: Reason,
    #[command(flatten)]
    pub(super) server: Server,
    #[command(flatten)]
    pub(super) place: Place,
}

#[derive(clap::Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(super) reason: Reason,
    #[command(flatten)]
    pub(super) server: Server,
    #[command(flatten)]
    pub(super) place: Place,
}

pub(super) fn list(args: &ListArgs) -> anyhow::Result<()> {
    let registry = Registry::open(&args.place.registry)?;
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for version in registry.list()? {
        let aliases: Vec<String> = Alias::ALL
            .into_iter()
            .filter_map(|alias| match registry.find_alias(alias) {
                Ok(found) => (found == Some(version)).then(|| Ok(alias.to_string())),
                Err(error) => Some(Err(error)),
            })
            .collect::<Result<_, _>>()?;
        // One that cannot be loaded must not hide the others.
        match registry.get(version) {
            Ok(artefact) => {
                let header = artefact.header;
                let auc = header.metrics.as_ref().map(|metrics| metrics.auc);
                rows.push(vec![
                    format!("v{version}"),
                    header.kind.to_string(),
                    header.created_at.to_rfc3339(),
                    header.rows.to_string(),
                    auc.map_or("none".to_owned(), |auc| format!("{auc:.4}")),
                    aliases.join(", "),
                ]);
                values.push(json!({ "version": version, "aliases": aliases, "model": header }));
            }
            Err(error) => {
                let mut row = vec![format!("v{version}"), error.to_string()];
                row.resize(5, String::new());
                row.push(aliases.join(", "));
                rows.push(row);
                let error = error.to_string();
                values.push(json!({ "version": version, "aliases": aliases, "error": error }));
            }
        }
    }
    let columns = ["version", "kind", "trained", "rows", "AUC", "aliases"];
    args.place.view.table(&columns, &rows, &json!(values));
    Ok(())
}

pub(super) fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let registry = Registry::open(&args.place.registry)?;
    let version = args.version.find(&registry)?;
    // A card is only worth something when its model is what it was.
    let artefact = registry.get(version)?;
    if !args.place.view.is_table() {
        let value = json!({ "version": version, "model": artefact.header });
        args.place.view.object(&value);
    } else {
        out::line(registry.card(version)?.trim_end());
    }
    Ok(())
}

pub(super) fn promote(args: &PromoteArgs) -> anyhow::Result<()> {
    let registry = Registry::open(&args.place.registry)?;
    let version = args.version.find(&registry)?;
    let champion = registry.find_alias(Alias::Champion)?;
    if let (Alias::Champion, Some(champion), false) = (args.reason.alias, champion, args.force) {
        let path = args.features.as_ref().context(
            "`--features` is missing: give labelled features to compare on, or --force and a reason",
        )?;
        let dataset = read_parquet(path)?;
        let challenger = registry.get(version)?;
        let seed = (!args.all).then_some(challenger.header.seed);
        let better = measure(&challenger, &dataset, seed)?;
        let before = measure(&registry.get(champion)?, &dataset, seed)?;
        gate(&better, &before)?;
        out::note(format!(
            "v{version} has AUC {:.4}, the champion v{champion} {:.4}, on {} rows",
            better.auc, before.auc, better.rows
        ));
    }
    let mut why = args.reason.why();
    if args.force {
        why.reason = format!("forced: {}", why.reason);
    }
    let change = registry.promote(args.reason.alias, version, &why)?;
    print(&change, args.place.view)
}

pub(super) fn rollback(args: &RollbackArgs) -> anyhow::Result<()> {
    let registry = Registry::open(&args.place.registry)?;
    let change = registry.rollback(args.reason.alias, &args.reason.why())?;
    print(&change, args.place.view)
}

impl Reason {
    fn why(&self) -> Move {
        Move {
            by: self.by.clone().unwrap_or_default(),
            reason: self.reason.clone(),
            at: SystemClock.now(),
        }
    }
}

fn print(change: &Change, view: View) -> anyhow::Result<()> {
    let name = |version: Option<u32>| version.map_or("none".to_owned(), |v| format!("v{v}"));
    let row = vec![
        change.alias.to_string(),
        name(change.from),
        name(change.to),
        change.by.clone(),
        change.reason.clone(),
    ];
    let columns = ["alias", "from", "to", "by", "reason"];
    view.table(&columns, &[row], &serde_json::to_value(change)?);
    Ok(())
}
