//! What agents do for a job, learned from their benign runs.
