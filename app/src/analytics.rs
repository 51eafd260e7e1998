//! Reading the counts: series, totals, trends, who and what leads.
//!
//! Nothing here looks at verifications: a question costs the same however many there are.

use aim_domain::analytics::{Counts, Grain, LatencyKind, POINTS_MAX, day_start, local_days};
use aim_domain::id::AgentId;
use chrono::{DateTime, Datelike, Days, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::count_activity::TYPES;
use crate::error::FieldErrors;
use crate::{App, AppError, ErrorCode, Permit};

/// Most agents or actions of a ranking.
const RANKING_MAX: i32 = 100;

/// What is asked.
#[derive(Debug, Clone)]
pub struct AnalyticsQuestion {
    /// From when on; the bucket that it is in counts whole.
    pub from: DateTime<Utc>,
    /// Until when; the bucket that it is in counts whole.
    pub until: DateTime<Utc>,
    /// How long the points of the series are: hours, or days of the time zone.
    pub grain: Grain,
    /// Whose days.
    pub time_zone: String,
    /// Of which agent; of all together when left out.
    pub agent: Option<AgentId>,
}

/// What happened in a time.
#[derive(Debug, Clone)]
pub struct Analytics {
    /// Everything up to then was counted.
    pub counted_until: DateTime<Utc>,
    /// From when on.
    pub from: DateTime<Utc>,
    /// Until when.
    pub until: DateTime<Utc>,
    /// All of it.
    pub totals: Counts,
    /// What happened in the time before, as long as this one.
    pub before: Counts,
    /// Points with when they begin, oldest first, none left out.
    pub points: Vec<(DateTime<Utc>, Counts)>,
}

impl App {
    /// What happened in a time, in points.
    ///
    /// # Errors
    /// `InvalidInput` for a time zone that nobody knows, or more points than are answered.
    pub async fn analyze(
        &self,
        permit: &Permit,
        question: &AnalyticsQuestion,
    ) -> Result<Analytics, AppError> {
        let (zone, starts) = check(question)?;
        let scope = permit.scope();
        let (Some(from), Some(until)) = (starts.first(), starts.last()) else {
            return Err(AppError::new(ErrorCode::Internal, "internal error"));
        };
        let (from, until) = (*from, *until);
        let long = until - from;
        let is_whole_days = question.grain == Grain::Day && zone == Tz::UTC;
        let grain = if is_whole_days {
            Grain::Day
        } else {
            Grain::Hour
        };
        let agent = question.agent;
        let span = (from - long, until);
        let counted_until = self.counted_until().await?;
        let buckets = self.store.list_activity(scope, agent, grain, span).await?;
        let (mut totals, mut before) = (Counts::default(), Counts::default());
        for (start, counts) in &buckets {
            match *start >= from {
                true => totals.add(counts),
                false => before.add(counts),
            }
        }
        let inside = buckets.iter().filter(|(start, _)| *start >= from);
        let points = match question.grain {
            Grain::Hour => {
                let at = |start: &DateTime<Utc>| {
                    let found = buckets.binary_search_by_key(start, |(start, _)| *start);
                    found.map_or_else(|_| Counts::default(), |index| buckets[index].1)
                };
                let starts = starts.iter().take(starts.len() - 1);
                starts.map(|start| (*start, at(start))).collect()
            }
            Grain::Day | Grain::Month => {
                let days = local_days(inside.map(|(start, it)| (*start, it)), zone);
                let day = |start: &DateTime<Utc>| start.with_timezone(&zone).date_naive();
                let at = |start| days.get(&day(start)).copied().unwrap_or_default();
                let starts = starts.iter().take(starts.len() - 1);
                starts.map(|start| (*start, at(start))).collect()
            }
        };
        Ok(Analytics {
            counted_until,
            from,
            until,
            totals,
            before,
            points,
        })
    }

    /// The agents that did most, or were denied most, in the day or month by UTC that `at` is in.
    ///
    /// # Errors
    /// `InvalidInput` for a number out of range.
    pub async fn top_agents(
        &self,
        permit: &Permit,
        (grain, at): (Grain, DateTime<Utc>),
        by_denied: bool,
        limit: i32,
    ) -> Result<Vec<(AgentId, Counts)>, AppError> {
        let most = ranking(limit)?;
        let bucket = (grain, grain.start(at));
        let found = self
            .store
            .top_agents(permit.scope(), bucket, by_denied, most);
        Ok(found.await?)
    }

    /// The actions that were asked for most in the days by UTC that a time touches, with how often and
    /// how often they were denied.
    ///
    /// # Errors
    /// `InvalidInput` for a number out of range.
    pub async fn top_actions(
        &self,
        permit: &Permit,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
        limit: i32,
    ) -> Result<Vec<(String, u64, u64)>, AppError> {
        let most = ranking(limit)?;
        let span = (Grain::Day.start(from), until);
        Ok(self.store.top_actions(permit.scope(), span, most).await?)
    }

    /// How many things took how long in the days by UTC that a time touches: the upper bounds in
    /// milliseconds, the last one without, with their counts.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn latencies(
        &self,
        permit: &Permit,
        kind: LatencyKind,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<(Option<i64>, u64)>, AppError> {
        let span = (Grain::Day.start(from), until);
        let found = self
            .store
            .list_latencies(permit.scope(), kind, span)
            .await?;
        let bounds = kind.bounds();
        let count = |place| {
            let mut all = found.iter().filter(|(it, _)| *it == place);
            all.next().map_or(0, |(_, count)| *count)
        };
        let places = 0..=bounds.len();
        Ok(places
            .map(|it| (bounds.get(it).copied(), count(it)))
            .collect())
    }

    /// Everything that was appended before is counted.
    async fn counted_until(&self) -> Result<DateTime<Utc>, AppError> {
        let now = self.clock.now();
        let next = self.counted_upto().await?.next;
        let waiting = self.store.find_uncounted_since(next, &TYPES).await?;
        Ok(waiting.unwrap_or(now))
    }
}

/// The time zone, and when the points of the series begin, with the end of the last.
fn check(question: &AnalyticsQuestion) -> Result<(Tz, Vec<DateTime<Utc>>), AppError> {
    let mut errors = FieldErrors::default();
    let zone = question.time_zone.parse::<Tz>();
    if zone.is_err() {
        errors.add(
            "timeZone",
            "is unknown; give a name such as `Europe/Prague`",
        );
    }
    if question.until <= question.from {
        errors.add("until", "is not behind `from`");
    }
    let step = match question.grain {
        Grain::Hour => TimeDelta::hours(1),
        Grain::Day | Grain::Month => TimeDelta::days(1),
    };
    let most = step * i32::try_from(POINTS_MAX).unwrap_or(i32::MAX);
    if question.until - question.from > most - step * 2 {
        errors.add(
            "until",
            format!("makes more than {POINTS_MAX} points; ask for less"),
        );
    }
    let is_known = |time: DateTime<Utc>| (2000..=9998).contains(&time.year());
    if !is_known(question.from) || !is_known(question.until) {
        errors.add(
            "from",
            "or `until` is out of range; years from 2000 to 9998 are answered",
        );
    }
    errors.finish()?;
    let zone = zone.unwrap_or(Tz::UTC);
    let mut starts = Vec::new();
    if question.grain == Grain::Hour {
        let mut start = Grain::Hour.start(question.from);
        while start < question.until {
            starts.push(start);
            start += step;
        }
        starts.push(start);
    } else {
        let day_of = |time: DateTime<Utc>| time.with_timezone(&zone).date_naive();
        let mut day = day_of(question.from);
        // An end at midnight does not touch the day that begins there.
        let last = day_of(question.until - TimeDelta::microseconds(1));
        while day <= last {
            starts.push(day_start(day, zone));
            day = day + Days::new(1);
        }
        starts.push(day_start(day, zone));
    }
    Ok((zone, starts))
}

fn ranking(limit: i32) -> Result<u64, AppError> {
    let most = u64::try_from(limit).ok().filter(|_| limit <= RANKING_MAX);
    most.ok_or_else(|| AppError::field("limit", format!("choose between 0 and {RANKING_MAX}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(from: &str, until: &str, grain: Grain, zone: &str) -> AnalyticsQuestion {
        AnalyticsQuestion {
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
            grain,
            time_zone: zone.to_owned(),
            agent: None,
        }
    }

    #[test]
    fn points_begin_where_days_do() {
        let asked = question(
            "2026-03-28T12:00:00Z",
            "2026-03-30T12:00:00Z",
            Grain::Day,
            "Europe/Prague",
        );
        let (_, starts) = check(&asked).unwrap();
        let starts: Vec<_> = starts
            .iter()
            .map(|it| it.format("%dT%H").to_string())
            .collect();
        assert_eq!(starts, ["27T23", "28T23", "29T22", "30T22"]);
        let asked = question(
            "2026-03-28T12:30:00Z",
            "2026-03-28T14:00:00Z",
            Grain::Hour,
            "UTC",
        );
        assert_eq!(check(&asked).unwrap().1.len(), 3);
        let asked = question(
            "2026-03-28T00:00:00Z",
            "2026-03-29T00:00:00Z",
            Grain::Day,
            "UTC",
        );
        assert_eq!(check(&asked).unwrap().1.len(), 2);
    }

    #[test]
    fn what_cannot_be_answered_is_named() {
        for (from, until, zone, field) in [
            (
                "2026-03-28T00:00:00Z",
                "2026-03-28T00:00:00Z",
                "UTC",
                "until",
            ),
            (
                "2026-03-28T00:00:00Z",
                "2029-03-28T00:00:00Z",
                "UTC",
                "until",
            ),
            (
                "2026-03-28T00:00:00Z",
                "2026-03-29T00:00:00Z",
                "Mars/Olympus",
                "timeZone",
            ),
        ] {
            let error = check(&question(from, until, Grain::Day, zone)).unwrap_err();
            assert_eq!(error.fields[0].field, field);
        }
        assert!(ranking(-1).is_err() && ranking(101).is_err() && ranking(0).is_ok());
    }
}
