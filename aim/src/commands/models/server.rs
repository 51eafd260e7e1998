//! The same verbs on a server: versions, names and what was seen of them.

use aim_ml_models::registry::Alias;
use anyhow::Context;
use serde_json::{Value, json};

use super::Which;
use super::names::{ListArgs, PromoteArgs, RollbackArgs};
use crate::client::noun::refusal;
use crate::client::target::Who;
use crate::client::{Client, Target, text};
use crate::out;
use crate::view::View;

/// Versions of one page, and the most pages that are asked for.
const PAGE: usize = 100;
const PAGES_MAX: usize = 1_000;

/// Which server to act on; none is the registry's folder.
#[derive(clap::Args)]
pub(crate) struct Server {
    /// Act on this server, whose versions have numbers of their own, and not on the registry.
    #[arg(long, help_heading = "Server")]
    pub(super) url: Option<String>,
    #[command(flatten)]
    who: Who,
}

impl Server {
    /// Signs in, where a server is named.
    pub(super) async fn connect(&self) -> anyhow::Result<Option<Client>> {
        if self.url.is_none() {
            return Ok(None);
        }
        let target = Target {
            url: self.url.clone(),
            who: self.who.clone(),
        };
        Ok(Some(target.connect().await?))
    }

    /// Signs in where a server must be named.
    pub(super) async fn require(&self) -> anyhow::Result<Client> {
        let client = self.connect().await?;
        client.context("`--url` is missing: name the server")
    }
}

const fn alias_name(alias: Alias) -> &'static str {
    match alias {
        Alias::Champion => "CHAMPION",
        Alias::Challenger => "CHALLENGER",
    }
}

/// All nodes of a connection; `query` takes `$after` and has the connection in a field `list`.
pub(super) async fn all(
    client: &Client,
    query: &str,
    mut variables: Value,
) -> anyhow::Result<Vec<Value>> {
    let mut nodes = Vec::new();
    for _ in 0..PAGES_MAX {
        let mut answer = client.graphql(query, variables.clone()).await?;
        let list = answer["list"].take();
        nodes.extend(list["nodes"].as_array().cloned().unwrap_or_default());
        if list["pageInfo"]["hasNextPage"] != true {
            return Ok(nodes);
        }
        variables["after"] = list["pageInfo"]["endCursor"].clone();
    }
    anyhow::bail!("more than {} rows", PAGES_MAX * PAGE)
}

async fn versions(client: &Client) -> anyhow::Result<Vec<Value>> {
    let query = "query($after: String) { list: modelVersions(first: 100, after: $after) {
        nodes { id number kind auc byteCount publishedAt sha256 signerKeyId card }
        pageInfo { hasNextPage endCursor } } }";
    all(client, query, json!({})).await
}

const NOW: &str = "{ organization { models {
    champion { id number } challenger { id number } signer { keyId } } } }";

/// The global id of a version.
async fn find(client: &Client, which: Which) -> anyhow::Result<String> {
    let number = match which {
        Which::Version(number) => number,
        Which::Alias(alias) => {
            let now = client.graphql(NOW, json!({})).await?;
            let name = alias_name(alias).to_lowercase();
            let id = text(&now, &format!("/organization/models/{name}/id"));
            return id.with_context(|| format!("no version is {alias} on the server"));
        }
    };
    let all = versions(client).await?;
    let found = all.iter().find(|version| version["number"] == number);
    found
        .and_then(|version| text(version, "/id"))
        .with_context(|| format!("the server has no version {number}: `aim models list --url`"))
}

/// The payload of a mutation, or what the server refused.
fn payload(mut answer: Value, mutation: &str) -> anyhow::Result<Value> {
    let payload = answer[mutation].take();
    refusal(&payload).map_or(Ok(payload), Err)
}

const MOVE: &str = "modelMove { alias fromVersion toVersion movedBy reason isRollback isForced }
    userErrors { code message field }";

pub(super) async fn promote(client: &Client, args: &PromoteArgs) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.features.is_none() && !args.all,
        "`--features` and `--all` are for the registry: the server compares by what it has seen"
    );
    let input = json!({
        "modelVersionId": find(client, args.version).await?,
        "alias": alias_name(args.reason.alias),
        "reason": args.reason.reason,
        "force": args.force,
    });
    let query = format!(
        "mutation($input: PromoteModelInput!) {{ promoteModel(input: $input) {{ {MOVE} }} }}"
    );
    let answer = client.graphql(&query, json!({ "input": input })).await?;
    print_move(&payload(answer, "promoteModel")?, args.place.view);
    Ok(())
}

