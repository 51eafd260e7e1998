//! What commands about one or many of a noun have in common.

use serde_json::{Value, json};

use crate::client::noun::{Noun, Paging};
use crate::client::{Client, Target};
use crate::view::View;

/// A list.
#[derive(clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) view: View,
}

impl List {
    pub(super) async fn run(&self, noun: &Noun, filter: &Value) -> anyhow::Result<()> {
        let client = self.target.connect().await?;
        self.of(&client, noun, filter).await
    }

    pub(super) async fn of(
        &self,
        client: &Client,
        noun: &Noun,
        filter: &Value,
    ) -> anyhow::Result<()> {
        client
            .print_all(noun, filter, &self.paging, self.view)
            .await
    }
}

/// One of them.
#[derive(clap::Args)]
pub(crate) struct Show {
    /// Which one: its name or id.
    pub(super) which: String,
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) view: View,
}

impl Show {
    /// Shows one that has a name.
    pub(super) async fn by_name(&self, noun: &Noun) -> anyhow::Result<()> {
        let client = self.target.connect().await?;
        let id = client.id_of(noun, &self.which).await?;
        client.print_one(noun, &id, self.view).await
    }

    /// Shows one that has an id only.
    pub(super) async fn by_id(&self, noun: &Noun) -> anyhow::Result<()> {
        let client = self.target.connect().await?;
        client.print_one(noun, &self.which, self.view).await
    }

    /// Does something to one that needs no reason.
    pub(super) async fn change(
        &self,
        noun: &Noun,
        how: (&str, &str),
        key: &str,
    ) -> anyhow::Result<()> {
        let client = self.target.connect().await?;
        let input = json!({ key: client.id_of(noun, &self.which).await? });
        let changed = client.change(noun, how, input).await?;
        self.view.row(noun.columns, &changed);
        Ok(())
    }
}

/// One of them, and why something is done to it.
#[derive(clap::Args)]
pub(crate) struct Because {
    #[command(flatten)]
    pub(super) one: Show,
    /// Why; kept in the audit log.
    #[arg(long)]
    pub(super) reason: String,
}

impl Because {
    /// Changes one that has a name. `key` is the field of the input that takes its id.
    pub(super) async fn by_name(
        &self,
        noun: &Noun,
        how: (&str, &str),
        key: &str,
    ) -> anyhow::Result<()> {
        let client = self.one.target.connect().await?;
        let id = client.id_of(noun, &self.one.which).await?;
        self.of(&client, noun, how, json!({ key: id })).await
    }

    /// Changes one that has an id only.
    pub(super) async fn by_id(
        &self,
        noun: &Noun,
        how: (&str, &str),
        key: &str,
    ) -> anyhow::Result<()> {
        let client = self.one.target.connect().await?;
        let input = json!({ key: self.one.which });
        self.of(&client, noun, how, input).await
    }

    /// The change itself, with the reason added.
    pub(super) async fn of(
        &self,
        client: &Client,
        noun: &Noun,
        how: (&str, &str),
        mut input: Value,
    ) -> anyhow::Result<()> {
        input["reason"] = json!(self.reason);
        let changed = client.change(noun, how, input).await?;
        self.one.view.row(noun.columns, &changed);
        Ok(())
    }
}
