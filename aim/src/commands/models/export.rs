//! `aim models export-features`.

use std::path::PathBuf;

use aim_domain::action::ObservedAction;
use aim_domain::clock::Clock;
use aim_domain::id::{AgentId, OrganizationId};
use aim_domain::location::Nowhere;
use aim_eventlog::{Envelope, agent_of_source, parse_action};
use aim_ml_models::dataset::{Replay, write_parquet};
use aim_ml_models::evaluation::load_runs;
use aim_ml_models::model::ROWS_MAX;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::labels;
use crate::clock::SystemClock;
use crate::commands::replay::read;
use crate::view::View;

/// What to export.
#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// CloudEvents as JSON lines, plain or gzip.
    #[arg(long)]
    events: PathBuf,
    /// Runs with labels as CSV, plain or gzip.
    #[arg(long)]
    runs: Option<PathBuf>,
    /// Labels of events as `export-labels` writes them; they hold before those of runs.
    #[arg(long)]
    labels: Option<PathBuf>,
    /// The Parquet file to write.
    #[arg(long)]
    out: PathBuf,
    /// What to write as the time of computing; now when left out.
    #[arg(long)]
    created: Option<DateTime<Utc>>,
    #[command(flatten)]
    view: View,
}

pub(super) fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let runs = args.runs.as_deref().map(load_runs).transpose()?;
    let created = args.created.unwrap_or_else(|| SystemClock.now());
    let labels = args.labels.as_deref().map(labels::read).transpose()?;
    let organization = labels.as_ref().map(|labels| labels.organization);
    let nowhere = OrganizationId::from_uuid(Uuid::nil());
    let organization = organization.unwrap_or(nowhere);
    let mut replay = Replay::new(created);
    if let Some(labels) = labels {
        replay = replay.with_labels(labels.labels);
    }
    let mut refused = 0;
    for line in read(&args.events, ROWS_MAX)? {
        match observed(&line, organization) {
            Some((entity, action)) => replay.observe(&entity, &action)?,
            None => refused += 1,
        }
    }
    let dataset = replay.finish(runs.as_deref())?;
    write_parquet(&dataset, &args.out)?;
    let labels = |is_risk| {
        let labels = dataset.rows.iter().filter_map(|row| row.label);
        labels.filter(|label| label.is_risk == is_risk).count()
    };
    let (rows, risky, fine) = (dataset.rows.len(), labels(true), labels(false));
    let hash = dataset.sha256();
    let row = vec![
        rows.to_string(),
        risky.to_string(),
        fine.to_string(),
        refused.to_string(),
        hash.clone(),
    ];
    let value =
        json!({ "refused": refused, "rows": rows, "risky": risky, "fine": fine, "sha256": hash });
    let header = ["rows", "risky", "fine", "refused", "SHA-256 of the data"];
    args.view.table(&header, &[row], &value);
    Ok(())
}

/// Reads an event as the stream does; `None` for what it would not learn from either.
fn observed(line: &str, organization: OrganizationId) -> Option<(String, ObservedAction)> {
    let envelope = Envelope::parse(line.as_bytes()).ok()?;
    let entity = agent_of_source(&envelope.source)?.to_owned();
    let nobody = AgentId::from_uuid(Uuid::nil());
    let data = envelope.data.json(None).ok()?;
    let action = parse_action(&envelope, &data, nobody, organization, &Nowhere).ok()?;
    Some((entity, action))
}
