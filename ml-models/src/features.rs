//! The numbers that an action is judged by.

/// Raised whenever a feature is added, removed or changes its meaning.
pub const FEATURE_SCHEMA_VERSION: u16 = 3;

/// Names of the features, in order. Rates are actions in the open window; ratios are to the
/// learned mean (1 where nothing is learned); the speed is in km/h, 0 to 10,000, 0 where the agent is
/// believed to be. The surprise of the sequence is in bits, 0 to about 40; the volume is the binary
/// logarithm of the bytes and one, 0 to 64; different deeds are a number; decades are minus the decimal
/// logarithm of a chance, 0 to 12. The rest lies between 0 and 1.
pub const FEATURE_NAMES: [&str; 21] = [
    "actions_1m",
    "actions_10m",
    "actions_1h",
    "rate_ratio_1m",
    "rate_ratio_10m",
    "rate_ratio_1h",
    "hour_surprise",
    "is_write",
    "first_seen_write",
    "first_seen_resource",
    "failure_ratio_10m",
    "risk",
    "new_country",
    "travel_speed",
    "sequence_bits",
    "volume_10m_log2",
    "different_1h",
    "burst_decades",
    "drift_decades",
    "rhythm_1d",
    "combined_decades",
];

/// One action in numbers, in the order of [`FEATURE_NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FeatureVector(pub [f64; FEATURE_NAMES.len()]);
