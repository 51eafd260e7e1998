//! `aim models publish` and `aim models adopt-default`.

use aim_ml_models::default_model;
use aim_ml_models::registry::Registry;
use anyhow::Context;
use serde_json::{Value, json};

use super::server::Server;
use super::{Place, Which};

/// What to publish where.
#[derive(clap::Args)]
pub(crate) struct PublishArgs {
    /// A number, champion or challenger of the registry.
    version: Which,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: &PublishArgs) -> anyhow::Result<()> {
    let registry = Registry::open(&args.place.registry)?;
    let version = args.version.find(&registry)?;
    // What this program cannot load, the server cannot either.
    registry.get(version)?;
    let client = args.server.require().await?;
    let signer = registry.public_key().to_base64url();
    let answer = client
        .send_model(registry.artefact(version)?, &signer)
        .await?;
    let number = answer["number"].as_i64().context("the server's answer")?;
    let row = vec![format!("v{version}"), format!("v{number}"), signer.clone()];
    let value: Value = json!({
        "version": version, "published": number, "id": answer["id"], "signer": signer,
    });
    let columns = ["version", "on the server", "signed by"];
    args.place.view.table(&columns, &[row], &value);
    Ok(())
}

/// Where to take the default model in.
#[derive(clap::Args)]
pub(crate) struct AdoptArgs {
    #[command(flatten)]
    place: Place,
}

/// Adds the model that comes with the program, signed by the registry's own key from then on.
pub(super) fn adopt(args: &AdoptArgs) -> anyhow::Result<()> {
    let artefact = default_model::load()?;
    let registry = Registry::create(&args.place.registry, &rand::random())?;
    let version = registry.add(&artefact)?;
    let header = &artefact.header;
    let row = vec![
        format!("v{version}"),
        header.kind.to_string(),
        header.created_at.to_rfc3339(),
        header.rows.to_string(),
    ];
    let columns = ["version", "kind", "trained", "rows"];
    let value = json!({ "version": version, "model": header });
    args.place.view.table(&columns, &[row], &value);
    Ok(())
}
