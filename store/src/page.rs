//! Keyset paging, in one place: newest first, by id, or by a value with the id behind it.

use sea_orm::sea_query::{Expr, ExprTrait, IntoColumnRef};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
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

    /// Whether rows follow and precede, of which there are more in the direction that was read in or not.
    const fn ends(self, more: bool) -> (bool, bool) {
        match self.forward {
            true => (more, self.cursor.is_some()),
            false => (self.cursor.is_some(), more),
        }
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

impl<T> Page<T> {
    /// The same page with something else in the place of its rows.
    pub fn with_items<U>(self, change: impl FnOnce(Vec<T>) -> Vec<U>) -> Page<U> {
        Page {
            items: change(self.items),
            has_next: self.has_next,
            has_previous: self.has_previous,
            total: self.total,
        }
    }
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
    let by = (id, Sorted::newest_first(id));
    fetch_counted(db, query, by, (request, total), convert).await
}

/// What a list is ordered by.
pub(crate) struct Sorted {
    /// A value of each row that is never null; rows with the same one are ordered by id.
    pub(crate) by: Expr,
    /// Whether the least comes first.
    pub(crate) is_ascending: bool,
}

impl Sorted {
    /// By id alone.
    pub(crate) fn newest_first<C: ColumnTrait>(id: C) -> Self {
        Self {
            by: Expr::col(id),
            is_ascending: false,
        }
    }
}

/// Runs `query` for one page in any order, of as many rows as there are in all. The cursor is a row's id; its
/// value is read from the row as it is now, so that a page goes on where the row stands.
pub(crate) async fn fetch_counted<E, C, T>(
    db: &C,
    query: Select<E>,
    (id, sorted): (E::Column, Sorted),
    (request, total): (PageRequest, u64),
    convert: impl Fn(E::Model) -> Result<T, StoreError>,
) -> Result<Page<T>, StoreError>
where
    E: EntityTrait,
    E::Model: Send + Sync,
    C: ConnectionTrait,
{
    let mut query = query.limit(request.size + 1);
    let goes_up = sorted.is_ascending == request.forward;
    if let Some(cursor) = request.cursor {
        let mut at = E::find().filter(id.eq(cursor)).into_query();
        at.clear_selects().expr(sorted.by.clone());
        // Rows before or behind the cursor's, by (value, id).
        let row = Expr::tuple([sorted.by.clone(), Expr::col(id.into_column_ref())]);
        let at = Expr::tuple([Expr::from(at), Expr::value(cursor)]);
        query = query.filter(if goes_up { row.gt(at) } else { row.lt(at) });
    }
    let order = if goes_up { Order::Asc } else { Order::Desc };
    query = query.order_by(sorted.by, order.clone()).order_by(id, order);
    let mut rows = query.all(db).await?;
    let size = usize::try_from(request.size).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    if !request.forward {
        rows.reverse();
    }
    let (has_next, has_previous) = request.ends(more);
    let items = rows.into_iter().map(convert).collect::<Result<_, _>>()?;
    Ok(Page {
        items,
        has_next,
        has_previous,
        total,
    })
}

/// A page of ids, ordered by themselves, of which all there are lie sorted.
pub(crate) fn cut(sorted: &[Uuid], is_ascending: bool, request: PageRequest) -> Page<Uuid> {
    let goes_up = is_ascending == request.forward;
    let rest = match request.cursor {
        Some(cursor) if goes_up => {
            sorted
                .split_at(sorted.partition_point(|id| *id <= cursor))
                .1
        }
        Some(cursor) => sorted.split_at(sorted.partition_point(|id| *id < cursor)).0,
        None => sorted,
    };
    let size = usize::try_from(request.size).unwrap_or(usize::MAX);
    let left = rest.len().saturating_sub(size);
    let mut items = match goes_up {
        true => rest.iter().take(size).copied().collect(),
        false => rest.split_at(left).1.to_vec(),
    };
    if !is_ascending {
        items.reverse();
    }
    let (has_next, has_previous) = request.ends(left > 0);
    Page {
        items,
        has_next,
        has_previous,
        total: u64::try_from(sorted.len()).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: impl IntoIterator<Item = u128>) -> Vec<Uuid> {
        numbers.into_iter().map(Uuid::from_u128).collect()
    }

    #[test]
    fn pages_are_cut_in_both_orders_and_directions() {
        let all = ids([1, 3, 5, 7, 9]);
        let at = |number| Some(Uuid::from_u128(number));
        for (is_ascending, forward, cursor, wanted, follows, precedes) in [
            (true, true, None, vec![1, 3], true, false),
            (true, true, at(7), vec![9], false, true),
            (true, false, None, vec![7, 9], false, true),
            (true, false, at(3), vec![1], true, false),
            (false, true, None, vec![9, 7], true, false),
            (false, true, at(5), vec![3, 1], false, true),
            (false, false, None, vec![3, 1], false, true),
            (false, false, at(3), vec![7, 5], true, true),
            // Cursors of what is not there any more.
            (true, true, at(4), vec![5, 7], true, true),
            (false, true, at(0), vec![], false, true),
        ] {
            let request = match forward {
                true => PageRequest::new(Some(2), cursor, None, None),
                false => PageRequest::new(None, None, Some(2), cursor),
            };
            let page = cut(&all, is_ascending, request.unwrap());
            assert_eq!(
                page.items,
                ids(wanted),
                "{is_ascending} {forward} {cursor:?}"
            );
            assert_eq!(
                (page.has_next, page.has_previous, page.total),
                (follows, precedes, 5)
            );
        }
        assert_eq!(
            cut(&[], true, PageRequest::new(None, None, None, None).unwrap()).total,
            0
        );
    }
}
