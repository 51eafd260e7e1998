//! A kept report as PDF: the lines of its CSV, and what proves them.
//!
//! The same report gives the same bytes. The fonts are two that every reader has (Courier), so nothing is
//! embedded; they know Latin-1. A character that they cannot show, and one that could mislead (a control
//! character, a mark that turns the direction of text), is shown as its number, `[U+4E2D]`: nobody takes
//! a report for one that says something else.

use std::fmt::Write;

use aim_domain::code;
use aim_store::kept_reports::KeptReport;
use chrono::SecondsFormat;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use crate::graphql::global_id;

/// A4, in points.
const PAGE: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 40.0;
const SIZE: f32 = 8.0;
const LINE: f32 = 11.0;
/// Characters of a line: each of Courier is 0.6 of its size wide.
const WIDTH: usize = 107;
/// Lines of a page, above that with its number.
const LINES: usize = 67;
/// Longest text of somebody else, in characters.
const TEXT_MAX: usize = 200;

/// A line of text, of bytes of the fonts' encoding.
struct Line {
    text: Vec<u8>,
    is_bold: bool,
}

/// The lines of a report, before they are put on pages.
#[derive(Default)]
struct Lines(Vec<Line>);

impl Lines {
    /// Adds text, broken where a line is full.
    fn add(&mut self, text: &str, is_bold: bool) {
        let text = shown(text);
        if text.is_empty() {
            self.0.push(Line {
                text: Vec::new(),
                is_bold,
            });
        }
        for part in broken(&text) {
            let text = part.to_vec();
            self.0.push(Line { text, is_bold });
        }
    }
}

/// The report as a file.
pub(crate) fn report_pdf(report: &KeptReport) -> Vec<u8> {
    let lines = lines_of(report);
    let pages: Vec<&[Line]> = lines.0.chunks(LINES).collect();
    let count = i32::try_from(pages.len()).unwrap_or(i32::MAX - 10);
    let (catalog, tree, info) = (Ref::new(1), Ref::new(2), Ref::new(3));
    let (plain, bold) = (Ref::new(4), Ref::new(5));
    // A page and what is on it, page by page.
    let page_of = |number: i32| Ref::new(6 + 2 * number);
    let content_of = |number: i32| Ref::new(7 + 2 * number);
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree).lang(TextStr("en"));
    pdf.pages(tree).kids((0..count).map(page_of)).count(count);
    let title = format!("{} {}", report.body.name, report.period_start.date_naive());
    pdf.document_info(info)
        .title(TextStr(&title))
        .producer(TextStr("AIM"));
    for (id, font) in [(plain, "Courier"), (bold, "Courier-Bold")] {
        let mut written = pdf.type1_font(id);
        written.base_font(Name(font.as_bytes()));
        written.encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    for (number, lines) in (0..count).zip(pages) {
        let mut page = pdf.page(page_of(number));
        page.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1));
        page.parent(tree).contents(content_of(number));
        let mut resources = page.resources();
        let mut fonts = resources.fonts();
        fonts.pair(Name(b"F1"), plain).pair(Name(b"F2"), bold);
        fonts.finish();
        resources.finish();
        page.finish();
        let foot = format!("Page {} of {count}", number + 1);
        let content = written(lines, &foot);
        pdf.stream(content_of(number), &content);
    }
    pdf.finish()
}

/// What is on one page.
fn written(lines: &[Line], foot: &str) -> Vec<u8> {
    let mut content = Content::new();
    content.begin_text();
    content.set_leading(LINE);
    content.next_line(MARGIN, PAGE.1 - MARGIN - LINE);
    for line in lines {
        let font: &[u8] = if line.is_bold { b"F2" } else { b"F1" };
        content.set_font(Name(font), SIZE);
        content.show(Str(&line.text));
        content.next_line(0.0, -LINE);
    }
    content.end_text();
    content.begin_text();
    content.set_font(Name(b"F1"), SIZE);
    content.next_line(MARGIN, MARGIN / 2.0);
    content.show(Str(foot.as_bytes()));
    content.end_text();
    content.finish().to_vec()
}

fn lines_of(report: &KeptReport) -> Lines {
    let mut lines = Lines::default();
    let body = &report.body;
    let at = |it: chrono::DateTime<chrono::Utc>| it.to_rfc3339_opts(SecondsFormat::Secs, true);
    lines.add(&format!("{}, {}", body.name, body.edition), true);
    for (label, value) in [
        ("Organization", cut(&body.organization)),
        ("Period from", report.period_start.date_naive().to_string()),
        ("Measured at", at(report.measured_at)),
        ("Report", global_id("KeptReport", report.id).to_string()),
        ("SHA-256 of its CSV", report.csv_sha256.clone()),
        (
            "Audit entry with that digest",
            global_id("AuditEntry", report.audit_entry).to_string(),
        ),
        (
            "Audit log, size",
            or_none(report.tree_size.map(|it| it.to_string())),
        ),
        ("Audit log, root", or_none(report.root_hash.clone())),
    ] {
        lines.add(&format!("{label}: {value}"), false);
    }
    let words = "The entry is proven by `auditEntry(id:) { proof }` and offline by `aim audit verify`. \
                 This report says what was counted; whether that is enough is for people to judge.";
    lines.add(words, false);
    let mut control = "";
    for line in &body.lines {
        if line.control != control {
            control = &line.control;
            lines.add("", false);
            lines.add(&format!("{} {}", line.control, line.title), true);
        }
        let (check, outcome) = (code::text(&line.check), code::text(&line.outcome));
        let mut text = format!(
            "{check}: {outcome}, {} of {} lack it",
            line.lacking, line.count
        );
        if let Some(days) = line.days {
            let _ = write!(text, ", {days} days");
        }
        lines.add(&format!("  {text}"), false);
        lines.add(&format!("    wanted: {}", line.wanted), false);
    }
    lines
}

fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| "none yet".to_owned())
}

/// A text of somebody else, of bounded length; a cut one says how long it was.
fn cut(text: &str) -> String {
    let count = text.chars().count();
    if count <= TEXT_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().take(TEXT_MAX).collect();
    format!("{kept} [and {} more characters]", count - TEXT_MAX)
}

/// Text in the fonts' encoding; what they cannot show, or what could mislead, as its number.
fn shown(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(u32::from(c)) {
            // A soft hyphen is not seen.
            Ok(byte) if matches!(byte, b' '..=b'~' | 0xa0..=0xac | 0xae..=0xff) => bytes.push(byte),
            _ => bytes.extend_from_slice(format!("[U+{:04X}]", u32::from(c)).as_bytes()),
        }
    }
    bytes
}

/// Breaks at the last space of a full line, or where it is full.
fn broken(text: &[u8]) -> Vec<&[u8]> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while rest.len() > WIDTH {
        let space = rest[..=WIDTH].iter().rposition(|it| *it == b' ');
        let at = space.filter(|at| *at > WIDTH / 2).unwrap_or(WIDTH);
        let (part, after) = rest.split_at(at);
        parts.push(part);
        rest = after.strip_prefix(b" ").unwrap_or(after);
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use aim_domain::compliance::{
        CheckKind, CheckOutcome, FrameworkId, ReportBody, ReportLine, ReportPeriod,
    };
    use aim_domain::id::{AuditEntryId, KeptReportId, OrganizationId, ReportScheduleId};
    use chrono::DateTime;
    use uuid::Uuid;

    fn report(organization: &str, lines: usize) -> KeptReport {
        let at = DateTime::UNIX_EPOCH;
        let line = |number: usize| ReportLine {
            control: format!("A.{number}"),
            title: "a control".to_owned(),
            check: CheckKind::AuditKept,
            wanted: CheckKind::AuditKept.wanted().to_owned(),
            days: Some(90),
            outcome: CheckOutcome::NotMet,
            count: 2,
            lacking: 1,
        };
        KeptReport {
            id: KeptReportId::from_uuid(Uuid::nil()),
            organization: OrganizationId::from_uuid(Uuid::nil()),
            schedule: ReportScheduleId::from_uuid(Uuid::nil()),
            framework: FrameworkId::Soc2,
            every: ReportPeriod::Daily,
            period_start: at,
            measured_at: at,
            body: ReportBody {
                organization: organization.to_owned(),
                name: "SOC 2".to_owned(),
                edition: "2017".to_owned(),
                lines: (0..lines).map(line).collect(),
            },
            csv_sha256: String::new(),
            tree_size: None,
            root_hash: None,
            audit_entry: AuditEntryId::from_uuid(Uuid::nil()),
        }
    }

    #[test]
    fn what_cannot_be_shown_or_could_mislead_is_its_number() {
        assert_eq!(shown("Zürich"), b"Z\xfcrich");
        assert_eq!(shown("\u{4e2d}a"), b"[U+4E2D]a");
        assert_eq!(shown("a\u{202e}b\0\n"), b"a[U+202E]b[U+0000][U+000A]");
        assert_eq!(shown("\u{1f600}\u{ad}\u{85}"), b"[U+1F600][U+00AD][U+0085]");
    }

    #[test]
    fn long_lines_are_broken_and_nothing_of_them_is_lost() {
        let words = "word ".repeat(100);
        let text = words.trim_end();
        let parts = broken(text.as_bytes());
        assert!(parts.iter().all(|it| it.len() <= WIDTH));
        assert_eq!(parts.join(&b' '), text.as_bytes());
        let solid = vec![b'x'; 1_000];
        let parts = broken(&solid);
        assert!(parts.iter().all(|it| it.len() <= WIDTH));
        assert_eq!(parts.concat(), solid);
    }

    #[test]
    fn one_report_gives_the_same_bytes_and_hostile_names_only_text() {
        let hostile = format!(") Tj ET \\ ({}", "\u{202e}x".repeat(5_000));
        let one = report_pdf(&report(&hostile, 300));
        assert_eq!(one, report_pdf(&report(&hostile, 300)));
        assert!(one.starts_with(b"%PDF-1."));
        assert!(one.len() < 300_000, "{}", one.len());
        let pages = one.windows(10).filter(|it| it == b"/Contents ").count();
        assert!(pages > 10);
    }
}
