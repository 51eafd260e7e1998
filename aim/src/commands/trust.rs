//! `aim trust`: scores, and what they are made of.

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::json;

use super::agents::AGENT;
use super::asked::{Because, Show};
use crate::client::Target;
use crate::view::View;

#[derive(Subcommand)]
pub(crate) enum Trust {
    /// Shows an agent's score and its eight factors, each with its evidence.
    Show(Show),
    /// Prints an agent's scores over time, the newest first.
    History(HistoryArgs),
    /// Puts a score of a person's in place of an agent's own, for a while.
    Override(OverrideArgs),
    /// Takes that back.
    Withdraw(Because),
    /// Computes an agent's score anew.
    Recalculate(Show),
    /// Sums up the scores of all agents.
    Summary(SummaryArgs),
}

#[derive(clap::Args)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    one: Show,
    /// Most scores.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
}

#[derive(clap::Args)]
pub(crate) struct OverrideArgs {
    #[command(flatten)]
    because: Because,
    /// The score, from 0 to 1.
    score: f64,
    /// Until this time, such as `2026-05-04T00:00:00Z`.
    #[arg(long)]
    expires_at: DateTime<Utc>,
}

#[derive(clap::Args)]
pub(crate) struct SummaryArgs {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    view: View,
}

/// Runs the command.
pub(crate) async fn run(command: Trust) -> anyhow::Result<()> {
    match command {
        Trust::Show(args) => show(args).await,
        Trust::History(args) => history(args).await,
        Trust::Override(args) => {
            let one = &args.because.one;
            let client = one.target.connect().await?;
            let agent = client.id_of(&AGENT, &one.which).await?;
            let input = json!({
                "agentId": agent, "score": args.score, "expiresAt": args.expires_at,
            });
            let how = ("overrideTrustScore", "agent");
            args.because.of(&client, &AGENT, how, input).await
        }
        Trust::Withdraw(args) => {
            let how = ("withdrawTrustOverride", "agent");
            args.by_name(&AGENT, how, "agentId").await
        }
        Trust::Recalculate(args) => {
            let how = ("recalculateTrust", "agent");
            args.change(&AGENT, how, "agentId").await
        }
        Trust::Summary(args) => {
            let client = args.target.connect().await?;
            let query = "{ trustSummary { meanScore unscoredCount bands { band agentCount } } }";
            let answer = client.graphql(query, json!({})).await?;
            args.view.object(&answer["trustSummary"]);
            Ok(())
        }
    }
}

async fn show(args: Show) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let id = client.id_of(&AGENT, &args.which).await?;
    let query = "query($id: ID!) { agent(id: $id) { name trust {
            score effectiveScore band confidence sampleCount updatedAt
            override { score reason expiresAt setBy } }
        trustHistory(first: 1) { nodes { factors { kind value weight confidence evidence } } } } }";
    let mut answer = client.graphql(query, json!({ "id": id })).await?;
    let mut shown = answer["agent"]["trust"].take();
    shown["agent"] = answer["agent"]["name"].take();
    // Nobody has acted yet: there are no factors.
    let factors = answer.pointer_mut("/agent/trustHistory/nodes/0/factors");
    shown["factors"] = factors.map(serde_json::Value::take).unwrap_or_default();
    args.view.object(&shown);
    Ok(())
}

async fn history(args: HistoryArgs) -> anyhow::Result<()> {
    let client = args.one.target.connect().await?;
    let id = client.id_of(&AGENT, &args.one.which).await?;
    let query = "query($id: ID!, $first: Int) { agent(id: $id) { trustHistory(first: $first) {
        nodes { score band confidence sampleCount eventTime } } } }";
    let variables = json!({ "id": id, "first": args.limit });
    let answer = client.graphql(query, variables).await?;
    let scores = answer.pointer("/agent/trustHistory/nodes");
    let scores = scores.and_then(|it| it.as_array());
    let columns = [
        ("TIME", "/eventTime"),
        ("SCORE", "/score"),
        ("BAND", "/band"),
        ("CONFIDENCE", "/confidence"),
        ("SAMPLES", "/sampleCount"),
    ];
    args.one
        .view
        .list(&columns, scores.map_or(&[], Vec::as_slice));
    Ok(())
}
