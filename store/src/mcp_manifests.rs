//! What MCP servers said of themselves, and how that differs from what was approved.

use aim_domain::anomaly::Severity;
use aim_domain::id::{McpDriftId, McpManifestId, McpServerId, OrganizationId};
use aim_domain::mcp::{McpDrift as Difference, McpManifest as Manifest, McpSuspicion};
use aim_domain::scope::Scope;
use aim_entities::{mcp_drift, mcp_manifest as entity, mcp_tool};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::page::{self, Page, PageRequest};
use crate::{Store, StoreError, Tx, code};

/// Most manifests that are kept of one server, beside those that were approved.
const KEPT: u64 = 50;

/// Who read a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum McpManifestSource {
    /// We asked the server.
    Handshake,
    /// Somebody else asked it, and said what they saw.
    Report,
}

/// What a server said of itself, from one time to another.
#[derive(Debug, Clone, PartialEq)]
pub struct McpManifest {
    /// Its identity.
    pub id: McpManifestId,
    /// Whose.
    pub organization: OrganizationId,
    /// Of which server.
    pub server: McpServerId,
    /// Its digest, in hexadecimal digits.
    pub digest: String,
    /// What was said.
    pub said: Manifest,
    /// What looks wrong in it.
    pub suspicions: Vec<McpSuspicion>,
    /// Who read it first.
    pub source: McpManifestSource,
    /// Who asked for that, or reported it.
    pub reported_by: String,
    /// When it was first said.
    pub first_seen_at: DateTime<Utc>,
    /// When it was last said.
    pub last_seen_at: DateTime<Utc>,
    /// When a person approved it last.
    pub approved_at: Option<DateTime<Utc>>,
    /// Who.
    pub approved_by: Option<String>,
    /// Why.
    pub approval_reason: Option<String>,
}

/// A part of a server that is not what was approved.
#[derive(Debug, Clone, PartialEq)]
pub struct McpDrift {
    /// Its identity.
    pub id: McpDriftId,
    /// Whose.
    pub organization: OrganizationId,
    /// Of which server.
    pub server: McpServerId,
    /// In which manifest it was seen.
    pub manifest: McpManifestId,
    /// What differs.
    pub difference: Difference,
    /// How bad that is.
    pub severity: Severity,
    /// When it was seen.
    pub detected_at: DateTime<Utc>,
    /// When a person settled it, by approving what the server says.
    pub settled_at: Option<DateTime<Utc>>,
    /// Who.
    pub settled_by: Option<String>,
}

fn convert(row: entity::Model) -> Result<McpManifest, StoreError> {
    Ok(McpManifest {
        id: McpManifestId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        server: McpServerId::from_uuid(row.server_id),
        digest: row.digest,
        said: code::from_json("mcp_manifests.body", row.body)?,
        suspicions: code::from_json("mcp_manifests.suspicions", row.suspicions)?,
        source: code::parse("mcp_manifests.source", &row.source)?,
        reported_by: row.reported_by,
        first_seen_at: row.first_seen_at,
        last_seen_at: row.last_seen_at,
        approved_at: row.approved_at,
        approved_by: row.approved_by,
        approval_reason: row.approval_reason,
    })
}

fn convert_drift(row: mcp_drift::Model) -> Result<McpDrift, StoreError> {
    Ok(McpDrift {
        id: McpDriftId::from_uuid(row.id),
        organization: OrganizationId::from_uuid(row.organization_id),
        server: McpServerId::from_uuid(row.server_id),
        manifest: McpManifestId::from_uuid(row.manifest_id),
        difference: Difference {
            kind: code::parse("mcp_drifts.kind", &row.kind)?,
            part: code::parse("mcp_drifts.part", &row.part)?,
            name: row.name,
            field: row.field,
            before: row.before_value,
            after: row.after_value,
        },
        severity: code::parse("mcp_drifts.severity", &row.severity)?,
        detected_at: row.detected_at,
        settled_at: row.settled_at,
        settled_by: row.settled_by,
    })
}

