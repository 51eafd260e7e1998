//! `aim health`.

use crate::failure::{Failure, Kind};

/// Fails unless the server is ready.
pub(crate) async fn run(url: &str) -> anyhow::Result<()> {
    let answer = reqwest::get(format!("{url}/health/ready")).await?;
    let status = answer.status();
    let text = answer.text().await?;
    if !status.is_success() {
        return Err(Failure::here(Kind::Unavailable, text.trim()).into());
    }
    crate::out::line(text.trim());
    Ok(())
}
