//! `aim login`, `aim logout`, `aim whoami`: who the next commands are.

use std::io::{IsTerminal, Read};

use anyhow::Context;
use serde_json::json;

use crate::client::profile::{Credential, Login, Profile};
use crate::client::session::{Person, Session, Tokens};
use crate::client::target::Target;
use crate::client::{connection, oauth, post};
use crate::failure::{Failure, Kind};
use crate::out;
use crate::view::View;

/// Longest token that is read.
const TOKEN_MAX: u64 = 64 * 1024;

#[derive(clap::Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    target: Target,
    /// Read an API key, or the refresh token of an SDK token, from standard input.
    #[arg(long, conflicts_with_all = ["browser", "device", "prompt"])]
    token: bool,
    /// Answer in a browser of this machine; so it is when there is one, and no password is given.
    #[arg(long, conflicts_with_all = ["device", "prompt"])]
    browser: bool,
    /// Show a code to be entered in a browser of any machine; so it is where there is none.
    #[arg(long, conflicts_with = "prompt")]
    device: bool,
    /// Ask for the password at this terminal.
    #[arg(long)]
    prompt: bool,
    /// The password to choose in place of the one-time password; asked for at a terminal when left out.
    #[arg(long, env = "AIM_NEW_PASSWORD", hide_env_values = true)]
    new_password: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct LogoutArgs {
    /// The saved login to end.
    #[arg(long, env = "AIM_PROFILE", default_value = "default")]
    profile: String,
}

#[derive(clap::Args)]
pub(crate) struct WhoamiArgs {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    view: View,
}

/// Signs in, and keeps the login.
pub(crate) async fn login(args: LoginArgs) -> anyhow::Result<()> {
    let profile = Profile::named(&args.target.who.profile)?;
    let (http, url) = (connection()?, args.target.url());
    if is_in_clear(&url) {
        out::note(format!(
            "{url} is not https: what is sent there can be read on the way"
        ));
    }
    let credential = match how(&args)? {
        How::Token => by_token(&http, &url).await?,
        How::Password => Credential::Session(by_password(&http, &url, &args).await?.tokens().await),
        How::Browser => Credential::Session(oauth::by_browser(&http, &url).await?),
        How::Device => Credential::Session(oauth::by_device(&http, &url).await?),
    };
    let _turn = profile.lock().await?;
    profile.put(&Login {
        url: url.clone(),
        credential,
    })?;
    out::note(format!("signed in at {url} (profile `{}`)", profile.name));
    Ok(())
}

/// How somebody signs in.
enum How {
    Token,
    Password,
    Browser,
    Device,
}

/// As asked for; else as suits what is given and what there is.
fn how(args: &LoginArgs) -> anyhow::Result<How> {
    let has_password = args.target.who.password.is_some();
    // Nobody who could answer would see what is asked.
    let is_unseen = || !std::io::stderr().is_terminal();
    Ok(match args {
        LoginArgs { token: true, .. } => How::Token,
        LoginArgs { browser: true, .. } => How::Browser,
        LoginArgs { device: true, .. } => How::Device,
        LoginArgs { prompt: true, .. } => How::Password,
        _ if has_password => How::Password,
        _ if is_unseen() => {
            let words = "there is no terminal to ask at: set AIM_PASSWORD, or say how with `--token`, \
                         `--device` or `--browser`";
            return Err(Failure::here(Kind::Denied, words).into());
        }
        _ if has_browser() => How::Browser,
        _ => How::Device,
    })
}

/// Whether a browser opens in front of whoever sits here: not over SSH.
#[expect(
    clippy::disallowed_methods,
    reason = "only the environment says where somebody sits"
)]
fn has_browser() -> bool {
    let is_remote = std::env::var("SSH_CONNECTION").is_ok_and(|it| !it.is_empty());
    !is_remote && webbrowser::Browser::Default.exists()
}

/// Whether passwords would travel a network without TLS.
pub(crate) fn is_in_clear(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else {
        return false;
    };
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && !is_here
}

