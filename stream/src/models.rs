//! Scoring by the models of each organization: the champion finds, the challenger is only watched.
//!
//! Which models serve is asked once a batch, so that no batch is scored by two champions. A model that
//! cannot be loaded or gives no number never stops the stream: its errors are counted, and the guard
//! in `app/` takes a champion back that has too many. Scoring allocates nothing; explanations are made
//! of what is flagged alone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use aim_app::{App, AppError, LoadedModel, ModelsSeen};
use aim_domain::action::ObservedAction;
use aim_domain::anomaly::{AnomalyKind, Evidence, Finding, Severity};
use aim_domain::id::OrganizationId;
use aim_domain::model::{ModelScores, Served, Serving, Shadow};
use aim_ml_models::artefact::Artefact;
use aim_ml_models::model::Model;
use aim_ml_models::{FEATURE_NAMES, FeatureVector};

/// Most bytes of artefacts whose models are kept in memory. A batch may need more for a moment.
const KEPT_MAX_BYTES: usize = 256 << 20;
/// A model that cannot be loaded is not looked for at each batch; it counts as so many bytes.
const BROKEN_BYTES: usize = 1 << 10;
/// One score in so many is timed: reading the clock takes as long as a small model's score.
const TIMED: u64 = 16;
/// From this probability of risk on a finding is worth a look.
const MEDIUM_FROM: f64 = 0.9;
/// Contributions that are told of a finding.
const TOLD: usize = 3;

/// A model as loaded; `None` when it cannot be.
type Loaded = Option<Arc<Model>>;

struct Kept {
    model: Loaded,
    bytes: usize,
    used: u64,
}

/// Models in memory, those used longest ago given up first.
#[derive(Default)]
pub(crate) struct Models {
    kept: HashMap<(OrganizationId, i32), Kept>,
    bytes: usize,
    /// Counts batches.
    now: u64,
}

impl std::fmt::Debug for Models {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Models")
            .field("kept", &self.kept.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Models {
    /// The models that score the next batch.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub(crate) async fn prepare(
        &mut self,
        app: &App,
        organizations: impl Iterator<Item = OrganizationId>,
    ) -> Result<Judges, AppError> {
        self.now += 1;
        let mut organizations: Vec<_> = organizations.collect();
        organizations.sort_unstable();
        organizations.dedup();
        let mut judges = HashMap::new();
        for organization in organizations {
            let serving = app.serving(organization).await?;
            if serving == Serving::default() {
                continue;
            }
            let judge = Judge {
                serving,
                champion: self.scorer(app, organization, serving.champion).await?,
                challenger: self.scorer(app, organization, serving.challenger).await?,
                seen: Shadow::default(),
            };
            judges.insert(organization, judge);
        }
        Ok(Judges(judges))
    }

    async fn scorer(
        &mut self,
        app: &App,
        organization: OrganizationId,
        served: Option<Served>,
    ) -> Result<Option<Scorer>, AppError> {
        let Some(Served { version, .. }) = served else {
            return Ok(None);
        };
        let model = match self.kept.get_mut(&(organization, version)) {
            Some(kept) => {
                kept.used = self.now;
                kept.model.clone()
            }
            None => self.load(app, organization, version).await?,
        };
        Ok(Some(Scorer { version, model }))
    }

    async fn load(
        &mut self,
        app: &App,
        organization: OrganizationId,
        version: i32,
    ) -> Result<Loaded, AppError> {
        let found = app.load_model(organization, version).await?;
        let decoded = match found {
            Some(loaded) => tokio::task::spawn_blocking(move || decode(&loaded))
                .await
                .unwrap_or_else(|error| Err(error.to_string())),
            None => Err("its bytes are gone".to_owned()),
        };
        let (model, bytes) = match decoded {
            Ok((model, bytes)) => {
                tracing::info!(%organization, version, "a model was loaded");
                (Some(Arc::new(model)), bytes)
            }
            Err(reason) => {
                tracing::error!(%organization, version, reason, "a model cannot be loaded");
                (None, BROKEN_BYTES)
            }
        };
        self.make_room(bytes);
        let kept = Kept {
            model: model.clone(),
            bytes,
            used: self.now,
        };
        self.bytes += bytes;
        self.kept.insert((organization, version), kept);
        Ok(model)
    }

    fn make_room(&mut self, bytes: usize) {
        while self.bytes + bytes > KEPT_MAX_BYTES {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
            let Some(key) = oldest.map(|(key, _)| *key) else {
                return;
            };
            if let Some(gone) = self.kept.remove(&key) {
                self.bytes -= gone.bytes;
            }
        }
    }
}

fn decode(loaded: &LoadedModel) -> Result<(Model, usize), String> {
    let artefact = Artefact::decode(&loaded.bytes, &loaded.signer);
    let artefact = artefact.map_err(|error| error.to_string())?;
    Ok((artefact.model, loaded.bytes.len()))
}

/// One version at work.
struct Scorer {
    version: i32,
    model: Loaded,
}

/// What one model says of one action.
#[derive(Clone, Copy)]
struct Verdict {
    probability: f64,
    is_flagged: bool,
}

impl Scorer {
    /// Scores and counts; `None` when there is no score.
    fn score(&self, features: &[f64], scores: &mut ModelScores) -> Option<Verdict> {
        let timed = scores.scored.is_multiple_of(TIMED).then(Instant::now);
        let verdict = self.model.as_ref().and_then(|model| {
            let score = model.score(features).ok().filter(|score| !score.is_nan())?;
            let probability = model.calibration().apply(score);
            (!probability.is_nan()).then_some(Verdict {
                probability,
                is_flagged: score > model.limits().at_1pct,
            })
        });
        if let Some(began) = timed {
            let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX / TIMED);
            scores.nanos += nanos.saturating_mul(TIMED);
        }
        match verdict {
            Some(verdict) => scores.count(verdict.probability, verdict.is_flagged),
            None => scores.errors += 1,
        }
        verdict
    }

