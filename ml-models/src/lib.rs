//! What an agent's normal is, and how far an action lies from it.
//!
//! Knows observed actions and feature vectors, not databases. Everything is a pure function of
//! the actions in their order: no clock, no randomness, the same bits on every machine and for
//! every division into batches.

mod ahead;
pub mod artefact;
pub mod dataset;
pub mod default_model;
mod edges;
pub mod evaluation;
mod features;
mod job;
mod mark;
pub mod model;
mod profile;
mod quantile;
pub mod registry;
mod role;
mod series;
mod session;
mod step;
mod tail;
mod words;

pub use ahead::ahead;
pub use edges::EdgeSketch;
pub use features::{FEATURE_NAMES, FEATURE_SCHEMA_VERSION, FeatureVector};
pub use job::{Deed, JobBaseline};
pub use profile::{BehaviourProfile, Observation, PROFILE_MAX_BYTES, ProfileError};
pub use role::{RoleBaseline, RunSoFar, STEP_FEATURE_NAMES, STEP_FEATURES, StepFeatures};
pub use series::{SERIES_ALARM, SERIES_MAX_BYTES, SeriesDetector, SeriesError};
pub use session::{DeedKind, RunSurprise};
pub use step::Step;
pub use words::{Witness, WordOdds};
