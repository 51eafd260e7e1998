//! `aim audit verify`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use aim_app::verify_audit;
use aim_domain::audit::{
    Checkpoint, Finding, KeyKind, KeyRing, Note, Verdict, Verifier, VerifierKey, origin_of,
};
use aim_domain::signature::PublicKey;
use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::Place;
use crate::config::Config;
use crate::out;
use crate::serve::audit_keys::KeyFiles;
use crate::view::View;
use aim_app::AuditKeys;

/// Most bytes of a line of an export: an entry with all that a request can put in it.
const LINE_MAX: u64 = 16 * 1_024 * 1_024;

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// An export in JSON Lines; `-` reads standard input. Without it the log is verified in its
    /// database.
    #[arg(long, requires = "checkpoint", requires = "key")]
    export: Option<PathBuf>,
    /// A signed checkpoint that was kept elsewhere: the log must contain it.
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    /// A verifier key that is trusted, `<name>+<id>+<base64>`; several where keys were lost. In a
    /// database the key file's is trusted when none is given.
    #[arg(long)]
    key: Vec<VerifierKey>,
    /// A witness whose co-signature the checkpoint must have.
    #[arg(long, requires = "checkpoint")]
    witness: Vec<VerifierKey>,
    #[command(flatten)]
    view: View,
    #[command(flatten)]
    place: Place,
}

/// Runs the command.
pub(super) async fn run(args: VerifyArgs, file: Option<&Path>) -> anyhow::Result<()> {
    let outcome = match &args.export {
        Some(export) => offline(&args, export)?,
        None => live(&args, file).await?,
    };
    report(&outcome, args.view);
    match outcome {
        Ok(_) => Ok(()),
        Err(finding) => Err(anyhow::anyhow!("the log is not what was signed: {finding}")),
    }
}

type Outcome = Result<Verdict, Finding>;

fn offline(args: &VerifyArgs, export: &Path) -> anyhow::Result<Outcome> {
    let note = args.note()?.context("--checkpoint is missing")?;
    let origin = Checkpoint::parse(&note.text)
        .context("--checkpoint")?
        .origin;
    let mut ring = KeyRing::new(origin.clone(), args.keys(&origin)?);
    let mut reader: Box<dyn BufRead> = if export == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let file = File::open(export).with_context(|| format!("`{}`", export.display()))?;
        Box::new(BufReader::new(file))
    };
    let mut line = String::new();
    // The checkpoint may be signed by a key that only the export's first line leads to.
    read_line(&mut reader, &mut line)?;
    ring.learn_from(&line);
    let anchor = args.anchor(&ring, &note)?;
    let mut verifier = Verifier::new(ring, Some(anchor));
    while !line.is_empty() {
        if let Err(finding) = verifier.take_text(line.trim_end()) {
            return Ok(Err(finding));
        }
        read_line(&mut reader, &mut line)?;
    }
    Ok(verifier.finish())
}

fn read_line(reader: &mut dyn BufRead, line: &mut String) -> anyhow::Result<()> {
    line.clear();
    let mut limited = std::io::Read::take(reader, LINE_MAX);
    limited
        .read_line(line)
        .context("the export cannot be read as UTF-8")?;
    anyhow::ensure!(
        line.is_empty() || line.ends_with('\n') || (line.len() as u64) < LINE_MAX,
        "a line of the export is longer than {LINE_MAX} bytes"
    );
    Ok(())
}

async fn live(args: &VerifyArgs, file: Option<&Path>) -> anyhow::Result<Outcome> {
    let (store, scope) = args.place.open(file).await?;
    let origin = origin_of(scope.organization);
    let mut keys = args.keys(&origin)?;
    if keys.is_empty() {
        let own = KeyFiles::of(&Config::load(file)?).load();
        keys.extend(own.iter().map(aim_domain::signature::SecretKey::public_key));
        anyhow::ensure!(
            !keys.is_empty(),
            "there is no key file here; give the log's --key"
        );
    }
    let mut ring = KeyRing::new(origin, keys);
    let known = store.list_audit_keys().await?;
    known
        .into_iter()
        .filter_map(|it| it.rotation)
        .for_each(|it| ring.learn(it));
    let anchor = match args.note()? {
        Some(note) => Some(args.anchor(&ring, &note)?),
        None => None,
    };
    Ok(verify_audit(&store, scope, Verifier::new(ring, anchor)).await?)
}

impl VerifyArgs {
    fn note(&self) -> anyhow::Result<Option<Note>> {
        let Some(path) = &self.checkpoint else {
            return Ok(None);
        };
        let text =
            std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
        // An editor or a shell may have taken the last line's end.
        let text = format!("{}\n", text.trim_end_matches('\n'));
        let note = Note::parse(&text).with_context(|| format!("`{}`", path.display()))?;
        Ok(Some(note))
    }

    fn keys(&self, origin: &str) -> anyhow::Result<Vec<PublicKey>> {
        let key = |it: &VerifierKey| {
            let fits = it.name == origin && it.kind == KeyKind::Log;
            anyhow::ensure!(fits, "--key is `{}`'s; the log is `{origin}`", it.name);
            Ok(it.key.clone())
        };
        self.key.iter().map(key).collect()
    }

    fn anchor(&self, ring: &KeyRing, note: &Note) -> anyhow::Result<Checkpoint> {
        let anchor = ring.open(&note.to_string()).context("--checkpoint")?;
        for witness in &self.witness {
            let name = &witness.name;
            note.verify_cosignature(witness)
                .with_context(|| format!("--checkpoint, by witness `{name}`"))?;
        }
        Ok(anchor)
    }
}

fn report(outcome: &Outcome, view: View) {
    if !view.is_table() {
        return view.object(&match outcome {
            Ok(verdict) => json!({
                "isGood": true,
                "size": verdict.size,
                "root": verdict.root,
                "checkpointCount": verdict.checkpoints,
                "erased": verdict.erased,
            }),
            Err(finding) => json!({
                "isGood": false,
                "firstBadIndex": finding.index,
                "before": finding.before,
                "kind": format!("{:?}", finding.bad),
                "detail": finding.detail,
            }),
        });
    }
    match outcome {
        Ok(verdict) => {
            out::line(format!(
                "good: {} entries, root {}",
                verdict.size, verdict.root
            ));
            out::line(format!("{} checkpoints verified", verdict.checkpoints));
            for (from, to) in &verdict.erased {
                out::line(format!(
                    "contents erased, hashes good: {from} to {}",
                    to - 1
                ));
            }
        }
        Err(finding) => out::line(finding),
    }
}