pub(super) async fn rollback(client: &Client, args: &RollbackArgs) -> anyhow::Result<()> {
    let input = json!({
        "alias": alias_name(args.reason.alias),
        "reason": args.reason.reason,
    });
    let query = format!(
        "mutation($input: RollbackModelInput!) {{ rollbackModel(input: $input) {{ {MOVE} }} }}"
    );
    let answer = client.graphql(&query, json!({ "input": input })).await?;
    print_move(&payload(answer, "rollbackModel")?, args.place.view);
    Ok(())
}

fn version_name(version: &Value) -> String {
    version
        .as_u64()
        .map_or("none".to_owned(), |number| format!("v{number}"))
}

fn print_move(payload: &Value, view: View) {
    let change = &payload["modelMove"];
    let word = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
    let row = vec![
        word("alias").to_lowercase(),
        version_name(&change["fromVersion"]),
        version_name(&change["toVersion"]),
        word("movedBy"),
        word("reason"),
    ];
    let columns = ["alias", "from", "to", "by", "reason"];
    view.table(&columns, &[row], change);
}

pub(super) async fn list(client: &Client, args: &ListArgs) -> anyhow::Result<()> {
    let now = client.graphql(NOW, json!({})).await?;
    let mut rows = Vec::new();
    let mut values = versions(client).await?;
    values.reverse();
    for version in &mut values {
        let aliases: Vec<_> = ["champion", "challenger"]
            .into_iter()
            .filter(|name| now["organization"]["models"][name]["id"] == version["id"])
            .collect();
        let word = |name: &str| version[name].as_str().unwrap_or_default().to_owned();
        let auc = version["auc"].as_f64();
        rows.push(vec![
            version_name(&version["number"]),
            word("kind"),
            word("publishedAt"),
            version["byteCount"].to_string(),
            auc.map_or("none".to_owned(), |auc| format!("{auc:.4}")),
            aliases.join(", "),
        ]);
        version["aliases"] = json!(aliases);
    }
    let columns = ["version", "kind", "published", "bytes", "AUC", "aliases"];
    args.place.view.table(&columns, &rows, &json!(values));
    Ok(())
}

/// What to report on.
#[derive(clap::Args)]
pub(crate) struct ShadowArgs {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    view: View,
}

pub(super) async fn shadow(args: &ShadowArgs) -> anyhow::Result<()> {
    let client = args.server.require().await?;
    let query = "{ shadowReport {
        champion { version { number kind } scoredCount flaggedCount errorCount meanScore histogram
            meanSeconds }
        challenger { version { number kind } scoredCount flaggedCount errorCount meanScore histogram
            meanSeconds }
        bothFlaggedCount stabilityIndex leastScoredCount mostFlagRatio } }";
    let mut answer = client.graphql(query, json!({})).await?;
    let report = answer["shadowReport"].take();
    let mut rows = Vec::new();
    for name in ["champion", "challenger"] {
        let scores = &report[name];
        if scores.is_null() {
            continue;
        }
        let number = |name: &str, factor: f64| {
            let value = scores[name].as_f64();
            value.map_or("none".to_owned(), |value| format!("{:.4}", value * factor))
        };
        rows.push(vec![
            name.to_owned(),
            version_name(&scores["version"]["number"]),
            scores["scoredCount"].to_string(),
            scores["flaggedCount"].to_string(),
            scores["errorCount"].to_string(),
            number("meanScore", 1.0),
            number("meanSeconds", 1e6),
        ]);
    }
    let columns = [
        "alias",
        "version",
        "scored",
        "flagged",
        "errors",
        "mean score",
        "µs a score",
    ];
    args.view.table(&columns, &rows, &report);
    if args.view.is_table() {
        let index = report["stabilityIndex"].as_f64();
        let index = index.map_or("none".to_owned(), |index| format!("{index:.4}"));
        out::line(format!(
            "flagged by both: {}; stability index: {index}; a challenger needs {} scored actions",
            report["bothFlaggedCount"], report["leastScoredCount"]
        ));
    }
    Ok(())
}
