//! Why a model cannot be trained, read or asked.

/// What is wrong, with its value and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// A row has another number of values than the model or the other rows.
    #[error("row has {given} values, the features are {expected}: give one value per feature")]
    Width {
        /// Values of the row.
        given: usize,
        /// Features.
        expected: usize,
    },
    /// A value is no number that can be reckoned with.
    #[error("feature {feature} is `{value}`: give finite numbers only")]
    NotFinite {
        /// Index of the feature.
        feature: usize,
        /// Its value.
        value: f64,
    },
    /// Too few rows to learn from.
    #[error("{what} has {given} rows, at least {least} are needed: export more events")]
    TooFewRows {
        /// Which rows.
        what: &'static str,
        /// How many there are.
        given: usize,
        /// How many are needed.
        least: usize,
    },
    /// More rows than are held in memory.
    #[error("more than {most} rows: train on a part of them")]
    TooManyRows {
        /// How many are accepted.
        most: usize,
    },
    /// Labels of one kind only.
    #[error(
        "{what} has {positives} rows labelled as risk and {negatives} labelled as fine, at least {least} of each are needed: add labelled rows or train `gmm` or `pca`, which need no labels"
    )]
    OneClass {
        /// Which rows.
        what: &'static str,
        /// Rows with a positive label.
        positives: usize,
        /// Rows with a negative label.
        negatives: usize,
        /// How many of each are needed.
        least: usize,
    },
    /// A parameter outside its range.
    #[error("`{name}` is {value}, use {range}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is accepted.
        range: String,
    },
    /// The fit gave no usable numbers.
    #[error("the {kind} could not be fitted: {reason}; {remedy}")]
    Fit {
        /// Of which kind.
        kind: &'static str,
        /// What went wrong.
        reason: String,
        /// What may help.
        remedy: &'static str,
    },
    /// Bytes or JSON that are no model.
    #[error("the model cannot be read: {0}")]
    Damaged(String),
}