impl Store {
    /// Several manifests of the scope's organization, in no order; unknown ids are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_mcp_manifests(
        &self,
        scope: Scope,
        ids: &[McpManifestId],
    ) -> Result<Vec<McpManifest>, StoreError> {
        let rows = entity::Entity::find()
            .filter(entity::Column::Id.is_in(ids.iter().map(McpManifestId::as_uuid)))
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert).collect()
    }

    /// A page of the manifests of a server, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_mcp_manifests(
        &self,
        scope: Scope,
        server: McpServerId,
        page: PageRequest,
    ) -> Result<Page<McpManifest>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(entity::Column::ServerId.eq(server.as_uuid()));
        page::fetch(self.reader(), query, entity::Column::Id, page, convert).await
    }

    /// A page of the drift of a server, newest first; of that which is not settled when told so.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn list_mcp_drifts(
        &self,
        scope: Scope,
        server: McpServerId,
        is_settled: Option<bool>,
        page: PageRequest,
    ) -> Result<Page<McpDrift>, StoreError> {
        use mcp_drift::Column as C;
        let mut query = mcp_drift::Entity::find()
            .filter(C::OrganizationId.eq(scope.organization.as_uuid()))
            .filter(C::ServerId.eq(server.as_uuid()));
        query = match is_settled {
            Some(true) => query.filter(C::SettledAt.is_not_null()),
            Some(false) => query.filter(C::SettledAt.is_null()),
            None => query,
        };
        page::fetch(self.reader(), query, C::Id, page, convert_drift).await
    }

    /// All unsettled drift of an organization, for decisions.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn load_mcp_drifts(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<McpDrift>, StoreError> {
        use mcp_drift::Column as C;
        let rows = mcp_drift::Entity::find()
            .filter(C::OrganizationId.eq(organization.as_uuid()))
            .filter(C::SettledAt.is_null())
            .order_by_asc(C::Id)
            .all(self.reader())
            .await?;
        rows.into_iter().map(convert_drift).collect()
    }

    /// Tools of other servers of the scope's organization whose names look like one of these: server,
    /// name, looks.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_mcp_lookalikes(
        &self,
        scope: Scope,
        except: McpServerId,
        looks: &[String],
    ) -> Result<Vec<(McpServerId, String, String)>, StoreError> {
        use mcp_tool::Column as C;
        let mut found = Vec::new();
        for chunk in looks.chunks(500) {
            let rows: Vec<(Uuid, String, String)> = mcp_tool::Entity::find()
                .filter(C::OrganizationId.eq(scope.organization.as_uuid()))
                .filter(C::ServerId.ne(except.as_uuid()))
                .filter(C::Looks.is_in(chunk))
                .limit(500)
                .select_only()
                .columns([C::ServerId, C::Name, C::Looks])
                .into_tuple()
                .all(self.reader())
                .await?;
            let rows = rows.into_iter();
            found.extend(rows.map(|(id, name, looks)| (McpServerId::from_uuid(id), name, looks)));
        }
        Ok(found)
    }
}

