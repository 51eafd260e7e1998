//! The rules as other crates see them, against published vectors and against forgers.

mod audit_log;
mod catalogues;
mod components;
mod digests;
mod events;
mod fields;
mod fuzz;
mod fuzz_proofs;
mod hex;
mod jcs;
mod keys;
mod kill_switch;
mod mcp_policies;
mod merkle;
mod parameters;
mod policy_cases;
mod policy_cedar;
mod policy_twin;
mod possession;
mod request;
mod rfc8032;
mod round_trip;
mod speccheck;
mod tampering;
mod trust_twin;
mod wycheproof;
