//! What a server has many of, as the command line asks for it and shows it.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::{Client, text};
use crate::failure::{Failure, Kind, kind_of};
use crate::out;
use crate::view::{Column, View};

/// Rows of one request: the most that a server gives.
const PAGE: u32 = 100;

/// A noun of the schema.
pub(crate) struct Noun {
    /// What a person calls one of them.
    pub(crate) name: &'static str,
    /// Root field with all of them, a connection.
    pub(crate) all: &'static str,
    /// Type of its argument `filter`; empty when it has none.
    pub(crate) filter: &'static str,
    /// Field of the filter that a name can be looked for with; empty when there is none.
    pub(crate) narrows: &'static str,
    /// Root field with one of them by its id; empty when there is none.
    pub(crate) one: &'static str,
    /// What is asked of each in a list.
    pub(crate) fields: &'static str,
    /// What is asked beside when one is shown.
    pub(crate) more: &'static str,
    /// What a table shows.
    pub(crate) columns: &'static [Column],
}

/// How much of a list.
#[derive(clap::Args, Clone)]
pub(crate) struct Paging {
    /// Most rows.
    #[arg(long, default_value_t = 50, help_heading = "Paging")]
    pub(crate) limit: u32,
    /// All rows.
    #[arg(long, help_heading = "Paging")]
    pub(crate) all: bool,
    /// Begin behind this cursor, which a list names when there is more.
    #[arg(long, help_heading = "Paging")]
    pub(crate) after: Option<String>,
}

/// The filter of what was given.
pub(crate) fn filter<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let given = fields.into_iter().filter(|(_, value)| !value.is_null());
    let given: Map<String, Value> = given
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Value::Object(given)
}

