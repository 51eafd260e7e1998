//! Integration tests of the GraphQL door.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod authorization;
mod fuzz;
mod fuzz_tokens;
mod jws;
mod jws_cases;
mod schema;
mod server;
mod toy;
mod transport_http;
mod transport_limits;
mod transport_persisted;
mod transport_sse;
mod transport_ws;
