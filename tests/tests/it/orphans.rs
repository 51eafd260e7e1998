//! Nothing outlives a test process, however that ends.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use aim_tests::{Postgres, wait_until};

/// Tells the copy of this test executable below that it is the victim.
const VICTIM: &str = "AIM_TESTS_VICTIM";

/// Not a test by itself: the process that the next test kills.
#[test]
fn victim() {
    if std::env::var_os(VICTIM).is_none() {
        return;
    }
    let server = Postgres::shared().unwrap();
    println!("\nurl {}", server.url());
    loop {
        std::thread::park();
    }
}

#[tokio::test]
async fn kill_9_of_a_test_ends_its_services() {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "orphans::victim", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let url = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("url ").map(str::to_owned))
        .unwrap();
    let address = url
        .rsplit('/')
        .nth(1)
        .unwrap()
        .trim_start_matches("aim@")
        .to_owned();
    assert!(TcpStream::connect(&address).is_ok(), "{address}");
    victim.kill().unwrap();
    victim.wait().unwrap();
    wait_until("the end of the orphan", Duration::from_secs(15), || async {
        TcpStream::connect(&address).is_err()
    })
    .await
    .unwrap();
}
