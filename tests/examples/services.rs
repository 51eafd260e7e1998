//! PostgreSQL and Apache Kafka for trying things out, until standard input ends.
//!
//!     cargo run -p aim-tests --example services
//!
//! Prints the settings with which `aim serve` uses them; their data goes with them.

use std::io::Read;

use aim_tests::{Kafka, Postgres};

#[expect(clippy::print_stdout, reason = "what it is for")]
fn main() -> anyhow::Result<()> {
    let (postgres, kafka) = (Postgres::start()?, Kafka::start()?);
    println!("export DATABASE_URL={}", postgres.url());
    println!("export AIM_KAFKA_BROKERS={}", kafka.bootstrap());
    println!("# Ctrl-D or Ctrl-C ends both.");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
