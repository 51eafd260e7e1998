//! `aim init`: a first configuration file.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::client::profile::make_private;
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::out;

/// Every setting with what it is for; `@name@` is filled in, or left as a comment.
const TEMPLATE: &str = include_str!("init.toml");

#[derive(clap::Args)]
pub(crate) struct InitArgs {
    /// The file to write. One that is there is never touched.
    #[arg(default_value = "aim.toml")]
    file: PathBuf,
    /// The database; SQLite in the data directory when left out.
    #[arg(long)]
    database_url: Option<String>,
    /// Kafka brokers as `host:port`, several with commas; none when left out.
    #[arg(long)]
    kafka_brokers: Option<String>,
    /// The URL that clients know the server by, when a proxy stands in between.
    #[arg(long)]
    public_url: Option<String>,
    /// Where the embedded database and secrets are.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Port to listen on.
    #[arg(long)]
    port: Option<u16>,
    /// For a server that strangers reach.
    #[arg(long)]
    production: bool,
}

/// Writes the file, and makes the data directory.
pub(crate) fn run(args: &InitArgs) -> anyhow::Result<()> {
    let secret: Zeroizing<[u8; 48]> = Zeroizing::new(rand::random());
    let text = Zeroizing::new(filled(args, &STANDARD.encode(*secret))?);
    let place = || format!("`{}`", args.file.display());
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = match options.open(&args.file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let message = format!("{} is there already; it was not touched", place());
            return Err(Failure::here(Kind::Refused, message).into());
        }
        file => file.with_context(place)?,
    };
    file.write_all(text.as_bytes()).with_context(place)?;
    file.sync_all().with_context(place)?;
    // What was written is what a server reads, or this is a mistake of ours.
    let config = Config::load(Some(&args.file))?;
    make_private(&config.data_dir)?;
    out::note(format!(
        "wrote {}. Next: `aim doctor`, then `aim serve`",
        place()
    ));
    Ok(())
}

fn filled(args: &InitArgs, secret: &str) -> anyhow::Result<String> {
    let data_dir = args.data_dir.as_ref().map(|it| it.display().to_string());
    let given = [
        ("jwt_secret", quoted(Some(secret))?),
        ("database_url", quoted(args.database_url.as_deref())?),
        ("kafka_brokers", quoted(args.kafka_brokers.as_deref())?),
        ("public_url", quoted(args.public_url.as_deref())?),
        ("data_dir", quoted(data_dir.as_deref())?),
        ("port", args.port.map(|port| port.to_string())),
        ("production", args.production.then(|| "true".to_owned())),
    ];
    let mut lines = Vec::new();
    for line in TEMPLATE.lines() {
        let setting = line.strip_prefix("# ").and_then(|it| it.split_once(" = "));
        let value = setting.and_then(|(name, _)| {
            let found = given.iter().find(|(it, _)| *it == name)?;
            Some(format!("{name} = {}", found.1.as_ref()?))
        });
        lines.push(value.unwrap_or_else(|| line.to_owned()));
    }
    Ok(lines.join("\n") + "\n")
}

/// As a string of TOML, which takes what a string of JSON is.
fn quoted(text: Option<&str>) -> anyhow::Result<Option<String>> {
    Ok(text.map(serde_json::to_string).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_every_setting() {
        let known = serde_json::to_value(Config::default()).unwrap();
        for name in known.as_object().unwrap().keys() {
            let begins = [format!("# {name} = "), format!("# [[{name}]]")];
            let is_there = |line: &str| begins.iter().any(|it| line.starts_with(it));
            assert!(TEMPLATE.lines().any(is_there), "`{name}` is missing");
        }
    }

    #[test]
    fn what_is_commented_out_are_the_values_that_hold_anyway() {
        let known = serde_json::to_value(Config::default()).unwrap();
        let settings: Vec<&str> = TEMPLATE
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| {
                line.split_once(" = ")
                    .is_some_and(|(name, _)| known.get(name).is_some())
            })
            .collect();
        assert!(settings.len() > 30, "{}", settings.len());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("aim.toml");
        std::fs::write(&file, settings.join("\n")).unwrap();
        let read = figment_of(&file);
        for (name, value) in read.as_object().unwrap() {
            // Nothing is the default of what may be set or not.
            if name != "introspection" {
                assert_eq!(*value, known[name], "{name}");
            }
        }
    }

    fn figment_of(file: &std::path::Path) -> serde_json::Value {
        use figment::providers::{Format, Toml};
        figment::Figment::from(Toml::file_exact(file))
            .extract()
            .unwrap()
    }
}
