//! `aim api-keys`: credentials of programs.

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::{Value, json};

use super::asked::{List, Show};
use super::values::ProgramPermission;
use crate::client::noun::Noun;
use crate::client::{Target, text};
use crate::out;
use crate::view::View;

const API_KEY: Noun = Noun {
    name: "API key",
    all: "apiKeys",
    filter: "",
    narrows: "",
    one: "",
    fields: "id name prefix permissions isEnabled expiresAt lastUsedAt createdAt rotatedAt
        previousUntil",
    more: "",
    columns: &[
        ("NAME", "/name"),
        ("BEGINS", "/prefix"),
        ("PERMISSIONS", "/permissions"),
        ("ENABLED", "/isEnabled"),
        ("EXPIRES", "/expiresAt"),
        ("LAST USED", "/lastUsedAt"),
        ("ID", "/id"),
    ],
};

#[derive(Subcommand)]
pub(crate) enum ApiKeys {
    /// Lists API keys.
    List(List),
    /// Makes one. Its secret is printed once and can never be shown again.
    Create(CreateArgs),
    /// Replaces the secret of one. The new one is printed once.
    Rotate(RotateArgs),
    /// Makes one good for nothing, for a while.
    Disable(Show),
    /// Makes a disabled one good again.
    Enable(Show),
    /// Deletes one.
    Revoke(Show),
}

#[derive(clap::Args)]
pub(crate) struct CreateArgs {
    /// What it is called.
    name: String,
    /// What it may; may be given several times.
    #[arg(
        long = "permission",
        value_enum,
        ignore_case = true,
        required = true,
        value_delimiter = ','
    )]
    permissions: Vec<ProgramPermission>,
    /// When it ends, such as `2026-05-04T00:00:00Z`; as the organization says when left out.
    #[arg(long)]
    expires_at: Option<DateTime<Utc>>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    view: View,
}

#[derive(clap::Args)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    one: Show,
    /// So long the old secret is good for, in seconds; 0 when it has leaked.
    #[arg(long, default_value_t = 3600)]
    overlap_seconds: u32,
}

/// Runs the command.
pub(crate) async fn run(command: ApiKeys) -> anyhow::Result<()> {
    match command {
        ApiKeys::List(args) => args.run(&API_KEY, &json!({})).await,
        ApiKeys::Create(args) => create(args).await,
        ApiKeys::Rotate(args) => rotate(args).await,
        ApiKeys::Disable(args) => {
            let how = ("disableApiKey", "apiKey");
            args.change(&API_KEY, how, "apiKeyId").await
        }
        ApiKeys::Enable(args) => {
            let how = ("enableApiKey", "apiKey");
            args.change(&API_KEY, how, "apiKeyId").await
        }
        ApiKeys::Revoke(args) => revoke(args).await,
    }
}

async fn create(args: CreateArgs) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let input = json!({
        "name": args.name,
        "permissions": args.permissions,
        "expiresAt": args.expires_at,
    });
    let selection = format!("created {{ secret apiKey {{ {} }} }}", API_KEY.fields);
    let mut payload = client.mutate("createApiKey", &selection, input).await?;
    print(args.view, payload["created"].take());
    Ok(())
}

async fn rotate(args: RotateArgs) -> anyhow::Result<()> {
    let client = args.one.target.connect().await?;
    let input = json!({
        "apiKeyId": client.id_of(&API_KEY, &args.one.which).await?,
        "overlapSeconds": args.overlap_seconds,
    });
    let selection = format!("rotated {{ secret apiKey {{ {} }} }}", API_KEY.fields);
    let mut payload = client.mutate("rotateApiKey", &selection, input).await?;
    print(args.one.view, payload["rotated"].take());
    Ok(())
}

/// A key with its secret, which is alone on its line for people.
fn print(view: View, mut made: Value) {
    let secret = text(&made, "/secret").unwrap_or_default();
    let mut key = made["apiKey"].take();
    if !view.is_table() {
        key["secret"] = json!(secret);
        return view.row(API_KEY.columns, &key);
    }
    view.row(API_KEY.columns, &key);
    out::note("The secret, which is shown only now:");
    out::line(secret);
}

async fn revoke(args: Show) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let id = client.id_of(&API_KEY, &args.which).await?;
    let input = json!({ "apiKeyId": id });
    let payload = client.mutate("deleteApiKey", "apiKeyId", input).await?;
    args.view.object(&json!({ "deleted": payload["apiKeyId"] }));
    Ok(())
}
