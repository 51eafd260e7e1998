//! Models: versions, moves, and what was seen of champion and challenger.

use aim_app::ModelsNow;
use aim_domain::model::{
    FLAG_RATIO_MOST, ModelMove as MoveRow, ModelScores as Scores, SHADOW_LEAST, Shadow,
};
use aim_store::models::{ModelSigner as SignerRow, ModelVersion as Row};
use async_graphql::{ID, Json, SimpleObject};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::super::connection::connection;
use super::super::enums::ModelAlias;
use super::super::id::global_id;

/// A published model. Never changed.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ModelVersion {
    /// Global id.
    pub(crate) id: ID,
    /// Counts the organization's versions from 1.
    number: i32,
    /// `logistic`, `forest`, `gmm` or `pca`.
    kind: String,
    /// Version of the features it scores.
    feature_schema_version: i32,
    /// SHA-256 of the data it was made of.
    data_sha256: String,
    /// Area under the curve on held-out agents; null where there were no labels.
    auc: Option<f64>,
    /// Its card: all that its maker said of it.
    card: Json<Value>,
    /// SHA-256 of its bytes.
    sha256: String,
    /// How many bytes it has.
    byte_count: u64,
    /// Thumbprint of the key that signed it.
    signer_key_id: String,
    /// By whom it was published, as `user:<id>`.
    published_by: String,
    /// When it was published.
    published_at: DateTime<Utc>,
}

impl From<Row> for ModelVersion {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("ModelVersion", row.id),
            number: row.number,
            kind: row.kind,
            feature_schema_version: row.feature_schema_version,
            data_sha256: row.data_sha256,
            auc: row.auc,
            card: Json(row.header),
            sha256: row.sha256,
            byte_count: u64::try_from(row.byte_count).unwrap_or(0),
            signer_key_id: key_id(&row.signer),
            published_by: row.published_by,
            published_at: row.created_at,
        }
    }
}

connection!(
    ModelVersionConnection,
    ModelVersionEdge,
    ModelVersion,
    Row,
    "ModelVersion"
);

/// A move of champion or challenger.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ModelMove {
    /// Global id.
    id: ID,
    /// Counts the organization's moves from 1.
    number: i64,
    /// Which name.
    alias: ModelAlias,
    /// Number of the version before; null is none.
    from_version: Option<i32>,
    /// Number of the version after; null is none.
    to_version: Option<i32>,
    /// Whether it was moved back.
    is_rollback: bool,
    /// Whether a person did so without asking the gate.
    is_forced: bool,
    /// By whom: `user:<id>`, or `system:stream` where the guard took a champion back.
    moved_by: String,
    /// Why.
    reason: String,
    /// When.
    created_at: DateTime<Utc>,
}

impl From<MoveRow> for ModelMove {
    fn from(row: MoveRow) -> Self {
        Self {
            id: global_id("ModelMove", row.id),
            number: row.number,
            alias: row.alias.into(),
            from_version: row.from,
            to_version: row.to,
            is_rollback: row.is_rollback,
            is_forced: row.is_forced,
            moved_by: row.by,
            reason: row.reason,
            created_at: row.at,
        }
    }
}

connection!(
    ModelMoveConnection,
    ModelMoveEdge,
    ModelMove,
    MoveRow,
    "ModelMove"
);

/// Whose models an organization takes.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ModelSigner {
    /// Thumbprint of the key (RFC 7638).
    key_id: String,
    /// The public key, base64url.
    public_key: String,
    /// By whom it was pinned, as `user:<id>`.
    pinned_by: String,
    /// Since when.
    pinned_at: DateTime<Utc>,
}

impl From<SignerRow> for ModelSigner {
    fn from(row: SignerRow) -> Self {
        Self {
            key_id: key_id(&row.public_key),
            public_key: row.public_key,
            pinned_by: row.pinned_by,
            pinned_at: row.pinned_at,
        }
    }
}

fn key_id(public_key: &str) -> String {
    let key = aim_domain::signature::PublicKey::parse(public_key);
    key.map_or_else(|_| "unknown".to_owned(), |key| key.thumbprint())
}

/// What serves an organization.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct OrganizationModels {
    /// What it flags becomes a finding `MODEL_RISK`; null while none serves.
    champion: Option<ModelVersion>,
    /// Scores the same actions without effect; null while none is tried.
    challenger: Option<ModelVersion>,
    /// Whose models are taken; null before the first was published.
    signer: Option<ModelSigner>,
}

impl From<ModelsNow> for OrganizationModels {
    fn from(now: ModelsNow) -> Self {
        Self {
            champion: now.champion.map(ModelVersion::from),
            challenger: now.challenger.map(ModelVersion::from),
            signer: now.signer.map(ModelSigner::from),
        }
    }
}

/// What one model did with the actions since both are what they are.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ModelScores {
    /// Which version.
    version: ModelVersion,
    /// Actions that it gave a score.
    scored_count: u64,
    /// Of these, above its limit.
    flagged_count: u64,
    /// Actions that it could not score.
    error_count: u64,
    /// Mean of its scores, 0 to 1; null before the first.
    mean_score: Option<f64>,
    /// How many scores fell into each twentieth of 0 to 1.
    histogram: Vec<u64>,
    /// Mean time of a score, reckoned from a sample of them; null before the first.
    mean_seconds: Option<f64>,
}

impl ModelScores {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    fn of(version: Row, scores: &Scores) -> Self {
        let per_action = |nanos: u64| nanos as f64 / 1e9 / scores.scored as f64;
        Self {
            version: version.into(),
            scored_count: scores.scored,
            flagged_count: scores.flagged,
            error_count: scores.errors,
            mean_score: scores.mean(),
            histogram: scores.bins.to_vec(),
            mean_seconds: (scores.scored > 0).then(|| per_action(scores.nanos)),
        }
    }
}

/// Champion and challenger on the same actions, since both are what they are.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ShadowReport {
    /// The champion; null while none serves.
    champion: Option<ModelScores>,
    /// The challenger; null while none is tried.
    challenger: Option<ModelScores>,
    /// Actions that both flagged.
    both_flagged_count: u64,
    /// Population stability index between the two histograms, 0 where they are alike; null before
    /// both have scored.
    stability_index: Option<f64>,
    /// Actions that a challenger has to have scored before it may become champion.
    least_scored_count: u64,
    /// How many times what the champion flags a challenger may flag.
    most_flag_ratio: f64,
}

impl ShadowReport {
    pub(crate) fn of(now: ModelsNow, shadow: &Shadow) -> Self {
        let champion = now.champion;
        let challenger = now.challenger;
        Self {
            champion: champion.map(|it| ModelScores::of(it, &shadow.champion)),
            challenger: challenger.map(|it| ModelScores::of(it, &shadow.challenger)),
            both_flagged_count: shadow.both_flagged,
            stability_index: shadow.stability_index(),
            least_scored_count: SHADOW_LEAST,
            most_flag_ratio: FLAG_RATIO_MOST,
        }
    }
}
