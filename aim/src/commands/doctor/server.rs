//! The server that the other commands ask, and the login for it.

use std::time::Duration;

use aim_domain::clock::Clock;
use chrono::DateTime;
use serde_json::json;

use super::Finding;
use crate::client::profile::{Credential, Profile};
use crate::client::{Target, connection};
use crate::clock::SystemClock;
use crate::commands::login::is_in_clear;
use crate::failure::{Kind, kind_of};

/// How long the server may take to say that it lives.
const PATIENCE: Duration = Duration::from_secs(5);
/// Signed requests of clocks further apart are refused; half of that leaves room.
const SKEW_MAX: i64 = 30;

pub(super) async fn check(target: &Target) -> Vec<Finding> {
    let login = Profile::named(&target.who.profile).and_then(|profile| profile.find());
    let login = login.ok().flatten();
    let (url, is_named) = match (&target.url, &login) {
        (Some(_), _) => (target.url(), true),
        (None, Some(login)) => (login.url.clone(), true),
        (None, None) => (target.url(), target.who.api_key.is_some()),
    };
    // Nobody has said that a server should be there.
    if !is_named {
        return Vec::new();
    }
    let mut found = Vec::new();
    if is_in_clear(&url) {
        found.push(Finding::warning(
            "server-not-tls",
            format!("{url} is not https"),
            "passwords and tokens can be read on the way",
            "use the https URL of the proxy in front of the server",
        ));
    }
    found.extend(reached(&url).await);
    let is_there = found.iter().all(|it| it.name != "server-unreachable");
    found.extend(credential(target, login.map(|it| it.credential), is_there).await);
    found
}

/// Whether it answers, and what time it is there.
async fn reached(url: &str) -> Option<Finding> {
    let http = connection().ok()?;
    let live = http.get(format!("{url}/health/live")).timeout(PATIENCE);
    let problem = match live.send().await {
        Ok(answer) if answer.status().is_success() => {
            let date = answer.headers().get("date");
            return skew(date.and_then(|it| it.to_str().ok())?);
        }
        Ok(answer) => format!("it answered {}", answer.status()),
        Err(error) => format!("{:#}", anyhow::Error::from(error)),
    };
    Some(Finding::error(
        "server-unreachable",
        format!("there is no AIM server at {url}: {problem}"),
        "nothing can be asked",
        "start it, or name the right one with `--url`, AIM_URL or `aim login`",
    ))
}

fn skew(date: &str) -> Option<Finding> {
    let there = DateTime::parse_from_rfc2822(date).ok()?;
    let apart = (SystemClock.now().timestamp() - there.timestamp()).abs();
    (apart > SKEW_MAX).then(|| {
        Finding::error(
            "clock-skew",
            format!("this clock and the server's are {apart} s apart"),
            "signed requests are refused as stale, or as from the future",
            "keep both by NTP",
        )
    })
}

async fn credential(target: &Target, login: Option<Credential>, is_there: bool) -> Option<Finding> {
    let ended = |what: String| {
        Some(Finding::error(
            "login-expired",
            what,
            "every command that asks the server is refused",
            "run `aim login`, or make another API key",
        ))
    };
    if let Some(Credential::Session(tokens)) = &login
        && tokens.refresh_by < SystemClock.now()
    {
        let (profile, end) = (&target.who.profile, tokens.refresh_by);
        return ended(format!("the login of profile `{profile}` ended at {end}"));
    }
    let asks = login.is_some() || target.who.api_key.is_some() || target.who.password.is_some();
    if !is_there || !asks {
        return None;
    }
    let answer = match target.connect().await {
        Ok(client) => client.graphql("{ __typename }", json!({})).await,
        Err(error) => Err(error),
    };
    let error = answer.err()?;
    if kind_of(&error) != Kind::Denied {
        return None;
    }
    ended(format!("the server does not believe who asks: {error:#}"))
}
