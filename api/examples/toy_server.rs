//! Serves the toy schema of the tests, for conformance scripts: `toy_server [PORT]`, default 4000.

#![expect(clippy::expect_used, reason = "an example for tests, not a server")]
#![expect(clippy::print_stdout, reason = "tells the script where to connect")]

#[path = "../tests/it/toy.rs"]
mod toy;

#[tokio::main]
async fn main() {
    let port: u16 = std::env::args()
        .nth(1)
        .map_or(4000, |text| text.parse().expect("a port"));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
        .await
        .expect("a free port");
    println!("http://{}/graphql", listener.local_addr().expect("bound"));
    let app = toy::app(toy::config());
    axum::serve(listener, app)
        .await
        .expect("serves until it is stopped");
}
