//! `aim agents tag`: words that agents are sorted by, of many at once.

use serde_json::{Value, json};

use super::agents::AGENT;
use crate::client::Target;
use crate::failure::Failure;
use crate::out;
use crate::view::View;

/// Most agents of one request.
const AGENTS_MAX: usize = 100;

#[derive(clap::Args)]
pub(crate) struct TagArgs {
    /// Which ones: names or ids.
    #[arg(required = true)]
    which: Vec<String>,
    /// A tag to put on them; may be given several times.
    #[arg(long, required_unless_present = "remove")]
    add: Vec<String>,
    /// A tag to take off them; may be given several times.
    #[arg(long)]
    remove: Vec<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    view: View,
}

/// Each agent is changed on its own; one that cannot be takes nothing away from the others.
pub(super) async fn run(args: TagArgs) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let mut ids = Vec::with_capacity(args.which.len());
    for which in &args.which {
        ids.push(client.id_of(&AGENT, which).await?);
    }
    let (mut tagged, mut failed) = (Vec::new(), None);
    for some in ids.chunks(AGENTS_MAX) {
        let input = json!({ "agentIds": some, "add": args.add, "remove": args.remove });
        let item = format!(
            "results {{ items {{ agentId code message agent {{ {} }} }} }}",
            AGENT.fields
        );
        let mut payload = client.mutate("tagAgents", &item, input).await?;
        let Value::Array(items) = payload["results"]["items"].take() else {
            continue;
        };
        for mut item in items {
            if item["agent"].is_null() {
                let said = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
                out::note(format!("{}: {}", said("agentId"), said("message")));
                failed.get_or_insert_with(|| Failure::answered(&said("code"), said("message")));
            } else {
                tagged.push(item["agent"].take());
            }
        }
    }
    args.view.list(AGENT.columns, &tagged);
    match failed {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}
