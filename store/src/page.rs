//! Keyset paging, in one place: newest first, by id.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use uuid::Uuid;

use crate::StoreError;

/// Most rows of one page.
pub(crate) const PAGE_MAX: u64 = 100;

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    size: u64,
    forward: bool,
    cursor: Option<Uuid>,
}

/// Why a page was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Both ends were asked for, or the size is out of range.
    #[error("give either `first` or `last`, between 0 and {PAGE_MAX}")]
    Size,
    /// A cursor for the other direction.
    #[error("`after` goes with `first`, `before` goes with `last`")]
    Direction,
}

impl PageRequest {
    /// From the arguments of a connection; without any, the first 20.
    ///
    /// # Errors
    /// [`PageError`] when they contradict each other or ask for too much.
    pub fn new(
        first: Option<i32>,
        after: Option<Uuid>,
        last: Option<i32>,
        before: Option<Uuid>,
    ) -> Result<Self, PageError> {
        let forward = last.is_none();
        if first.is_some() && last.is_some() {
            return Err(PageError::Size);
        }
        if (forward && before.is_some()) || (!forward && after.is_some()) {
            return Err(PageError::Direction);
        }
        let size = u64::try_from(first.or(last).unwrap_or(20)).map_err(|_| PageError::Size)?;
        if size > PAGE_MAX {
            return Err(PageError::Size);
        }
        Ok(Self {
            size,
            forward,
            cursor: after.or(before),
        })
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Whether older ones follow.
    pub has_next: bool,
    /// Whether newer ones precede.
    pub has_previous: bool,
    /// All rows that the filter lets through.
    pub total: u64,
}

/// Runs `query` for one page, ordered by `id`, newest first.
pub(crate) async fn fetch<E, C, T>(
    db: &C,
    query: Select<E>,
    id: E::Column,
    request: PageRequest,
    convert: impl Fn(E::Model) -> Result<T, StoreError>,
) -> Result<Page<T>, StoreError>
where
    E: EntityTrait,
    E::Model: Send + Sync,
    C: ConnectionTrait,
{
    let total = query.clone().count(db).await?;
    let mut query = query.limit(request.size + 1);
    query = match (request.forward, request.cursor) {
        (true, Some(cursor)) => query.filter(id.lt(cursor)),
        (false, Some(cursor)) => query.filter(id.gt(cursor)),
        (_, None) => query,
    };
    query = if request.forward {
        query.order_by_desc(id)
    } else {
        query.order_by_asc(id)
    };
    let mut rows = query.all(db).await?;
    let size = usize::try_from(request.size).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    if !request.forward {
        rows.reverse();
    }
    let (has_next, has_previous) = if request.forward {
        (more, request.cursor.is_some())
    } else {
        (request.cursor.is_some(), more)
    };
    let items = rows.into_iter().map(convert).collect::<Result<_, _>>()?;
    Ok(Page {
        items,
        has_next,
        has_previous,
        total,
    })
}
