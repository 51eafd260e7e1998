//! `aim notifications`: who outside is told, and what became of it.

use clap::Subcommand;
use serde_json::{Value, json};

use super::asked::{Because, List, Show};
use super::values::{Severity, TargetKind};
use crate::client::noun::{Noun, filter};
use crate::client::{Target, text};
use crate::failure::{Failure, Kind};
use crate::out;
use crate::view::View;

const TARGET: Noun = Noun {
    name: "notification target",
    all: "notificationTargets",
    filter: "NotificationTargetFilter",
    narrows: "",
    one: "notificationTarget",
    fields: "id name kind address isEnabled eventTypes leastSeverity failingSince lastSuccessAt",
    more: "createdAt createdBy disabledAt disabledReason
        deliveries(first: 20) { nodes { id eventType status attemptCount createdAt finishedAt } }",
    columns: &[
        ("NAME", "/name"),
        ("KIND", "/kind"),
        ("ADDRESS", "/address"),
        ("ENABLED", "/isEnabled"),
        ("FAILING SINCE", "/failingSince"),
        ("ID", "/id"),
    ],
};

const DELIVERY: Noun = Noun {
    name: "delivery",
    all: "",
    filter: "",
    narrows: "",
    one: "notificationDelivery",
    fields: "id eventType status attemptCount createdAt finishedAt nextAttemptAt",
    more: "payload attempts { number startedAt statusCode latencyMilliseconds error answer }",
    columns: &[
        ("EVENT", "/eventType"),
        ("STATUS", "/status"),
        ("ATTEMPTS", "/attemptCount"),
        ("CREATED", "/createdAt"),
        ("ID", "/id"),
    ],
};

#[derive(Subcommand)]
pub(crate) enum Notifications {
    /// Lists targets.
    List(ListArgs),
    /// Shows one, with its last deliveries.
    Show(Show),
    /// Adds a target. The secret of a webhook is printed once.
    Add(AddArgs),
    /// Sends a target a test.
    Test(Show),
    /// Tells a target nothing for a while.
    Disable(Because),
    /// Tells a disabled target again.
    Enable(Because),
    /// Deletes a target.
    Delete(Because),
    /// Shows a delivery (by its id), with every attempt.
    Delivery(Show),
    /// Sends a delivery (by its id) again.
    Replay(Show),
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Only of this kind.
    #[arg(long, value_enum, ignore_case = true)]
    kind: Option<TargetKind>,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Args)]
pub(crate) struct AddArgs {
    /// What kind.
    #[arg(value_enum, ignore_case = true)]
    kind: TargetKind,
    /// What it is called.
    name: String,
    /// Its URL, or an e-mail address.
    address: String,
    /// Only facts of this type; may be given several times.
    #[arg(long = "event-type")]
    event_types: Vec<String>,
    /// No facts but what policies tell it.
    #[arg(long, conflicts_with = "event_types")]
    only_policies: bool,
    /// Only what is as severe as this, or more.
    #[arg(long, value_enum, ignore_case = true)]
    least_severity: Option<Severity>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    view: View,
}

/// Runs the command.
pub(crate) async fn run(command: Notifications) -> anyhow::Result<()> {
    let (args, mutation) = match command {
        Notifications::List(args) => {
            let filter = filter([("kind", json!(args.kind))]);
            return args.list.run(&TARGET, &filter).await;
        }
        Notifications::Show(args) => return args.by_name(&TARGET).await,
        Notifications::Add(args) => return add(args).await,
        Notifications::Test(args) => return test(args).await,
        Notifications::Delivery(args) => return args.by_id(&DELIVERY).await,
        Notifications::Replay(args) => return replay(args).await,
        Notifications::Disable(args) => (args, "disableNotificationTarget"),
        Notifications::Enable(args) => (args, "enableNotificationTarget"),
        Notifications::Delete(args) => (args, "deleteNotificationTarget"),
    };
    let how = (mutation, "notificationTarget");
    args.by_name(&TARGET, how, "notificationTargetId").await
}

async fn add(args: AddArgs) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let (mutation, place) = match args.kind {
        TargetKind::Email => ("createEmailTarget", "email"),
        TargetKind::Slack => ("createSlackTarget", "url"),
        TargetKind::Webhook => ("createWebhook", "url"),
    };
    let mut input = json!({
        "name": args.name, place: args.address, "leastSeverity": args.least_severity,
    });
    let says_nothing = args.event_types.is_empty() && !args.only_policies;
    if says_nothing && args.kind == TargetKind::Webhook {
        let message = "a webhook needs --event-type or --only-policies";
        return Err(Failure::here(Kind::Refused, message).into());
    }
    if !says_nothing {
        input["eventTypes"] = json!(args.event_types);
    }
    let fields = format!("notificationTarget {{ {} }}", TARGET.fields);
    if args.kind != TargetKind::Webhook {
        let mut payload = client.mutate(mutation, &fields, input).await?;
        print(args.view, payload["notificationTarget"].take(), None);
        return Ok(());
    }
    let selection = format!("created {{ secret {fields} }}");
    let mut payload = client.mutate(mutation, &selection, input).await?;
    let secret = text(&payload, "/created/secret");
    let made = payload["created"]["notificationTarget"].take();
    print(args.view, made, secret);
    Ok(())
}

fn print(view: View, mut target: Value, secret: Option<String>) {
    if !view.is_table() {
        if let Some(secret) = secret {
            target["secret"] = json!(secret);
        }
        return view.row(TARGET.columns, &target);
    }
    view.row(TARGET.columns, &target);
    if let Some(secret) = secret {
        out::note("The secret, which is shown only now:");
        out::line(secret);
    }
}

async fn test(args: Show) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let id = client.id_of(&TARGET, &args.which).await?;
    let how = ("testNotificationTarget", "notificationDelivery");
    let input = json!({ "notificationTargetId": id });
    let sent = client.change(&DELIVERY, how, input).await?;
    args.view.row(DELIVERY.columns, &sent);
    Ok(())
}

async fn replay(args: Show) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let how = ("replayNotificationDelivery", "notificationDelivery");
    let input = json!({ "notificationDeliveryId": args.which });
    let sent = client.change(&DELIVERY, how, input).await?;
    args.view.row(DELIVERY.columns, &sent);
    Ok(())
}
