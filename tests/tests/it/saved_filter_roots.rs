//! Root fields of saved filters, with the rows that they are asked about.

use serde_json::json;

use crate::list_fields::{Filter, filter};
use crate::roots::{Foreigner, PAGE, Root, VIEWER, mutation, nothing, query};

/// One for everybody, and one of the administrator alone.
pub(crate) const SAVED_FILTERS: &str =
    "INSERT INTO saved_filters (id, organization_id, owner_id, list, name, body, created_by, created_at,
    updated_by, updated_at) SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f645', organization_id,
    x'00000000000000000000000000000000', 'AGENTS', 'a test', '{}', 'user:1', created_at, 'user:1',
    created_at FROM agents WHERE name = 'reader'
    UNION ALL SELECT x'0190a1b2c3d47e8f90a1b2c3d4e5f646', organization_id, id, 'AGENTS', 'a test', '{}',
    'user:1', created_at, 'user:1', created_at FROM users WHERE email = 'admin@aim.local'";
/// The global id of the second: `SavedFilter:0190a1b2-c3d4-7e8f-90a1-b2c3d4e5f646`.
const OWN_ID: &str = "U2F2ZWRGaWx0ZXI6MDE5MGExYjItYzNkNC03ZThmLTkwYTEtYjJjM2Q0ZTVmNjQ2";

pub(crate) const SAVED_FILTER_FILTERS: &[Filter] = &[filter(
    "savedFilters",
    "list",
    |_| json!("AGENTS"),
    |_| json!("ALERTS"),
)];

pub(crate) const ROOTS: &[Root] = &[
    query("savedFilters", VIEWER, Foreigner::Empty, PAGE, nothing),
    mutation(
        "saveFilter",
        VIEWER,
        Foreigner::Own,
        |_| json!({ "list": "AGENTS", "name": "a test", "filter": { "status": "VERIFIED" } }),
    ),
    mutation(
        "deleteSavedFilter",
        VIEWER,
        Foreigner::NotFound,
        |_| json!({ "savedFilterId": OWN_ID }),
    ),
];
