//! What people's accounts need of the configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aim_app::{Accounts, App, OidcProviders, SmtpConfig, SmtpMailer};

use super::lifecycle::Lifecycle;
use super::secret;
use crate::config::Config;
use crate::oidc::OidcSetting;

/// How often letters that other processes left are looked for.
const MAIL_LOOK: Duration = Duration::from_secs(1);

/// Sends the letters that wait.
pub(super) fn send_mails(life: &Lifecycle, app: &Arc<App>) {
    let app = Arc::clone(app);
    life.spawn("postman", async move |stop| {
        app.send_mails(MAIL_LOOK, stop).await;
    });
}

/// Mail server, secret and public URL. A process without the API has no use for them.
pub(super) fn of(config: &Config) -> anyhow::Result<Accounts> {
    let mut accounts = Accounts::default();
    if !config.role.serves_api() {
        return Ok(accounts);
    }
    accounts = accounts.sealing_with(&secret::jwt(config)?);
    let providers = config.oidc.iter().map(OidcSetting::provider);
    let providers = providers.collect::<anyhow::Result<Vec<_>>>()?;
    anyhow::ensure!(
        providers.is_empty() || !config.public_url.is_empty(),
        "`oidc` needs `public_url`: issuers send browsers back to it"
    );
    accounts = accounts.with_oidc(OidcProviders::new(providers)?);
    if !config.public_url.is_empty() {
        accounts = accounts.at(&config.public_url);
    }
    if config.smtp_url.is_empty() {
        tracing::info!("no `smtp_url`: no e-mail is sent; resets and invitations are not offered");
        return Ok(accounts);
    }
    let mailer = SmtpMailer::new(&SmtpConfig {
        url: config.smtp_url.clone(),
        from: config.smtp_from.clone(),
        ca_file: Some(config.smtp_ca_file.clone()).filter(|file| *file != PathBuf::new()),
    })?;
    Ok(accounts.with_mailer(Arc::new(mailer)))
}
