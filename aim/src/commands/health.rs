//! `aim health`.

/// Fails unless the server is ready.
pub(crate) async fn run(url: &str) -> anyhow::Result<()> {
    let answer = reqwest::get(format!("{url}/health/ready")).await?;
    let status = answer.status();
    let text = answer.text().await?;
    anyhow::ensure!(status.is_success(), "{}", text.trim());
    crate::out::line(text.trim());
    Ok(())
}
