//! Relay connections, written once.

use aim_app::{AppError, ErrorCode};
use aim_store::PageRequest;
use async_graphql::{Error, SimpleObject};

use super::context::fault;
use super::id::parse_cursor;

/// Where a page stands in its list.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PageInfo {
    /// Whether older items follow.
    pub(crate) has_next_page: bool,
    /// Whether newer items precede.
    pub(crate) has_previous_page: bool,
    /// Cursor of the first item of the page.
    pub(crate) start_cursor: Option<String>,
    /// Cursor of the last item of the page.
    pub(crate) end_cursor: Option<String>,
}

/// The part of a list that connection arguments ask for.
pub(crate) fn page(
    kind: &str,
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
) -> Result<PageRequest, Error> {
    let (after, before) = (parse_cursor(kind, after)?, parse_cursor(kind, before)?);
    PageRequest::new(first, after, last, before)
        .map_err(|error| fault(AppError::new(ErrorCode::InvalidInput, error.to_string())))
}

/// Declares the connection and edge types of a node type.
macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ty, $row:ty, $kind:literal) => {
        /// A page of a list, newest first.
        #[derive(Debug, Clone, async_graphql::SimpleObject)]
        pub(crate) struct $connection {
            /// The items with their cursors.
            pub(crate) edges: Vec<$edge>,
            /// The items.
            pub(crate) nodes: Vec<$node>,
            /// Where the page stands.
            pub(crate) page_info: $crate::graphql::connection::PageInfo,
            /// All items that the filter lets through.
            pub(crate) total_count: u64,
        }

        /// An item with its cursor.
        #[derive(Debug, Clone, async_graphql::SimpleObject)]
        pub(crate) struct $edge {
            /// Points at the item; give it as `after` or `before`.
            pub(crate) cursor: String,
            /// The item.
            pub(crate) node: $node,
        }

        impl From<aim_store::Page<$row>> for $connection {
            fn from(page: aim_store::Page<$row>) -> Self {
                let cursor = |row: &$row| $crate::graphql::id::cursor($kind, row.id.as_uuid());
                let edges: Vec<$edge> = page
                    .items
                    .into_iter()
                    .map(|row| $edge {
                        cursor: cursor(&row),
                        node: row.into(),
                    })
                    .collect();
                Self {
                    page_info: $crate::graphql::connection::PageInfo {
                        has_next_page: page.has_next,
                        has_previous_page: page.has_previous,
                        start_cursor: edges.first().map(|edge| edge.cursor.clone()),
                        end_cursor: edges.last().map(|edge| edge.cursor.clone()),
                    },
                    nodes: edges.iter().map(|edge| edge.node.clone()).collect(),
                    edges,
                    total_count: page.total,
                }
            }
        }
    };
}
pub(crate) use connection;