async fn by_password(
    http: &reqwest::Client,
    url: &str,
    args: &LoginArgs,
) -> anyhow::Result<Session> {
    let who = &args.target.who;
    let password = match &who.password {
        Some(password) => password.clone(),
        None => ask(format!("Password of {}: ", who.email), "AIM_PASSWORD").await?,
    };
    let person = Person {
        email: &who.email,
        password: &password,
        code: who.code.as_deref(),
    };
    let session = Session::open(http, url, &person).await?;
    if !session.must_change {
        return Ok(session);
    }
    let new = match &args.new_password {
        Some(new) => new.clone(),
        None => {
            out::note("This is the one-time password: choose another one.");
            let new = ask("New password: ".to_owned(), "AIM_NEW_PASSWORD").await?;
            let again = ask("The same again: ".to_owned(), "AIM_NEW_PASSWORD").await?;
            anyhow::ensure!(new == again, "the two are not the same");
            new
        }
    };
    session.change_password(http, url, (&password, &new)).await
}

/// Asks for something secret, without showing it.
async fn ask(question: String, variable: &'static str) -> anyhow::Result<String> {
    let asked = tokio::task::spawn_blocking(move || {
        anyhow::ensure!(
            std::io::stdin().is_terminal(),
            Failure::here(
                Kind::Denied,
                format!("there is no terminal to ask at: set {variable}")
            )
        );
        out::ask(question);
        Ok(console::Term::stderr().read_secure_line()?)
    });
    asked.await?
}

async fn by_token(http: &reqwest::Client, url: &str) -> anyhow::Result<Credential> {
    let read = tokio::task::spawn_blocking(|| {
        let mut text = String::new();
        std::io::stdin().take(TOKEN_MAX).read_to_string(&mut text)?;
        std::io::Result::Ok(text)
    });
    let token = read.await?.context("standard input")?.trim().to_owned();
    if token.starts_with("aim_rt_") {
        return Ok(Credential::Session(
            Tokens::refreshed(http, url, &token).await?,
        ));
    }
    anyhow::ensure!(
        token.starts_with("aim_key_"),
        Failure::here(
            Kind::Refused,
            "that is neither an API key (aim_key_…) nor a refresh token (aim_rt_…)"
        )
    );
    // A key that is not good is refused, whatever is asked.
    post(http, url, Some(&token), "{ __typename }", json!({})).await?;
    Ok(Credential::ApiKey { api_key: token })
}

/// Ends the session on the server, and forgets the login whether that worked or not.
pub(crate) async fn logout(args: LogoutArgs) -> anyhow::Result<()> {
    let profile = Profile::named(&args.profile)?;
    // Not a file that is damaged, or that others can read: it is forgotten all the same.
    let login = profile.find().ok().flatten();
    if let Some(login) = login.filter(|it| matches!(it.credential, Credential::Session(_))) {
        let target = target_of(&args.profile, &login.url);
        let ended = match target.connect().await {
            Ok(client) => {
                client
                    .graphql("mutation { signOut { __typename } }", json!({}))
                    .await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            out::note(format!("the server was not told: {error:#}"));
        }
    }
    let _turn = profile.lock().await?;
    let was = profile.remove()?;
    let words = if was {
        "signed out"
    } else {
        "nobody was signed in"
    };
    out::note(format!("{words} (profile `{}`)", profile.name));
    Ok(())
}

/// The saved login alone.
pub(crate) fn target_of(profile: &str, url: &str) -> Target {
    Target {
        url: Some(url.to_owned()),
        who: crate::client::target::Who {
            profile: profile.to_owned(),
            email: String::new(),
            password: None,
            code: None,
            api_key: None,
        },
    }
}

/// Says who asks.
pub(crate) async fn whoami(args: WhoamiArgs) -> anyhow::Result<()> {
    let client = args.target.connect().await?;
    let query =
        "{ viewer { __typename ... on User { id email name role } ... on Agent { id name } }
        organization { name uuid } }";
    let mut answer = client.graphql(query, json!({})).await?;
    answer["url"] = json!(client.url);
    args.view.object(&answer);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_itself_is_spoken_to_in_clear() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", false),
            ("http://localhost:8080", false),
            ("http://[::1]:8080", false),
            ("https://aim.example", false),
            ("http://aim.example", true),
            ("http://127.evil.example", true),
            ("http://localhost.evil.example", true),
            ("http://127.0.0.1@evil.example", true),
        ] {
            assert_eq!(is_in_clear(url), expected, "{url}");
        }
    }
}
