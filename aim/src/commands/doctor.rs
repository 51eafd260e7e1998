//! `aim doctor`: the usual mistakes, named before they hurt.
//!
//! Looks and changes nothing. Each kind of mistake has one name, for scripts.

mod database;
mod files;
mod network;
mod server;
mod settings;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::client::Target;
use crate::config::Config;
use crate::out;
use crate::view::View;

#[derive(clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    target: Target,
    /// A private key of an agent to look after, beside those that `aim agents register` made; may be
    /// given several times.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    #[command(flatten)]
    view: View,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// It does not work, or is not safe.
    Error,
    /// It works for now.
    Warning,
}

/// A mistake.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    name: &'static str,
    weight: Weight,
    what: String,
    why: &'static str,
    remedy: String,
}

impl Finding {
    fn error(
        name: &'static str,
        what: impl Into<String>,
        why: &'static str,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            name,
            weight: Weight::Error,
            what: what.into(),
            why,
            remedy: remedy.into(),
        }
    }

    fn warning(
        name: &'static str,
        what: impl Into<String>,
        why: &'static str,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            weight: Weight::Warning,
            ..Self::error(name, what, why, remedy)
        }
    }

    fn value(&self) -> Value {
        let severity = match self.weight {
            Weight::Error => "ERROR",
            Weight::Warning => "WARNING",
        };
        json!({
            "name": self.name, "severity": severity, "what": self.what, "why": self.why,
            "remedy": self.remedy,
        })
    }
}

/// Looks, and says what was found.
pub(crate) async fn run(args: DoctorArgs, file: Option<&Path>) -> anyhow::Result<()> {
    let mut found = Vec::new();
    match Config::load(file) {
        Ok(config) => {
            found.extend(settings::check(&config));
            found.extend(files::check_server(&config, file));
            found.extend(database::check(&config).await);
            found.extend(network::check(&config).await);
        }
        Err(error) => found.push(Finding::error(
            "configuration-unreadable",
            format!("{error:#}"),
            "the server does not start",
            "correct the setting; docs/configuration.md has all of them",
        )),
    }
    found.extend(files::check_own(&args.target.who.profile, &args.keys));
    found.extend(server::check(&args.target).await);
    print(&found, args.view);
    let errors = found.iter().filter(|it| it.weight == Weight::Error).count();
    anyhow::ensure!(errors == 0, "{errors} of the findings are errors");
    Ok(())
}

fn print(found: &[Finding], view: View) {
    let values: Vec<Value> = found.iter().map(Finding::value).collect();
    if view.is_table() && found.is_empty() {
        out::line("nothing was found");
        return;
    }
    let columns = [
        ("SEVERITY", "/severity"),
        ("FINDING", "/name"),
        ("WHAT", "/what"),
        ("WHY IT MATTERS", "/why"),
        ("WHAT TO DO", "/remedy"),
    ];
    view.list(&columns, &values);
}
