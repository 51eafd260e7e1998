//! Frameworks: data files, one each, that say which checks bear on which control.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::CheckKind;

/// A framework by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FrameworkId {
    /// AICPA Trust Services Criteria.
    Soc2,
    /// ISO/IEC 27001, Annex A.
    Iso27001,
    /// HIPAA Security Rule.
    Hipaa,
    /// General Data Protection Regulation.
    Gdpr,
    /// EU Artificial Intelligence Act.
    EuAiAct,
    /// NIST AI Risk Management Framework.
    NistAiRmf,
}

/// A framework, as far as facts that are on record here bear on it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// By name.
    pub id: FrameworkId,
    /// What it is called.
    pub name: String,
    /// Which edition.
    pub edition: String,
    /// Where its text is.
    pub source: String,
    /// In its order.
    pub controls: Vec<Control>,
}

/// A control, article or subcategory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// As the framework numbers it.
    pub id: String,
    /// What it is about, in our words.
    pub title: String,
    /// What bears on it.
    pub checks: Vec<ControlCheck>,
}

/// A check of a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlCheck {
    /// Which.
    pub kind: CheckKind,
    /// How many days contents have to be kept, of `AUDIT_KEPT`, or how old a word may be, of
    /// `ACCESS_REVIEWED`.
    #[serde(default)]
    pub days: Option<u32>,
}

/// The data files.
const FILES: [&str; 6] = [
    include_str!("frameworks/soc2.json"),
    include_str!("frameworks/iso27001.json"),
    include_str!("frameworks/hipaa.json"),
    include_str!("frameworks/gdpr.json"),
    include_str!("frameworks/eu_ai_act.json"),
    include_str!("frameworks/nist_ai_rmf.json"),
];

/// All frameworks; a test reads every file, so that none is left out here.
#[must_use]
pub fn frameworks() -> &'static [Framework] {
    static ALL: LazyLock<Vec<Framework>> = LazyLock::new(|| {
        let read = FILES.iter().map(|file| serde_json::from_str(file));
        read.filter_map(Result::ok).collect()
    });
    &ALL
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_is_read_and_every_check_is_asked_by_somebody() {
        for file in FILES {
            let read: Result<Framework, _> = serde_json::from_str(file);
            assert!(read.is_ok(), "{read:?}");
        }
        let ids: BTreeSet<_> = frameworks().iter().map(|it| it.id).collect();
        assert_eq!(ids.len(), FILES.len());
        let controls = || frameworks().iter().flat_map(|it| &it.controls);
        let asked: BTreeSet<_> = controls()
            .flat_map(|it| it.checks.iter().map(|check| check.kind))
            .collect();
        assert_eq!(asked, BTreeSet::from(CheckKind::ALL));
        for control in controls() {
            assert!(!control.checks.is_empty(), "{}", control.id);
            for check in &control.checks {
                let kinds = [CheckKind::AuditKept, CheckKind::AccessReviewed];
                let has_days = kinds.contains(&check.kind);
                assert_eq!(check.days.is_some(), has_days, "{}", control.id);
            }
        }
    }

    #[test]
    fn no_file_promises_what_only_people_can_judge() {
        for file in FILES {
            assert!(!file.to_lowercase().contains("compliant"));
        }
    }
}
