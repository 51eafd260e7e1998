//! Filters that people keep under a name, for themselves or for everybody in the organization.

use aim_domain::id::{SavedFilterId, UserId};
use aim_domain::saved_filter::{
    FilteredList, SAVED_FILTER_MAX_BYTES, SAVED_FILTER_NAME_MAX, SAVED_FILTERS_MAX,
};
use aim_store::saved_filters::SavedFilter;
use aim_store::{Page, PageRequest};
use serde_json::{Value, json};

use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

/// A filter to keep.
#[derive(Debug, Clone)]
pub struct SaveFilter {
    /// Of which list.
    pub list: FilteredList,
    /// What people call it.
    pub name: String,
    /// The filter, in the form of the door that it came through.
    pub body: Value,
    /// Why its list does not take it, where it does not; the door knows.
    pub refusal: Option<String>,
    /// Whose; everybody's when there is nobody.
    pub owner: Option<UserId>,
}

/// What the trail keeps of it.
fn said(filter: &SavedFilter) -> Value {
    json!({
        "list": filter.list,
        "name": filter.name,
        "isShared": filter.owner.is_none(),
        "filter": filter.body,
    })
}

fn check(input: &SaveFilter) -> Result<(), AppError> {
    let mut errors = FieldErrors::default();
    errors.text("name", &input.name, SAVED_FILTER_NAME_MAX);
    if input.name.trim().is_empty() {
        errors.add("name", "is empty; say what people call it");
    } else if input.name.trim() != input.name {
        errors.add("name", "begins or ends with a space; leave it out");
    }
    let size = input.body.to_string().len();
    if size > SAVED_FILTER_MAX_BYTES {
        let message = format!("has {size} bytes; shorten it to at most {SAVED_FILTER_MAX_BYTES}");
        errors.add("filter", message);
    } else if let Some(message) = &input.refusal {
        errors.add("filter", message);
    }
    errors.finish()
}

impl App {
    /// Keeps a filter. One of the same name of the same list is replaced; the same again changes nothing.
    ///
    /// # Errors
    /// `InvalidInput` for the name and the filter, `Conflict` when there are too many.
    pub async fn save_filter(
        &self,
        permit: &Permit,
        input: SaveFilter,
    ) -> Result<SavedFilter, AppError> {
        check(&input)?;
        let scope = permit.scope();
        let mut tx = self.store.begin().await?;
        // One after the other, so that names are there once and the limit holds.
        tx.lock_limits(scope.organization).await?;
        let name = (input.list, input.name.as_str());
        let before = tx.find_named_filter(scope, input.owner, name).await?;
        if let Some(before) = &before
            && before.body == input.body
        {
            return Ok(before.clone());
        }
        let count = tx.count_saved_filters(scope, input.owner).await?;
        if before.is_none() && count >= SAVED_FILTERS_MAX {
            let message = format!("{count} filters are saved; delete some first");
            return Err(AppError::new(ErrorCode::Conflict, message));
        }
        let (now, by) = (tx.now(), permit.actor());
        let first = before.as_ref();
        let after = SavedFilter {
            id: first.map_or_else(|| SavedFilterId::from_uuid(self.ids.next()), |it| it.id),
            organization: scope.organization,
            owner: input.owner,
            list: input.list,
            name: input.name,
            body: input.body,
            created_by: first.map_or_else(|| by.clone(), |it| it.created_by.clone()),
            created_at: first.map_or(now, |it| it.created_at),
            updated_by: by,
            updated_at: now,
        };
        if first.is_some() {
            tx.update_saved_filter(&after).await?;
        } else {
            tx.insert_saved_filter(&after).await?;
        }
        tx.audit(permit.audit(
            &self.ids,
            "filter.save",
            ("saved-filter", after.id.to_string()),
            None,
            (first.map(said), Some(said(&after))),
        ));
        tx.commit().await?;
        Ok(after)
    }

    /// Takes a filter away that the person sees.
    ///
    /// # Errors
    /// `NotFound`, also for what somebody else keeps for themselves.
    pub async fn delete_saved_filter(
        &self,
        permit: &Permit,
        user: UserId,
        id: SavedFilterId,
    ) -> Result<SavedFilter, AppError> {
        let missing = || AppError::not_found("saved filter");
        let before = self.find_saved_filter(permit, user, id).await?;
        let before = before.ok_or_else(missing)?;
        let mut tx = self.store.begin().await?;
        if !tx.delete_saved_filter(permit.scope(), id).await? {
            return Err(missing());
        }
        tx.audit(permit.audit(
            &self.ids,
            "filter.delete",
            ("saved-filter", id.to_string()),
            None,
            (Some(said(&before)), None),
        ));
        tx.commit().await?;
        Ok(before)
    }

    /// A filter that the person sees: their own, or everybody's.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn find_saved_filter(
        &self,
        permit: &Permit,
        user: UserId,
        id: SavedFilterId,
    ) -> Result<Option<SavedFilter>, AppError> {
        let found = self.store.find_saved_filter(permit.scope(), user, id);
        Ok(found.await?)
    }

    /// A page of the filters that the person sees, of one list or of all.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn list_saved_filters(
        &self,
        permit: &Permit,
        user: UserId,
        list: Option<FilteredList>,
        page: PageRequest,
    ) -> Result<Page<SavedFilter>, AppError> {
        let found = self
            .store
            .list_saved_filters(permit.scope(), user, list, page);
        Ok(found.await?)
    }
}
