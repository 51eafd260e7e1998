//! `aim login`, `aim logout`, `aim whoami`: who the next commands are.

use std::io::{IsTerminal, Read};

use anyhow::Context;
use serde_json::{Value, json};

use crate::client::profile::{Credential, Login, Profile};
use crate::client::session::{Person, Session, Tokens};
use crate::client::target::Target;
use crate::client::{connection, post};
use crate::failure::{Failure, Kind, kind_of};
use crate::out;
use crate::view::View;

/// Longest token that is read.
const TOKEN_MAX: u64 = 64 * 1024;

#[derive(clap::Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    target: Target,
    /// Read an API key, or the refresh token of an SDK token, from standard input.
    #[arg(long, conflicts_with = "issuer")]
    token: bool,
    /// Sign in with a browser, at this issuer of OpenID Connect, and paste what it is told.
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
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
    let credential = if args.token {
        by_token(&http, &url).await?
    } else {
        let session = match &args.issuer {
            Some(issuer) => by_issuer(&http, &url, issuer, args.target.who.code.as_deref()).await?,
            None => by_password(&http, &url, &args).await?,
        };
        Credential::Session(session.tokens().await)
    };
    let _turn = profile.lock().await?;
    profile.put(&Login {
        url: url.clone(),
        credential,
    })?;
    out::note(format!("signed in at {url} (profile `{}`)", profile.name));
    Ok(())
}

/// Whether passwords would travel a network without TLS.
pub(crate) fn is_in_clear(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let here = ["127.", "localhost", "[::1]"];
    !here.iter().any(|host| rest.starts_with(host))
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

/// An issuer sends browsers back to the server, which answers a challenge.
async fn by_issuer(
    http: &reqwest::Client,
    url: &str,
    issuer: &str,
    code: Option<&str>,
) -> anyhow::Result<Session> {
    let mut begin = reqwest::Url::parse(url)?.join("/auth/oidc/start")?;
    begin.query_pairs_mut().append_pair("provider", issuer);
    out::note(format!(
        "Open this in a browser, and sign in:\n\n  {begin}\n"
    ));
    out::ask("Paste the `challenge` that it ends with: ");
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        std::io::Result::Ok(line)
    });
    let pasted = read.await??;
    let challenge = challenge_in(pasted.trim());
    match Session::complete(http, url, (&challenge, code)).await {
        Err(error) if code.is_none() && kind_of(&error) == Kind::Denied => {
            let question = "Code of the second factor, or a recovery code: ".to_owned();
            let code = ask(question, "AIM_CODE").await.map_err(|_| error)?;
            Session::complete(http, url, (&challenge, Some(code.trim()))).await
        }
        outcome => outcome,
    }
}

/// The challenge alone, or in the JSON that a browser shows.
fn challenge_in(pasted: &str) -> String {
    let json: Value = serde_json::from_str(pasted).unwrap_or_default();
    let found = [&json["challenge"], &json["challenge"]["token"]];
    let found = found.iter().find_map(|it| it.as_str());
    found.unwrap_or(pasted).to_owned()
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
