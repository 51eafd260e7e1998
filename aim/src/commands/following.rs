//! Facts of a noun as they happen, with nothing left out.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::client::noun::Noun;
use crate::client::tail::{Heard, Tail};
use crate::client::{Client, Target, text};
use crate::out;
use crate::view::View;

/// Rows of a page that is looked through for what was missed.
const PAGE: u32 = 100;

/// What to follow, and from where.
#[derive(clap::Args)]
pub(crate) struct Follow {
    /// Begin behind this cursor, which each fact has, and not now.
    #[arg(long)]
    after: Option<String>,
    /// End after so many facts.
    #[arg(long)]
    count: Option<u64>,
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    view: View,
}

impl Follow {
    /// Prints each new one of `noun` that the subscription `field` tells of, in whose facts it is in
    /// `part`. Goes on behind the last cursor when a connection breaks. Before the first fact there is
    /// no cursor yet: what is newer than the newest at the start is then looked up.
    pub(super) async fn run(
        &self,
        client: &Client,
        noun: &Noun,
        (field, part): (&'static str, &str),
        wanted: impl Fn(&Value) -> bool + Send + Sync,
    ) -> anyhow::Result<()> {
        let newest = client.page(noun, &json!({}), (1, None)).await?;
        let newest = text(&newest, "/nodes/0/id");
        let selection = format!("occurredAt {part} {{ {} }}", noun.fields);
        let mut tail = Tail::of(client, field, &selection, self.after.clone());
        tail.begin().await?;
        out::note("listening; Ctrl-C ends it");
        let mut printed = 0;
        let mut looked_up = HashSet::new();
        let is_done = |printed: u64| self.count.is_some_and(|count| printed >= count);
        while !is_done(printed) {
            let mut facts = match tail.next().await? {
                Heard::Fact(fact) => vec![fact],
                Heard::Gap => missed(client, noun, newest.as_deref(), part).await?,
            };
            let is_gap = facts.iter().any(|fact| fact["cursor"].is_null());
            facts.retain(|fact| {
                let id = text(&fact[part], "/id").unwrap_or_default();
                // A connection that broke twice before the first fact is looked up twice.
                let is_new = if is_gap {
                    looked_up.insert(id)
                } else {
                    !looked_up.remove(&id)
                };
                is_new && wanted(&fact[part])
            });
            for fact in &facts {
                self.view.fact(noun.columns, &with_cursor(fact, part));
                printed += 1;
                if is_done(printed) {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// All that is newer than `newest`, the oldest first.
async fn missed(
    client: &Client,
    noun: &Noun,
    newest: Option<&str>,
    part: &str,
) -> anyhow::Result<Vec<Value>> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let mut page = client.page(noun, &json!({}), (PAGE, after)).await?;
        let more = page["pageInfo"]["hasNextPage"] == true;
        after = text(&page, "/pageInfo/endCursor");
        let nodes = page["nodes"].take();
        for node in nodes.as_array().into_iter().flatten() {
            if node["id"].as_str() == newest {
                found.reverse();
                return Ok(found);
            }
            found.push(json!({ part: node }));
        }
        if !more {
            found.reverse();
            return Ok(found);
        }
    }
}

/// The object, with the cursor to go on behind.
fn with_cursor(fact: &Value, part: &str) -> Value {
    let mut object = fact[part].clone();
    if let Some(fields) = object.as_object_mut() {
        fields.insert("cursor".to_owned(), fact["cursor"].clone());
    }
    object
}
