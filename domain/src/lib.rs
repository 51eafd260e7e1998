//! Every rule of the product: identities, capabilities, decisions, trust, findings, signatures.
//!
//! Pure and synchronous: no clock, no input or output, no randomness. Time is an argument.

pub mod access;
pub mod action;
pub mod agent;
pub mod agent_key;
pub mod alert;
pub mod anomaly;
pub mod audit;
pub mod capability;
pub mod catalogue;
pub mod certificate;
pub mod clock;
pub mod compliance;
pub mod delegation;
pub mod digest;
pub mod email;
pub mod event;
pub mod id;
pub mod join;
pub mod kill_switch;
pub mod limits;
pub mod location;
pub mod mcp;
pub mod model;
pub mod name;
pub mod people;
pub mod policy;
pub mod risk;
pub mod role;
pub mod scope;
pub mod secret;
pub mod session;
pub mod signature;
pub mod suppression;
pub mod throttle;
pub mod token;
pub mod token_chain;
pub mod trust;
pub mod verification;
