//! Labels from what people said of alerts: `aim models export-labels`, and reading them again.
//!
//! The file is CSV with the columns `organization`, `event`, `label`, `label_time` and `alert`. Events
//! have their id within an organization, so that a file is about one organization.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use aim_domain::id::{EventId, OrganizationId};
use aim_ml_models::dataset::Label;
use anyhow::Context;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::server::{Server, all};
use crate::client::{Client, text};
use crate::view::View;

/// First line of a file of labels.
const HEADER: &str = "organization,event,label,label_time,alert";
const RISK: &str = "risk";
const FINE: &str = "fine";

/// What to export where.
#[derive(clap::Args)]
pub(crate) struct LabelsArgs {
    /// The CSV file to write.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    view: View,
}

/// A label with the alert it comes from.
struct Told {
    label: Label,
    alert: String,
}

pub(super) async fn run(args: &LabelsArgs) -> anyhow::Result<()> {
    let client = args.server.require().await?;
    let query = "query($after: String) {
        list: alerts(first: 100, after: $after, filter: { status: RESOLVED }) {
            nodes { id verdict resolvedAt } pageInfo { hasNextPage endCursor } } }";
    let alerts = all(&client, query, json!({})).await?;
    let mut labels: HashMap<EventId, Told> = HashMap::new();
    for alert in &alerts {
        take(&client, alert, &mut labels).await?;
    }
    let mut events: Vec<_> = labels.iter().collect();
    events.sort_by_key(|(event, _)| **event);
    let organization = client.organization().await?;
    let mut file = format!("{HEADER}\n");
    for (event, told) in &events {
        let label = if told.label.is_risk { RISK } else { FINE };
        let time = told.label.time.to_rfc3339();
        writeln!(file, "{organization},{event},{label},{time},{}", told.alert)?;
    }
    std::fs::write(&args.out, file).with_context(|| format!("`{}`", args.out.display()))?;
    let risky = labels.values().filter(|told| told.label.is_risk).count();
    let (all, fine) = (alerts.len(), labels.len() - risky);
    let row = [all, risky, fine].map(|n| n.to_string()).to_vec();
    let value = json!({ "alerts": all, "risky": risky, "fine": fine });
    let columns = ["resolved alerts", "risky events", "fine events"];
    args.view.table(&columns, &[row], &value);
    Ok(())
}

/// Labels the events of an alert's findings; of two verdicts on one event the later one holds.
async fn take(
    client: &Client,
    alert: &Value,
    labels: &mut HashMap<EventId, Told>,
) -> anyhow::Result<()> {
    let (Some(id), Some(verdict), Some(time)) = (
        text(alert, "/id"),
        text(alert, "/verdict"),
        text(alert, "/resolvedAt"),
    ) else {
        return Ok(());
    };
    let label = Label {
        is_risk: verdict == "TRUE_POSITIVE",
        time: time.parse().context("`resolvedAt` of an alert")?,
    };
    let query = "query($after: String, $alert: ID!) {
        list: anomalies(first: 100, after: $after, filter: { alertId: $alert }) {
            nodes { eventId } pageInfo { hasNextPage endCursor } } }";
    for anomaly in all(client, query, json!({ "alert": id })).await? {
        let event: EventId = text(&anomaly, "/eventId").context("`eventId`")?.parse()?;
        let is_newer = labels
            .get(&event)
            .is_none_or(|told| told.label.time < label.time);
        if is_newer {
            let alert = id.clone();
            labels.insert(event, Told { label, alert });
        }
    }
    Ok(())
}

/// Labels of events, and whose they are.
pub(super) struct Labels {
    pub(super) organization: OrganizationId,
    pub(super) labels: HashMap<EventId, Label>,
}

/// Reads a file as [`run`] writes it.
pub(super) fn read(path: &Path) -> anyhow::Result<Labels> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
    let mut lines = text.lines().enumerate();
    let is_ours = lines.next().is_some_and(|(_, line)| line.trim() == HEADER);
    anyhow::ensure!(
        is_ours,
        "`{}` does not begin with `{HEADER}`",
        path.display()
    );
    let mut organization = None;
    let mut labels = HashMap::new();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("`{}`, line {}", path.display(), index + 1);
        let (whose, event, label) = parse(line).with_context(place)?;
        anyhow::ensure!(
            *organization.get_or_insert(whose) == whose,
            "{} is about another organization than the lines before",
            place()
        );
        anyhow::ensure!(
            labels.insert(event, label).is_none(),
            "{} labels an event again",
            place()
        );
    }
    let nobody = OrganizationId::from_uuid(uuid::Uuid::nil());
    Ok(Labels {
        organization: organization.unwrap_or(nobody),
        labels,
    })
}

fn parse(line: &str) -> anyhow::Result<(OrganizationId, EventId, Label)> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    let [organization, event, label, time, ..] = cells.as_slice() else {
        anyhow::bail!("has {} columns: use {HEADER}", cells.len());
    };
    let is_risk = match *label {
        RISK => true,
        FINE => false,
        other => anyhow::bail!("label `{other}`: use {RISK} or {FINE}"),
    };
    let time: DateTime<Utc> = time.parse().context("`label_time`")?;
    Ok((
        organization.parse().context("`organization`")?,
        event.parse().context("`event`")?,
        Label { is_risk, time },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_of_labels_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        let uuid = |number: u128| uuid::Uuid::from_u128(number);
        let line = |whose: u128, event: u128, label: &str| {
            let (whose, event) = (uuid(whose), uuid(event));
            format!("{whose},{event},{label},2026-01-05T10:00:00Z,alert\n")
        };
        let read = |body: &str| {
            std::fs::write(&path, body).unwrap();
            read(&path)
        };
        let good = format!("{HEADER}\n{}\n{}", line(1, 2, RISK), line(1, 3, FINE));
        let labels = read(&good).unwrap();
        assert_eq!(labels.organization.as_uuid(), uuid(1));
        assert!(labels.labels[&EventId::from_uuid(uuid(2))].is_risk);
        assert!(!labels.labels[&EventId::from_uuid(uuid(3))].is_risk);
        for (body, said) in [
            (String::new(), "does not begin with"),
            (line(1, 2, RISK), "does not begin with"),
            (format!("{HEADER}\n{}", line(1, 2, "bad")), "label `bad`"),
            (format!("{HEADER}\nx\n"), "has 1 columns"),
            (
                format!("{good}{}", line(2, 4, RISK)),
                "another organization",
            ),
            (
                format!("{good}{}", line(1, 3, RISK)),
                "labels an event again",
            ),
        ] {
            let Err(error) = read(&body) else {
                panic!("{body} was taken");
            };
            let text = format!("{error:#}");
            assert!(text.contains(said), "{text}");
        }
    }
}
