//! The tokens of a signed-in person, exchanged before they end.

use std::io::IsTerminal;
use std::sync::Arc;

use aim_domain::clock::Clock;
use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{post, text};
use crate::clock::SystemClock;
use crate::failure::{Failure, Kind};
use crate::out;

/// What a session is asked for.
const FIELDS: &str =
    "session { accessToken refreshToken expiresAt refreshBy user { mustChangePassword } }";
/// So long before its end a token is exchanged.
const EARLY: TimeDelta = TimeDelta::minutes(2);

/// The two tokens of a session.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tokens {
    access_token: String,
    refresh_token: String,
    expires_at: DateTime<Utc>,
    /// When the session ends unless it is refreshed.
    pub(crate) refresh_by: DateTime<Utc>,
}

/// Who wants to sign in.
pub(crate) struct Person<'a> {
    pub(crate) email: &'a str,
    pub(crate) password: &'a str,
    pub(crate) code: Option<&'a str>,
}

/// A session that clones of a client share: a refresh token is good once, so they take turns.
#[derive(Clone)]
pub(crate) struct Session {
    tokens: Arc<Mutex<Tokens>>,
    pub(crate) must_change: bool,
}

impl Session {
    /// Signs in, with a second factor where one is asked for.
    pub(crate) async fn open(
        http: &reqwest::Client,
        url: &str,
        person: &Person<'_>,
    ) -> anyhow::Result<Self> {
        let query = format!(
            "mutation($input: SignInInput!) {{ signIn(input: $input) {{ {FIELDS} \
             challenge {{ token }} userErrors {{ message }} }} }}"
        );
        let input = json!({ "email": person.email, "password": person.password });
        let answer = post(http, url, None, &query, json!({ "input": input })).await;
        let answer = answer.context("signing in")?;
        match text(&answer, "/signIn/challenge/token") {
            Some(challenge) => {
                let code = match person.code {
                    Some(code) => code.to_owned(),
                    None => tokio::task::spawn_blocking(ask_for_code).await??,
                };
                Self::complete(http, url, (&challenge, Some(code.trim()))).await
            }
            None => Self::of(&answer["signIn"]).context("signing in"),
        }
    }

    /// Finishes a sign-in that a password or an issuer began.
    pub(crate) async fn complete(
        http: &reqwest::Client,
        url: &str,
        (challenge, code): (&str, Option<&str>),
    ) -> anyhow::Result<Self> {
        let query = format!(
            "mutation($input: CompleteSignInInput!) {{ completeSignIn(input: $input) {{ {FIELDS} \
             userErrors {{ message }} }} }}"
        );
        let input = json!({ "input": { "challenge": challenge, "code": code } });
        let answer = post(http, url, None, &query, input).await;
        let answer = &answer.context("signing in")?["completeSignIn"];
        if let Some(wrong) = text(answer, "/userErrors/0/message") {
            let message = format!("signing in: the second factor: {wrong}");
            return Err(Failure::here(Kind::Denied, message).into());
        }
        Self::of(answer).context("signing in")
    }

    /// Replaces the one-time password, which ends this session and opens the next.
    pub(crate) async fn change_password(
        &self,
        http: &reqwest::Client,
        url: &str,
        (current, new): (&str, &str),
    ) -> anyhow::Result<Self> {
        let query = format!(
            "mutation($input: ChangePasswordInput!) {{ changePassword(input: $input) {{ {FIELDS} \
             userErrors {{ message }} }} }}"
        );
        let input = json!({ "input": { "currentPassword": current, "newPassword": new } });
        let token = self.access(http, url).await?;
        let answer = post(http, url, Some(&token), &query, input).await?;
        let answer = &answer["changePassword"];
        if let Some(wrong) = text(answer, "/userErrors/0/message") {
            let message = format!("the new password: {wrong}");
            return Err(Failure::here(Kind::Refused, message).into());
        }
        Self::of(answer).context("changing the password")
    }

    fn of(payload: &Value) -> anyhow::Result<Self> {
        let must_change = payload["session"]["user"]["mustChangePassword"] == true;
        Ok(Self {
            tokens: Arc::new(Mutex::new(Tokens::of(payload)?)),
            must_change,
        })
    }

    /// An access token that is good for a while.
    pub(super) async fn access(&self, http: &reqwest::Client, url: &str) -> anyhow::Result<String> {
        let mut held = self.tokens.lock().await;
        if held.is_ending() {
            *held = Tokens::refreshed(http, url, &held.refresh_token).await?;
        }
        Ok(held.access_token.clone())
    }

    /// The tokens, to be kept.
    pub(crate) async fn tokens(&self) -> Tokens {
        self.tokens.lock().await.clone()
    }
}

impl Tokens {
    fn of(payload: &Value) -> anyhow::Result<Self> {
        let part = |name: &str| text(payload, &format!("/session/{name}")).context("no session");
        Ok(Self {
            access_token: part("accessToken")?,
            refresh_token: part("refreshToken")?,
            expires_at: part("expiresAt")?.parse()?,
            refresh_by: part("refreshBy")?.parse()?,
        })
    }

    /// The tokens of a session that was granted by OAuth.
    pub(super) fn granted(answer: &Value) -> anyhow::Result<Self> {
        let now = SystemClock.now();
        let part = |name: &str| text(answer, &format!("/{name}")).context("no session");
        let end = |name: &str| {
            let seconds = answer[name].as_i64().context("no end of the session")?;
            let life = TimeDelta::try_seconds(seconds).context("an end that is none")?;
            now.checked_add_signed(life).context("an end that is none")
        };
        Ok(Self {
            access_token: part("access_token")?,
            refresh_token: part("refresh_token")?,
            expires_at: end("expires_in")?,
            refresh_by: end("refresh_token_expires_in")?,
        })
    }

    /// The next tokens of a session. The token before is good no more, whether the answer comes or not.
    pub(crate) async fn refreshed(
        http: &reqwest::Client,
        url: &str,
        refresh_token: &str,
    ) -> anyhow::Result<Self> {
        let query = format!(
            "mutation($input: RefreshSessionInput!) {{ refreshSession(input: $input) {{ \
             {FIELDS} }} }}"
        );
        let input = json!({ "input": { "refreshToken": refresh_token } });
        let answer = post(http, url, None, &query, input).await;
        Self::of(&answer.context("refreshing the session")?["refreshSession"])
    }

    /// Whether the access token will not be good for much longer.
    pub(super) fn is_ending(&self) -> bool {
        self.expires_at - SystemClock.now() < EARLY
    }

    pub(super) fn access_token(&self) -> &str {
        &self.access_token
    }

    pub(super) fn refresh_token(&self) -> &str {
        &self.refresh_token
    }
}

/// Asks whoever sits at the terminal.
fn ask_for_code() -> anyhow::Result<String> {
    let input = std::io::stdin();
    anyhow::ensure!(
        input.is_terminal(),
        Failure::here(
            Kind::Denied,
            "this person has a second factor: give its code with `--code` or `AIM_CODE`"
        )
    );
    out::ask("Code of the second factor, or a recovery code: ");
    let mut code = String::new();
    input.read_line(&mut code)?;
    Ok(code)
}