impl Tx {
    /// The manifest with this digest of a server.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_mcp_manifest_by_digest(
        &self,
        server: McpServerId,
        digest: &str,
    ) -> Result<Option<McpManifest>, StoreError> {
        let query = entity::Entity::find()
            .filter(entity::Column::ServerId.eq(server.as_uuid()))
            .filter(entity::Column::Digest.eq(digest));
        query.one(self.on()).await?.map(convert).transpose()
    }

    /// A manifest of a server.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_mcp_manifest(
        &self,
        server: McpServerId,
        id: McpManifestId,
    ) -> Result<Option<McpManifest>, StoreError> {
        let query = entity::Entity::find_by_id(id.as_uuid())
            .filter(entity::Column::ServerId.eq(server.as_uuid()));
        query.one(self.on()).await?.map(convert).transpose()
    }

    /// Writes a new manifest. Of those that nobody approved only the last ones are kept: a server that
    /// says something else each time fills no disk.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_mcp_manifest(&mut self, new: &McpManifest) -> Result<(), StoreError> {
        let row = entity::ActiveModel {
            id: Set(new.id.as_uuid()),
            organization_id: Set(new.organization.as_uuid()),
            server_id: Set(new.server.as_uuid()),
            digest: Set(new.digest.clone()),
            body: Set(code::json(&new.said)),
            suspicions: Set(code::json(&new.suspicions)),
            source: Set(code::text(&new.source)),
            reported_by: Set(new.reported_by.clone()),
            first_seen_at: Set(new.first_seen_at),
            last_seen_at: Set(new.last_seen_at),
            approved_at: Set(None),
            approved_by: Set(None),
            approval_reason: Set(None),
        };
        entity::Entity::insert(row)
            .exec_without_returning(self.on())
            .await?;
        let unapproved = entity::Entity::find()
            .filter(entity::Column::ServerId.eq(new.server.as_uuid()))
            .filter(entity::Column::ApprovedAt.is_null());
        if unapproved.clone().count(self.on()).await? <= KEPT {
            return Ok(());
        }
        let old: Vec<Uuid> = unapproved
            .order_by_desc(entity::Column::LastSeenAt)
            .order_by_desc(entity::Column::Id)
            .offset(KEPT)
            .limit(KEPT)
            .select_only()
            .column(entity::Column::Id)
            .into_tuple()
            .all(self.on())
            .await?;
        entity::Entity::delete_many()
            .filter(entity::Column::Id.is_in(old))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Says that a manifest was said again.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn touch_mcp_manifest(&mut self, id: McpManifestId) -> Result<(), StoreError> {
        entity::Entity::update_many()
            .col_expr(entity::Column::LastSeenAt, Expr::value(self.now()))
            .filter(entity::Column::Id.eq(id.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// Says that a person approved a manifest, settles all drift of its server, and keeps the names of its
    /// tools to hold others against.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn approve_mcp_manifest(
        &mut self,
        manifest: &McpManifest,
        (by, reason): (&str, &str),
        tools: Vec<(Uuid, String, String)>,
    ) -> Result<(), StoreError> {
        use mcp_drift::Column as D;
        entity::Entity::update_many()
            .col_expr(entity::Column::ApprovedAt, Expr::value(self.now()))
            .col_expr(entity::Column::ApprovedBy, Expr::value(by))
            .col_expr(entity::Column::ApprovalReason, Expr::value(reason))
            .filter(entity::Column::Id.eq(manifest.id.as_uuid()))
            .exec(self.on())
            .await?;
        mcp_drift::Entity::update_many()
            .col_expr(D::SettledAt, Expr::value(self.now()))
            .col_expr(D::SettledBy, Expr::value(by))
            .filter(D::ServerId.eq(manifest.server.as_uuid()))
            .filter(D::SettledAt.is_null())
            .exec(self.on())
            .await?;
        self.forget_mcp_tools(manifest.server).await?;
        for chunk in tools.chunks(500) {
            let rows = chunk.iter().map(|(id, name, looks)| mcp_tool::ActiveModel {
                id: Set(*id),
                organization_id: Set(manifest.organization.as_uuid()),
                server_id: Set(manifest.server.as_uuid()),
                name: Set(name.clone()),
                looks: Set(looks.clone()),
            });
            mcp_tool::Entity::insert_many(rows)
                .exec_without_returning(self.on())
                .await?;
        }
        Ok(())
    }

    /// Holds no others against the names of a server's tools any more.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn forget_mcp_tools(&mut self, server: McpServerId) -> Result<(), StoreError> {
        mcp_tool::Entity::delete_many()
            .filter(mcp_tool::Column::ServerId.eq(server.as_uuid()))
            .exec(self.on())
            .await?;
        Ok(())
    }

    /// The unsettled drift of a server.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn find_unsettled_mcp_drifts(
        &self,
        server: McpServerId,
    ) -> Result<Vec<McpDrift>, StoreError> {
        use mcp_drift::Column as D;
        let rows = mcp_drift::Entity::find()
            .filter(D::ServerId.eq(server.as_uuid()))
            .filter(D::SettledAt.is_null())
            .order_by_asc(D::Id)
            .all(self.on())
            .await?;
        rows.into_iter().map(convert_drift).collect()
    }

    /// Writes new drift.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn insert_mcp_drifts(&mut self, drifts: &[McpDrift]) -> Result<(), StoreError> {
        for chunk in drifts.chunks(200) {
            let rows = chunk.iter().map(|drift| mcp_drift::ActiveModel {
                id: Set(drift.id.as_uuid()),
                organization_id: Set(drift.organization.as_uuid()),
                server_id: Set(drift.server.as_uuid()),
                manifest_id: Set(drift.manifest.as_uuid()),
                kind: Set(code::text(&drift.difference.kind)),
                part: Set(code::text(&drift.difference.part)),
                name: Set(drift.difference.name.clone()),
                field: Set(drift.difference.field.clone()),
                before_value: Set(drift.difference.before.clone()),
                after_value: Set(drift.difference.after.clone()),
                severity: Set(code::text(&drift.severity)),
                detected_at: Set(drift.detected_at),
                settled_at: Set(None),
                settled_by: Set(None),
            });
            mcp_drift::Entity::insert_many(rows)
                .exec_without_returning(self.on())
                .await?;
        }
        Ok(())
    }
}