    fn finding(&self, features: &[f64], verdict: Verdict, action: &ObservedAction) -> Finding {
        let probability = verdict.probability;
        let kind = self
            .model
            .as_ref()
            .map_or("", |model| model.kind().as_str());
        let is_probability = self
            .model
            .as_ref()
            .is_some_and(|model| model.gives_probabilities());
        let what = if is_probability {
            "probability of risk"
        } else {
            "share of learned actions that are more usual"
        };
        let mut evidence = vec![Evidence {
            label: format!("{what}, by model v{} ({kind})", self.version),
            observed: format!("{probability:.3}"),
            expected: Some("above the limit that 1 % of fine actions passed".to_owned()),
        }];
        evidence.extend(self.reasons(features));
        let severity = if is_probability && probability >= MEDIUM_FROM {
            Severity::Medium
        } else {
            Severity::Low
        };
        Finding {
            kind: AnomalyKind::ModelRisk,
            severity,
            score: probability.clamp(0.0, 1.0),
            summary: format!(
                "model v{} ({kind}) takes the action for a risk: {what} {probability:.2}",
                self.version
            ),
            evidence,
            event: action.event,
            time: action.time,
            policies: Vec::new(),
        }
    }

    /// The features that speak most for a risk.
    fn reasons(&self, features: &[f64]) -> Vec<Evidence> {
        let explained = self.model.as_ref().map(|model| model.explain(features));
        let Some(Ok(explanation)) = explained else {
            return Vec::new();
        };
        let mut terms: Vec<_> = FEATURE_NAMES
            .iter()
            .zip(features)
            .zip(&explanation.contributions)
            .filter(|(_, term)| **term > 0.0)
            .collect();
        terms.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let told = terms.into_iter().take(TOLD);
        told.map(|((name, value), term)| Evidence {
            label: format!("`{name}`, which adds {term:.3} to the model's score"),
            observed: format!("{value:.3}"),
            expected: None,
        })
        .collect()
    }
}

/// The models of one organization during a batch.
struct Judge {
    serving: Serving,
    champion: Option<Scorer>,
    challenger: Option<Scorer>,
    seen: Shadow,
}

/// The models of a batch, by organization; those without any are not in it.
pub(crate) struct Judges(HashMap<OrganizationId, Judge>);

impl Judges {
    /// Scores an action; what the champion flags is a finding.
    pub(crate) fn judge(
        &mut self,
        action: &ObservedAction,
        features: &FeatureVector,
    ) -> Option<Finding> {
        if self.0.is_empty() {
            return None;
        }
        let judge = self.0.get_mut(&action.organization)?;
        let (features, seen) = (features.0.as_slice(), &mut judge.seen);
        let tried = judge
            .challenger
            .as_ref()
            .and_then(|model| model.score(features, &mut seen.challenger));
        let champion = judge.champion.as_ref()?;
        let Some(verdict) = champion.score(features, &mut seen.champion) else {
            seen.window.count_error();
            return None;
        };
        seen.window.count(action.agent, verdict.is_flagged);
        if !verdict.is_flagged {
            return None;
        }
        seen.both_flagged += u64::from(tried.is_some_and(|it| it.is_flagged));
        Some(champion.finding(features, verdict, action))
    }

    /// What they did, in the order of organizations: no two transactions can wait in a circle.
    pub(crate) fn finish(self) -> Vec<ModelsSeen> {
        let asked =
            |seen: &Shadow| seen.window.actions > 0 || seen.challenger != ModelScores::default();
        let mut all: Vec<_> = self
            .0
            .into_iter()
            .filter(|(_, judge)| asked(&judge.seen))
            .map(|(organization, judge)| ModelsSeen {
                organization,
                serving: judge.serving,
                seen: judge.seen,
            })
            .collect();
        all.sort_by_key(|models| models.organization);
        all
    }
}
