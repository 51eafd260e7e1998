//! Verifying an export line by line, in memory that does not grow with it.

use super::checkpoint::Checkpoint;
use super::entry::AuditField;
use super::export::{ExportLine, ExportedCheckpoint, ExportedEntry};
use super::merkle::{Hash, node_hash};
use super::ring::KeyRing;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// No line of an export.
    Malformed,
    /// Content that its leaf does not commit to.
    Changed,
    /// An entry that is not there.
    Missing,
    /// An entry that is not the one for this place.
    OutOfPlace,
    /// An entry that no signed checkpoint covers.
    Uncovered,
    /// Entries that are, together, not what was signed.
    Root,
    /// A checkpoint that is not signed by a trusted key, or not readable.
    Checkpoint,
    /// A checkpoint that is not there, or not in its place.
    CheckpointOrder,
    /// What is kept of the tree does not fit the entries.
    Tree,
}

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub bad: Bad,
    /// The first index that is not what was logged; nothing before it is bad.
    pub index: u64,
    /// Where only a whole range is known to be wrong, its end: the first bad one is before it.
    pub before: Option<u64>,
    /// In words.
    pub detail: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "first bad index: {}", self.index)?;
        if let Some(before) = self.before {
            write!(f, " (or a later one before {before})")?;
        }
        write!(f, ": {}", self.detail)
    }
}

/// Everything is as it was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many entries.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
    /// How many checkpoints were verified.
    pub checkpoints: u64,
    /// Ranges (from, to) of entries with erased fields, the end not included.
    pub erased: Vec<(u64, u64)>,
}

/// Verifies a log.
#[derive(Debug)]
pub struct Verifier {
    ring: KeyRing,
    anchor: Option<Checkpoint>,
    /// Roots of the complete subtrees so far, largest first.
    peaks: Vec<(u32, Hash)>,
    next: u64,
    /// Entries that verified checkpoints cover.
    covered: u64,
    checkpoints: u64,
    number: u64,
    erased: Vec<(u64, u64)>,
}

impl Verifier {
    /// A verifier that trusts the keys of `ring`, and holds the log to `anchor`, a checkpoint of
    /// which [`KeyRing::open`] has checked the signature.
    #[must_use]
    pub const fn new(ring: KeyRing, anchor: Option<Checkpoint>) -> Self {
        Self {
            ring,
            anchor,
            peaks: Vec::new(),
            next: 0,
            covered: 0,
            checkpoints: 0,
            number: 0,
            erased: Vec::new(),
        }
    }

