//! The tokens of a signed-in person, exchanged before they end.

use std::io::IsTerminal;
use std::sync::Arc;

use aim_domain::clock::Clock;
use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{post, text};
use crate::cli::Target;
use crate::clock::SystemClock;
use crate::out;

/// What a session is asked for.
const FIELDS: &str = "session { accessToken refreshToken expiresAt user { mustChangePassword } }";
/// So long before its end a token is exchanged.
const EARLY: TimeDelta = TimeDelta::minutes(2);

struct Tokens {
    access: String,
    refresh: String,
    expires_at: DateTime<Utc>,
}

/// A session that clones of a client share: a refresh token is good once, so they take turns.
#[derive(Clone)]
pub(super) struct Session {
    tokens: Arc<Mutex<Tokens>>,
    pub(super) must_change: bool,
}

impl Session {
    /// Signs in, with a second factor where one is asked for.
    pub(super) async fn open(
        http: &reqwest::Client,
        url: &str,
        target: &Target,
    ) -> anyhow::Result<Self> {
        let query = format!(
            "mutation($input: SignInInput!) {{ signIn(input: $input) {{ {FIELDS} \
             challenge {{ token }} userErrors {{ message }} }} }}"
        );
        let input = json!({ "email": target.email, "password": target.password });
        let answer = post(http, url, None, &query, json!({ "input": input })).await;
        let answer = answer.context("signing in")?;
        let Some(challenge) = text(&answer, "/signIn/challenge/token") else {
            return Self::of(&answer["signIn"]).with_context(|| format!("signing in: {answer}"));
        };
        let code = match &target.code {
            Some(code) => code.clone(),
            None => tokio::task::spawn_blocking(ask_for_code).await??,
        };
        let query = format!(
            "mutation($input: CompleteSignInInput!) {{ completeSignIn(input: $input) {{ {FIELDS} \
             userErrors {{ message }} }} }}"
        );
        let input = json!({ "input": { "challenge": challenge, "code": code.trim() } });
        let answer = post(http, url, None, &query, input).await;
        let answer = &answer.context("signing in")?["completeSignIn"];
        if let Some(wrong) = text(answer, "/userErrors/0/message") {
            anyhow::bail!("signing in: the second factor: {wrong}");
        }
        Self::of(answer).context("signing in")
    }

    /// Replaces the one-time password, which ends this session and opens the next.
    pub(super) async fn change_password(
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
        Self::of(&answer["changePassword"]).with_context(|| format!("changePassword: {answer}"))
    }

    fn of(payload: &Value) -> anyhow::Result<Self> {
        Ok(Self {
            tokens: Arc::new(Mutex::new(tokens(payload)?)),
            must_change: payload["session"]["user"]["mustChangePassword"] == true,
        })
    }

    /// An access token that is good for a while.
    pub(super) async fn access(&self, http: &reqwest::Client, url: &str) -> anyhow::Result<String> {
        let mut held = self.tokens.lock().await;
        if held.expires_at - SystemClock.now() < EARLY {
            let query = format!(
                "mutation($input: RefreshSessionInput!) {{ refreshSession(input: $input) {{ \
                 {FIELDS} }} }}"
            );
            let input = json!({ "input": { "refreshToken": held.refresh } });
            let answer = post(http, url, None, &query, input).await;
            *held = tokens(&answer.context("refreshing the session")?["refreshSession"])?;
        }
        Ok(held.access.clone())
    }
}

/// Asks whoever sits at the terminal.
fn ask_for_code() -> anyhow::Result<String> {
    let input = std::io::stdin();
    anyhow::ensure!(
        input.is_terminal(),
        "this person has a second factor: give its code with `--code` or `AIM_CODE`"
    );
    out::ask("Code of the second factor, or a recovery code: ");
    let mut code = String::new();
    input.read_line(&mut code)?;
    Ok(code)
}

fn tokens(payload: &Value) -> anyhow::Result<Tokens> {
    let part = |name: &str| text(payload, &format!("/session/{name}")).context("no session");
    Ok(Tokens {
        access: part("accessToken")?,
        refresh: part("refreshToken")?,
        expires_at: part("expiresAt")?.parse()?,
    })
}
