//! `aim audit export`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use aim_domain::audit::{ExportLine, ExportedEntry, ocsf_event};
use aim_store::audit_export::AuditExport;
use anyhow::Context;
use clap::{Args, ValueEnum};

use super::{Place, csv, parquet};
use crate::out;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Every line of the log, to be verified.
    Jsonl,
    /// Entries, for a spreadsheet.
    Csv,
    /// Entries, for a data team.
    Parquet,
    /// Entries as events of OCSF 1.7, class API Activity, a line each.
    Ocsf,
}

#[derive(Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    place: Place,
    /// In which form.
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Form,
    /// The file; standard output when left out, other than for Parquet.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What entries are written to.
enum Sink {
    Lines(Box<dyn Write + Send>, Form),
    Csv(Box<csv::Table>),
    Parquet(Box<parquet::Table>),
}

/// Runs the command. A file appears under its name once it is whole.
pub(super) async fn run(args: ExportArgs, file: Option<&Path>) -> anyhow::Result<()> {
    let (store, scope) = args.place.open(file).await?;
    let mut export = AuditExport::begin(&store, scope).await?;
    let beside = args.out.as_ref().map(|path| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        path.with_file_name(name)
    });
    let mut sink = Sink::open(args.format, beside.as_deref())?;
    let mut count = 0_u64;
    loop {
        let lines = export.next().await?;
        if lines.is_empty() {
            break;
        }
        for line in &lines {
            count += u64::from(matches!(line, ExportLine::Entry(_)));
            sink.take(line)?;
        }
    }
    sink.finish()?;
    if let (Some(beside), Some(path)) = (beside, &args.out) {
        File::open(&beside)?.sync_all()?;
        std::fs::rename(beside, path)?;
        out::note(format!("{count} entries in `{}`", path.display()));
    }
    anyhow::ensure!(
        count == export.size(),
        "{count} of {} entries are there; `aim audit verify` names the first that is not",
        export.size()
    );
    Ok(())
}

impl Sink {
    fn open(form: Form, path: Option<&Path>) -> anyhow::Result<Self> {
        let writer = || -> anyhow::Result<Box<dyn Write + Send>> {
            Ok(match path {
                Some(path) => Box::new(BufWriter::new(create(path)?)),
                None => Box::new(BufWriter::new(std::io::stdout())),
            })
        };
        Ok(match form {
            Form::Jsonl | Form::Ocsf => Self::Lines(writer()?, form),
            Form::Csv => Self::Csv(Box::new(csv::Table::new(writer()?)?)),
            Form::Parquet => {
                let path = path.context("Parquet needs a file; name it with --out")?;
                Self::Parquet(Box::new(parquet::Table::new(create(path)?)?))
            }
        })
    }

    fn take(&mut self, line: &ExportLine) -> anyhow::Result<()> {
        match self {
            Self::Lines(writer, Form::Jsonl) => writeln!(writer, "{}", line.to_text())?,
            Self::Lines(writer, _) => {
                if let Some(entry) = entry(line) {
                    writeln!(writer, "{}", ocsf_event(entry))?;
                }
            }
            Self::Csv(table) => {
                if let Some(entry) = entry(line) {
                    table.push(entry)?;
                }
            }
            Self::Parquet(table) => {
                if let Some(entry) = entry(line) {
                    table.push(entry)?;
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Lines(mut writer, _) => Ok(writer.flush()?),
            Self::Csv(table) => table.finish(),
            Self::Parquet(table) => table.finish(),
        }
    }
}

fn entry(line: &ExportLine) -> Option<&ExportedEntry> {
    match line {
        ExportLine::Entry(entry) => Some(entry),
        _ => None,
    }
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("`{}`", path.display()))
}