    /// Entries so far.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.next
    }

    /// Takes a line of text.
    ///
    /// # Errors
    /// The [`Finding`], when something is wrong; nothing more should be taken then.
    pub fn take_text(&mut self, line: &str) -> Result<(), Finding> {
        let parsed: Result<ExportLine, _> = serde_json::from_str(line);
        match parsed {
            Ok(line) => self.take(line),
            Err(error) => {
                Err(self.finding(Bad::Malformed, format!("no line of an export: {error}")))
            }
        }
    }

    /// Takes a line.
    ///
    /// # Errors
    /// As [`Verifier::take_text`].
    pub fn take(&mut self, line: ExportLine) -> Result<(), Finding> {
        match line {
            ExportLine::Log(log) => {
                if log.version != 1 {
                    let detail = format!("version {} of exports is not known here", log.version);
                    return Err(self.finding(Bad::Malformed, detail));
                }
                if log.origin != self.ring.origin() {
                    let detail =
                        format!("the log is `{}`, not `{}`", log.origin, self.ring.origin());
                    return Err(self.finding(Bad::Malformed, detail));
                }
                log.rotations.into_iter().for_each(|it| self.ring.learn(it));
                Ok(())
            }
            ExportLine::Entry(entry) => self.take_entry(*entry),
            ExportLine::Checkpoint(checkpoint) => self.take_checkpoint(&checkpoint),
        }
    }

    fn take_entry(&mut self, entry: ExportedEntry) -> Result<(), Finding> {
        let expected = self.next;
        if entry.index > expected {
            let detail = format!("entry {expected} is missing; {} stands there", entry.index);
            return Err(self.finding(Bad::Missing, detail));
        }
        if entry.index < expected {
            let detail = format!("entry {} stands in place of {expected}", entry.index);
            return Err(self.finding(Bad::OutOfPlace, detail));
        }
        if entry.fields.len() != AuditField::ALL.len() {
            return Err(self.finding(Bad::Malformed, "an entry has six fields".to_owned()));
        }
        if super::origin_of(entry.organization) != self.ring.origin() {
            return Err(self.finding(Bad::Changed, "an entry of another log".to_owned()));
        }
        let claimed = entry.leaf_hash;
        let record = entry.into_record();
        let hash = record.leaf_hash();
        if hash != claimed {
            let detail = format!(
                "entry {} was changed: its leaf is {hash}, not {claimed}",
                record.id
            );
            return Err(self.finding(Bad::Changed, detail));
        }
        if !record.erased().is_empty() {
            match self.erased.last_mut() {
                Some((_, to)) if *to == expected => *to += 1,
                _ => self.erased.push((expected, expected + 1)),
            }
        }
        self.append(hash);
        self.check_anchor()
    }

    fn append(&mut self, leaf: Hash) {
        let (mut level, mut hash) = (0, leaf);
        while let Some((_, left)) = self.peaks.pop_if(|(it, _)| *it == level) {
            hash = node_hash(&left, &hash);
            level += 1;
        }
        self.peaks.push((level, hash));
        self.next += 1;
    }

    /// The root of everything so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev().map(|(_, hash)| *hash);
        let Some(last) = peaks.next() else {
            return Hash::of(b"");
        };
        peaks.fold(last, |right, left| node_hash(&left, &right))
    }

    fn check_anchor(&mut self) -> Result<(), Finding> {
        let Some(anchor) = self.anchor.as_ref().filter(|it| it.size == self.next) else {
            return Ok(());
        };
        if self.root() != anchor.root {
            return Err(self.not_what_was_signed("the checkpoint that was given"));
        }
        self.covered = self.next;
        Ok(())
    }

    fn not_what_was_signed(&self, by: &str) -> Finding {
        Finding {
            bad: Bad::Root,
            index: self.covered,
            before: (self.next > self.covered + 1).then_some(self.next),
            detail: format!(
                "entries {} to {} are not what {by} was signed over",
                self.covered,
                self.next.saturating_sub(1)
            ),
        }
    }

    fn take_checkpoint(&mut self, line: &ExportedCheckpoint) -> Result<(), Finding> {
        let at_covered = |bad, detail| Finding {
            bad,
            index: self.covered,
            before: None,
            detail,
        };
        if line.number != self.number + 1 {
            let detail = format!(
                "checkpoint {} stands in place of {}",
                line.number,
                self.number + 1
            );
            return Err(at_covered(Bad::CheckpointOrder, detail));
        }
        let opened = self.ring.open(&line.note);
        let checkpoint = opened.map_err(|error| {
            at_covered(
                Bad::Checkpoint,
                format!("checkpoint {} {error}", line.number),
            )
        })?;
        if checkpoint.size > self.next {
            let detail = format!(
                "entry {} is missing: checkpoint {} covers it",
                self.next, line.number
            );
            return Err(self.finding(Bad::Missing, detail));
        }
        if checkpoint.size < self.next {
            let detail = format!(
                "checkpoint {} covers {} entries",
                line.number, checkpoint.size
            );
            return Err(at_covered(Bad::CheckpointOrder, detail));
        }
        if checkpoint.root != self.root() {
            return Err(self.not_what_was_signed(&format!("checkpoint {}", line.number)));
        }
        self.number = line.number;
        self.checkpoints += 1;
        self.covered = self.next;
        Ok(())
    }

    fn finding(&self, bad: Bad, detail: String) -> Finding {
        Finding {
            bad,
            index: self.next,
            before: None,
            detail,
        }
    }

    /// Ends the log.
    ///
    /// # Errors
    /// The [`Finding`], when something is missing at its end, or nothing covers it.
    pub fn finish(self) -> Result<Verdict, Finding> {
        if let Some(anchor) = self.anchor.as_ref().filter(|it| it.size > self.next) {
            let detail = format!(
                "entry {} is missing: the checkpoint has {}",
                self.next, anchor.size
            );
            return Err(self.finding(Bad::Missing, detail));
        }
        if self.covered < self.next {
            let detail = format!("no checkpoint covers the entries from {} on", self.covered);
            let mut finding = self.finding(Bad::Uncovered, detail);
            finding.index = self.covered;
            return Err(finding);
        }
        Ok(Verdict {
            size: self.next,
            root: self.root(),
            checkpoints: self.checkpoints,
            erased: self.erased,
        })
    }
}
