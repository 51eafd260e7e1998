//! Root fields that change many objects.

use serde_json::json;

use crate::roots::{Foreigner, MANAGER, Root, mutation};

const REST: &str = "(input: $input) { results { items { code } } userErrors { code } }";

pub(crate) const ROOTS: &[Root] = &[
    Root {
        rest: REST,
        ..mutation(
            "changeAgentStatuses",
            MANAGER,
            Foreigner::Own,
            |ids| json!({ "agentIds": [ids.agent], "change": "REINSTATE", "reason": "a test" }),
        )
    },
    Root {
        rest: REST,
        ..mutation(
            "tagAgents",
            MANAGER,
            Foreigner::Own,
            |ids| json!({ "agentIds": [ids.agent], "add": ["a test"] }),
        )
    },
    Root {
        rest: REST,
        ..mutation(
            "answerAlerts",
            MANAGER,
            Foreigner::Own,
            |ids| json!({ "alertIds": [ids.alert] }),
        )
    },
];
