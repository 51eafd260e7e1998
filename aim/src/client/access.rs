//! What a client shows to be believed.

use anyhow::Context;

use super::profile::{Credential, Profile};
use super::session::{Session, Tokens};

/// What to show the server.
#[derive(Clone)]
pub(crate) enum Access {
    /// A session of this command alone.
    Session(Session),
    /// An API key.
    Key(String),
    /// The login of a profile, which other commands use at the same time.
    Saved(Profile),
}

impl Access {
    /// A token that is good for a while.
    pub(super) async fn token(&self, http: &reqwest::Client, url: &str) -> anyhow::Result<String> {
        match self {
            Self::Session(session) => session.access(http, url).await,
            Self::Key(key) => Ok(key.clone()),
            Self::Saved(profile) => saved(profile, http, url).await,
        }
    }
}

/// The token of a profile, refreshed by whoever comes first; the others wait and take what that one
/// got. The new tokens are kept before they are used.
async fn saved(profile: &Profile, http: &reqwest::Client, url: &str) -> anyhow::Result<String> {
    if let Some(token) = good_token(profile, url)? {
        return Ok(token);
    }
    let _turn = profile.lock().await?;
    if let Some(token) = good_token(profile, url)? {
        return Ok(token);
    }
    let mut login = profile.get()?;
    let Credential::Session(tokens) = &login.credential else {
        anyhow::bail!("profile `{}` changed meanwhile: try again", profile.name);
    };
    let next = Tokens::refreshed(http, url, tokens.refresh_token()).await;
    let next =
        next.with_context(|| format!("profile `{}`: `aim login` begins anew", profile.name))?;
    let token = next.access_token().to_owned();
    login.credential = Credential::Session(next);
    profile.put(&login)?;
    Ok(token)
}

/// What needs no refresh. Somebody may have signed in elsewhere meanwhile: a token goes to its own
/// server only.
fn good_token(profile: &Profile, url: &str) -> anyhow::Result<Option<String>> {
    let login = profile.get()?;
    anyhow::ensure!(
        login.url == url,
        "profile `{}` is signed in at another server by now: begin again",
        profile.name
    );
    Ok(match login.credential {
        Credential::ApiKey { api_key } => Some(api_key),
        Credential::Session(tokens) if !tokens.is_ending() => {
            Some(tokens.access_token().to_owned())
        }
        Credential::Session(_) => None,
    })
}
