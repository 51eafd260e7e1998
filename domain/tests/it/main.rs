//! The rules as other crates see them, against published vectors and against forgers.

mod catalogues;
mod components;
mod digests;
mod events;
mod fields;
mod fuzz;
mod hex;
mod keys;
mod kill_switch;
mod parameters;
mod possession;
mod request;
mod rfc8032;
mod round_trip;
mod speccheck;
mod tampering;
mod trust_twin;
