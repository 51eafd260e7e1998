//! The harness against the real services.

mod aim;
mod alerts;
mod authorization;
mod bad_input;
mod bombs;
mod crash;
mod feedback;
mod fleet;
mod geography;
mod graphql_protocol;
mod kafka;
mod kill_switch;
mod layers;
mod migrations;
mod models;
mod node;
mod orphans;
mod outage;
mod postgres;
mod public_clients;
mod replay;
mod roots;
mod story;
mod three_streams;
mod trust;
mod warm_path;
