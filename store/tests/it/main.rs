//! What the store promises, asked of SQLite and of PostgreSQL.

mod accounts;
mod action_classes;
mod agent_counts;
mod agent_search;
mod alerts;
mod approvals;
mod audit_log;
mod decisions;
mod keys;
mod kill_switches;
mod mcp_attestations;
mod models;
mod offsets;
mod paging;
mod passkeys;
mod people;
mod policies;
mod policy_targets;
mod scene;
mod suppressions;
mod tenants;
mod trust;
mod tx;

/// One test body, two databases.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&crate::scene::Scene::sqlite().await.unwrap()).await.unwrap();
            })+
        }

        mod on_postgresql {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&crate::scene::Scene::postgresql().await.unwrap()).await.unwrap();
            })+
        }
    };
}
use on_both;
