//! What a finding points at is in the pinned catalogues, under that name.

use std::collections::{BTreeMap, BTreeSet};

use aim_domain::anomaly::AnomalyKind;
use aim_domain::catalogue::{CatalogueEntry, entries_of};
use serde::Deserialize;

const PINNED: &str = include_str!("../data/catalogues.json");

/// Every kind; the match fails to compile when there is another.
const KINDS: [AnomalyKind; 23] = {
    use AnomalyKind::{
        BehaviourDrift, CapabilityDrift, CombinedSigns, DeedBurst, FailureBurst, FirstSeenResource,
        FirstSeenWrite, ImpossibleTravel, McpDrift, McpPoisonedText, McpShadowedTool, ModelRisk,
        NewCountry, NewDomain, OffHours, PolicyAlert, PolicyQuarantine, PolicyWatched, RateSpike,
        RhythmBreak, UnusualSequence, VolumeSpike, WideSpread,
    };
    match RateSpike {
        RateSpike | OffHours | FirstSeenWrite | FirstSeenResource | NewDomain | CapabilityDrift
        | FailureBurst | NewCountry | ImpossibleTravel | ModelRisk | UnusualSequence
        | VolumeSpike | WideSpread | DeedBurst | BehaviourDrift | RhythmBreak | CombinedSigns
        | PolicyAlert | PolicyQuarantine | PolicyWatched | McpDrift | McpPoisonedText
        | McpShadowedTool => {}
    }
    [
        RateSpike,
        OffHours,
        FirstSeenWrite,
        FirstSeenResource,
        NewDomain,
        CapabilityDrift,
        FailureBurst,
        NewCountry,
        ImpossibleTravel,
        ModelRisk,
        UnusualSequence,
        VolumeSpike,
        WideSpread,
        DeedBurst,
        BehaviourDrift,
        RhythmBreak,
        CombinedSigns,
        PolicyAlert,
        PolicyQuarantine,
        PolicyWatched,
        McpDrift,
        McpPoisonedText,
        McpShadowedTool,
    ]
};

#[derive(Deserialize)]
struct Catalogue {
    version: String,
    entries: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Pinned {
    atlas: Catalogue,
    owasp: Catalogue,
}

fn compare(catalogue: &Catalogue, of: fn(AnomalyKind) -> &'static [CatalogueEntry]) {
    let mut used = BTreeSet::new();
    for kind in KINDS {
        let entries = of(kind);
        assert!(entries.is_sorted(), "{kind:?}");
        for entry in entries {
            let name = catalogue.entries.get(entry.id).map(String::as_str);
            assert_eq!(name, Some(entry.name), "{} of {kind:?}", entry.id);
            used.insert(entry.id.to_owned());
        }
    }
    let pinned: BTreeSet<_> = catalogue.entries.keys().cloned().collect();
    assert_eq!(used, pinned, "the pinned data has what is used, no more");
    assert!(!catalogue.version.is_empty());
}

#[test]
fn every_id_is_in_its_catalogue_under_its_name() {
    let pinned: Pinned = serde_json::from_str(PINNED).unwrap();
    compare(&pinned.atlas, AnomalyKind::atlas_techniques);
    compare(&pinned.owasp, AnomalyKind::owasp_agentic);
    for kind in KINDS {
        assert!(!kind.owasp_agentic().is_empty(), "{kind:?}");
    }
}

#[test]
fn several_kinds_point_at_each_entry_once() {
    let kinds = [
        AnomalyKind::NewDomain,
        AnomalyKind::FirstSeenWrite,
        AnomalyKind::CapabilityDrift,
    ];
    let ids = |of: fn(AnomalyKind) -> &'static [CatalogueEntry]| {
        let entries = entries_of(&kinds, of).into_iter();
        entries.map(|entry| entry.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(AnomalyKind::owasp_agentic), ["ASI01", "ASI02", "ASI03"]);
    assert_eq!(
        ids(AnomalyKind::atlas_techniques),
        ["AML.T0053", "AML.T0086"]
    );
    assert_eq!(entries_of(&[], AnomalyKind::owasp_agentic), []);
}
