//! What a server listens on, and what it has to reach.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use aim_app::{SmtpConfig, SmtpMailer};
use aim_eventlog::missing_topics;
use tokio::net::TcpListener;

use super::Finding;
use crate::config::Config;

/// How long a server of ours may take to say that it lives.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn check(config: &Config) -> Vec<Finding> {
    let (port, broker, mail) = tokio::join!(port(config), broker(config), mail(config));
    [port, broker, mail].into_iter().flatten().collect()
}

/// Whether the address can be listened on, or is listened on by a server of ours already.
async fn port(config: &Config) -> Option<Finding> {
    let place = format!("{}:{}", config.host, config.port);
    let error = TcpListener::bind((config.host.as_str(), config.port))
        .await
        .err()?;
    if error.kind() != ErrorKind::AddrInUse {
        return Some(Finding::error(
            "address-unusable",
            format!("{place} cannot be listened on: {error}"),
            "the server does not start",
            "set `host` to an address of this machine, and `port` to one that its user may use",
        ));
    }
    let live = reqwest::Client::new()
        .get(format!("http://{place}/health/live"))
        .timeout(PATIENCE);
    if live
        .send()
        .await
        .is_ok_and(|answer| answer.status().is_success())
    {
        return None;
    }
    Some(Finding::error(
        "port-in-use",
        format!("something else listens on {place}"),
        "the server does not start",
        "stop it, or choose another `port`",
    ))
}

async fn broker(config: &Config) -> Option<Finding> {
    let kafka = config.kafka()?;
    match missing_topics(&kafka).await {
        Ok(missing) if missing.is_empty() => None,
        Ok(missing) => Some(Finding::warning(
            "topics-missing",
            format!("the brokers have no topic {}", missing.join(", ")),
            "the next start makes them, if it may; producers fail until then",
            "start the server once, or make them with the same number of partitions",
        )),
        Err(error) => Some(Finding::error(
            "broker-unreachable",
            format!("{} do not answer: {error}", config.kafka_brokers),
            "the server does not start, and events of fleets are not read",
            "see that a broker runs, and that `AIM_KAFKA_BROKERS` names what it advertises",
        )),
    }
}

async fn mail(config: &Config) -> Option<Finding> {
    if config.smtp_url.is_empty() {
        return None;
    }
    let mailer = SmtpMailer::new(&SmtpConfig {
        url: config.smtp_url.clone(),
        from: config.smtp_from.clone(),
        ca_file: Some(config.smtp_ca_file.clone()).filter(|file| *file != PathBuf::new()),
    });
    let mailer = match mailer {
        Ok(mailer) => mailer,
        Err(problem) => {
            return Some(Finding::error(
                "mail-settings",
                problem.to_string(),
                "the server does not start",
                "docs/accounts.md says what a mail server needs",
            ));
        }
    };
    let problem = mailer.reach().await.err()?;
    Some(Finding::error(
        "mail-unreachable",
        format!("the mail server of `smtp_url` cannot be talked to: {problem}"),
        "invitations, resets and notices by e-mail wait",
        "see that it runs, and that host, port, TLS, user and password are right",
    ))
}