impl Client {
    /// Prints a list.
    pub(crate) async fn print_all(
        &self,
        noun: &Noun,
        filter: &Value,
        paging: &Paging,
        view: View,
    ) -> anyhow::Result<()> {
        let wanted = if paging.all { u32::MAX } else { paging.limit };
        let mut after = paging.after.clone();
        let mut rows = Vec::new();
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len}") {
            bar.set_style(style);
        }
        let total = loop {
            let left = wanted - u32::try_from(rows.len()).unwrap_or(wanted);
            let page = self.page(noun, filter, (left.min(PAGE), after)).await?;
            let total = page["totalCount"].as_u64().unwrap_or_default();
            let nodes = page["nodes"].as_array();
            rows.extend(nodes.into_iter().flatten().cloned());
            bar.set_length(total.min(wanted.into()));
            bar.set_position(rows.len() as u64);
            after = text(&page, "/pageInfo/endCursor").filter(|_| has_more(&page));
            if after.is_none() || rows.len() as u64 >= wanted.into() {
                break total;
            }
        };
        bar.finish_and_clear();
        view.list(noun.columns, &rows);
        if let Some(after) = after {
            out::note(format!(
                "{} of {total}; for the next ones add --after {after}, for all --all",
                rows.len()
            ));
        }
        Ok(())
    }

    /// One page of a list: `totalCount`, `nodes`, `pageInfo`.
    pub(crate) async fn page(
        &self,
        noun: &Noun,
        filter: &Value,
        (first, after): (u32, Option<String>),
    ) -> anyhow::Result<Value> {
        let (declared, passed) = match noun.filter {
            "" => (String::new(), ""),
            kind => (format!(", $filter: {kind}"), ", filter: $filter"),
        };
        let query = format!(
            "query($first: Int, $after: String{declared}) {{
                list: {}(first: $first, after: $after{passed}) {{
                    totalCount nodes {{ {} }} pageInfo {{ hasNextPage endCursor }} }} }}",
            noun.all, noun.fields
        );
        let mut variables = json!({ "first": first, "after": after });
        if !noun.filter.is_empty() {
            variables["filter"] = filter.clone();
        }
        let mut answer = self.graphql(&query, variables).await?;
        Ok(answer["list"].take())
    }

    /// One of them by its id, with all that is shown of one.
    pub(crate) async fn find(&self, noun: &Noun, id: &str) -> anyhow::Result<Value> {
        let query = format!(
            "query($id: ID!) {{ one: {}(id: $id) {{ {} {} }} }}",
            noun.one, noun.fields, noun.more
        );
        let mut answer = self.graphql(&query, json!({ "id": id })).await?;
        if answer["one"].is_null() {
            return Err(missing(noun, id).into());
        }
        Ok(answer["one"].take())
    }

    /// Prints one of them.
    pub(crate) async fn print_one(&self, noun: &Noun, id: &str, view: View) -> anyhow::Result<()> {
        view.object(&self.find(noun, id).await?);
        Ok(())
    }

    /// The id of the one that is called `which` (by name, e-mail address or id).
    pub(crate) async fn id_of(&self, noun: &Noun, which: &str) -> anyhow::Result<String> {
        let filter = match noun.narrows {
            "" => json!({}),
            narrows => json!({ narrows: which }),
        };
        let mut after = None;
        loop {
            let page = self.page(noun, &filter, (PAGE, after)).await?;
            let is_it = |it: &&Value| ["name", "email", "id"].iter().any(|key| it[*key] == which);
            let nodes = page["nodes"].as_array().into_iter().flatten();
            let mut called = nodes.filter(is_it);
            if let Some(id) = called.next().and_then(|it| text(it, "/id")) {
                // Two of one name are told apart by their ids only.
                anyhow::ensure!(
                    called.all(|it| it["id"] == which),
                    "several are called `{which}`: use the id, `--output json` shows it"
                );
                return Ok(id);
            }
            if !has_more(&page) {
                break;
            }
            after = text(&page, "/pageInfo/endCursor");
        }
        if noun.one.is_empty() || noun.narrows.is_empty() {
            return Err(missing(noun, which).into());
        }
        // The filter knows names only.
        match self.find(noun, which).await {
            Ok(found) => Ok(text(&found, "/id").unwrap_or_default()),
            // A name is no id, either.
            Err(error) if kind_of(&error) == Kind::Refused => Err(missing(noun, which).into()),
            Err(error) => Err(error),
        }
    }

    /// The same where one may be named.
    pub(crate) async fn id_if(
        &self,
        noun: &Noun,
        which: Option<&str>,
    ) -> anyhow::Result<Option<String>> {
        match which {
            Some(which) => Ok(Some(self.id_of(noun, which).await?)),
            None => Ok(None),
        }
    }

    /// Does something to one of them; it, as it is now. The payload has it in `field`.
    pub(crate) async fn change(
        &self,
        noun: &Noun,
        (mutation, field): (&str, &str),
        input: Value,
    ) -> anyhow::Result<Value> {
        let selection = format!("{field} {{ {} }}", noun.fields);
        let mut payload = self.mutate(mutation, &selection, input).await?;
        Ok(payload[field].take())
    }

    /// Runs a mutation with one input; its payload, unless it has user errors.
    pub(crate) async fn mutate(
        &self,
        mutation: &str,
        selection: &str,
        input: Value,
    ) -> anyhow::Result<Value> {
        let (first, rest) = mutation.split_at(1);
        let query = format!(
            "mutation($input: {}{rest}Input!) {{ {mutation}(input: $input) {{ {selection}
                userErrors {{ code message field }} }} }}",
            first.to_uppercase()
        );
        let mut answer = self.graphql(&query, json!({ "input": input })).await?;
        let payload = answer[mutation].take();
        refusal(&payload).map_or(Ok(payload), Err)
    }
}

/// What a payload refuses, if it does.
pub(crate) fn refusal(payload: &Value) -> Option<anyhow::Error> {
    let errors = payload["userErrors"].as_array()?;
    let code = text(errors.first()?, "/code").unwrap_or_default();
    let words: Vec<_> = errors.iter().map(words).collect();
    Some(Failure::answered(&code, words.join("\n  ")).into())
}

/// What is wrong, and where.
fn words(error: &Value) -> String {
    let message = error["message"].as_str().unwrap_or_default();
    let field = error["field"].as_array().into_iter().flatten();
    let path: Vec<&str> = field.filter_map(Value::as_str).collect();
    if path.is_empty() {
        message.to_owned()
    } else {
        format!("`{}` {message}", path.join("."))
    }
}

fn has_more(page: &Value) -> bool {
    page["pageInfo"]["hasNextPage"] == true
}

fn missing(noun: &Noun, which: &str) -> Failure {
    Failure::here(
        Kind::NotFound,
        format!("there is no {} `{which}`", noun.name),
    )
}
