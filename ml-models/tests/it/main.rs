//! What the learned normal and the evaluation promise, from the outside.

mod evaluation;
