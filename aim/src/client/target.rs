//! Where the server is, and who asks: the flags that every command of a client has.

use anyhow::Context;
use clap::Args;

use super::access::Access;
use super::profile::{Login, Profile};
use super::session::{Person, Session};
use super::{Client, connection};
use crate::failure::{Failure, Kind};

/// The server of somebody who names none.
pub(crate) const HERE: &str = "http://127.0.0.1:8080";

/// Where the server is, and who asks.
#[derive(Args, Clone)]
pub(crate) struct Target {
    /// The server; that of the profile when left out.
    #[arg(long, env = "AIM_URL", help_heading = "Server")]
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) who: Who,
}

/// Who asks: whoever a password is given of, an API key, or the login that `aim login` saved.
#[derive(Args, Clone)]
pub(crate) struct Who {
    /// The saved login to use.
    #[arg(
        long,
        env = "AIM_PROFILE",
        default_value = "default",
        help_heading = "Server"
    )]
    pub(crate) profile: String,
    /// E-mail address of a person who signs in for this command alone, with `--password`.
    #[arg(
        long,
        env = "AIM_EMAIL",
        default_value = "admin@aim.local",
        help_heading = "Server"
    )]
    pub(crate) email: String,
    /// Their password.
    #[arg(
        long,
        env = "AIM_PASSWORD",
        hide_env_values = true,
        help_heading = "Server"
    )]
    pub(crate) password: Option<String>,
    /// The code of their second factor, or a recovery code, if they have one; asked for at a terminal
    /// when left out.
    #[arg(
        long,
        env = "AIM_CODE",
        hide_env_values = true,
        help_heading = "Server"
    )]
    pub(crate) code: Option<String>,
    /// An API key to ask with in place of a login.
    #[arg(
        long,
        env = "AIM_API_KEY",
        hide_env_values = true,
        help_heading = "Server"
    )]
    pub(crate) api_key: Option<String>,
}

impl Target {
    /// The server that is named, or this machine's.
    pub(crate) fn url(&self) -> String {
        plain(self.url.as_deref().unwrap_or(HERE))
    }

    /// The login that is saved, if it is for this server.
    pub(crate) fn login(&self, profile: &Profile) -> anyhow::Result<Login> {
        let login = profile.get()?;
        let named = self.url.as_deref().map(plain);
        anyhow::ensure!(
            named.as_ref().is_none_or(|url| *url == login.url),
            Failure::here(
                Kind::Denied,
                format!(
                    "profile `{}` is signed in at {}, not at {}: run `aim login` with another \
                     `--profile`",
                    profile.name,
                    login.url,
                    named.unwrap_or_default()
                )
            )
        );
        Ok(login)
    }

    /// Signs in, or takes up what is there to ask with.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        let http = connection()?;
        let (url, access) = match (&self.who.password, &self.who.api_key) {
            (Some(password), _) => {
                let (email, code) = (self.who.email.as_str(), self.who.code.as_deref());
                let url = self.url();
                let person = Person {
                    email,
                    password,
                    code,
                };
                let session = Session::open(&http, &url, &person).await?;
                anyhow::ensure!(
                    !session.must_change,
                    Failure::here(
                        Kind::Denied,
                        "this is the one-time password; choose another one first, with `aim login`"
                    )
                );
                (url, Access::Session(session))
            }
            (None, Some(key)) => (self.url(), Access::Key(key.clone())),
            (None, None) => {
                let profile = Profile::named(&self.who.profile)?;
                let login = self.login(&profile)?;
                (login.url, Access::Saved(profile))
            }
        };
        Ok(Client { http, url, access })
    }

    /// Signs in and replaces a one-time password by `new`; tells whether it did.
    pub(crate) async fn connect_first(&self, new: &str) -> anyhow::Result<(Client, bool)> {
        let Some(password) = &self.who.password else {
            return Ok((self.connect().await?, false));
        };
        let (http, url) = (connection()?, self.url());
        let person = Person {
            email: &self.who.email,
            password,
            code: self.who.code.as_deref(),
        };
        let mut session = Session::open(&http, &url, &person).await?;
        let changes = session.must_change;
        if changes {
            let changed = session.change_password(&http, &url, (password, new)).await;
            session = changed.context("the one-time password was not replaced")?;
        }
        let access = Access::Session(session);
        Ok((Client { http, url, access }, changes))
    }
}

/// A URL as logins have it.
pub(crate) fn plain(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}
