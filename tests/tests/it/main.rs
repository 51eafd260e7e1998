//! The harness against the real services.

mod aim;
mod bad_input;
mod fleet;
mod graphql_protocol;
mod kafka;
mod layers;
mod node;
mod orphans;
mod postgres;
mod public_clients;
mod story;
