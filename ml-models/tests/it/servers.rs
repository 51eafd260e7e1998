//! What others said of the MCP servers that an agent calls is tallied for its trust, and fades.

use aim_domain::action::{ObservedAction, Outcome};
use aim_domain::mcp::McpStanding;
use aim_ml_models::BehaviourProfile;

use crate::acting::{action, at};

fn call(seconds: i64, attested: u16, contradicted: u16) -> ObservedAction {
    ObservedAction {
        server: Some(McpStanding {
            attested,
            contradicted,
        }),
        ..action("mcp:tools/add", None, at(seconds))
    }
}

fn tallied(profile: &BehaviourProfile) -> (f32, f32) {
    let tallies = profile.tallies();
    (tallies.mcp_attested, tallies.mcp_contradicted)
}

#[test]
fn calls_count_by_what_was_said_of_the_server_and_fade_in_a_week() {
    let mut profile = BehaviourProfile::default();
    profile.observe(&call(0, 5_000, 2_500));
    profile.observe(&call(0, 5_000, 0));
    let denied = ObservedAction {
        outcome: Outcome::Denied,
        ..call(0, 5_000, 5_000)
    };
    profile.observe(&denied);
    profile.observe(&action("mcp:other/add", None, at(0)));
    assert_eq!(tallied(&profile), (1.0, 0.25));
    let week = 7 * 24 * 3_600;
    profile.observe(&action("files:read", None, at(week)));
    let (attested, contradicted) = tallied(&profile);
    assert!((attested - 0.5).abs() < 1e-5, "{attested}");
    assert!((contradicted - 0.125).abs() < 1e-5, "{contradicted}");
    let bytes = profile.encode().unwrap();
    assert_eq!(BehaviourProfile::decode(&bytes).unwrap(), profile);
}
