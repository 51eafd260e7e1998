//! Hours of the week in somebody's own time zone.

use std::fmt;

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::{Deserialize, Serialize};

/// Most windows of one rule: three a day for a week.
pub const WINDOWS_MAX: usize = 21;
const DAY: u16 = 24 * 60;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DayOfWeek {
    /// The first, by ISO 8601.
    Monday,
    /// The second.
    Tuesday,
    /// The third.
    Wednesday,
    /// The fourth.
    Thursday,
    /// The fifth.
    Friday,
    /// The sixth.
    Saturday,
    /// The seventh.
    Sunday,
}

impl DayOfWeek {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    const fn of(day: chrono::Weekday) -> Self {
        Self::ALL[day.num_days_from_monday() as usize]
    }

    const fn before(self) -> Self {
        Self::ALL[(self as usize + 6) % 7]
    }
}

/// Why a window was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Not a time of day.
    #[error("`{0}` is not a time of day; write it as `08:30`, up to `24:00`")]
    Time(String),
    /// Nothing, or a whole day said in a way that could mean nothing.
    #[error("begins and ends at the same time; for a whole day use `00:00` to `24:00`")]
    Empty,
}

/// A part of some days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WindowText", into = "WindowText")]
pub struct TimeWindow {
    days: Vec<DayOfWeek>,
    from: u16,
    to: u16,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowText {
    #[serde(default)]
    days: Vec<DayOfWeek>,
    from: String,
    to: String,
}

impl TimeWindow {
    /// From a time of day, included, to another, not included. One that ends before it begins goes on
    /// into the next day. No day is every day.
    ///
    /// # Errors
    /// [`WindowError`] when a time is none, or both are the same.
    pub fn new(mut days: Vec<DayOfWeek>, from: &str, to: &str) -> Result<Self, WindowError> {
        let minute = |text: &str| minute_of(text).ok_or_else(|| WindowError::Time(text.to_owned()));
        let (from, to) = (minute(from)?, minute(to)?);
        if from % DAY == to {
            return Err(WindowError::Empty);
        }
        days.sort_unstable();
        days.dedup();
        Ok(Self { days, from, to })
    }

    /// The days on which it begins; none is every day.
    #[must_use]
    pub fn days(&self) -> &[DayOfWeek] {
        &self.days
    }

    /// When it begins, as `08:30`.
    #[must_use]
    pub fn from(&self) -> String {
        time_text(self.from)
    }

    /// When it ends, as `17:00`.
    #[must_use]
    pub fn to(&self) -> String {
        time_text(self.to)
    }

    fn begins_on(&self, day: DayOfWeek) -> bool {
        self.days.is_empty() || self.days.contains(&day)
    }

    fn contains(&self, day: DayOfWeek, minute: u16) -> bool {
        if self.from < self.to {
            self.begins_on(day) && self.from <= minute && minute < self.to
        } else {
            (self.begins_on(day) && self.from <= minute)
                || (self.begins_on(day.before()) && minute < self.to)
        }
    }
}

impl TryFrom<WindowText> for TimeWindow {
    type Error = WindowError;
    fn try_from(text: WindowText) -> Result<Self, WindowError> {
        Self::new(text.days, &text.from, &text.to)
    }
}

impl From<TimeWindow> for WindowText {
    fn from(window: TimeWindow) -> Self {
        let (from, to) = (window.from(), window.to());
        let days = window.days;
        Self { days, from, to }
    }
}

fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= DAY).then_some(all)
}

fn time_text(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Why a time zone was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone; give an IANA name such as `Europe/Berlin` or `UTC`")]
pub struct ZoneError(String);

/// A time zone by its IANA name.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(chrono_tz::Tz);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(chrono_tz::Tz::UTC);

    /// The zone of this name.
    ///
    /// # Errors
    /// [`ZoneError`] when there is none.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        let found = name.parse().map(Self);
        found.map_err(|_| ZoneError(name.chars().take(64).collect()))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Day and minute there.
    fn local(self, at: DateTime<Utc>) -> (DayOfWeek, u16) {
        let local = at.with_timezone(&self.0);
        let minute = u16::try_from(local.hour() * 60 + local.minute()).unwrap_or(0);
        (DayOfWeek::of(local.weekday()), minute)
    }

    /// Day and time there, for people.
    pub(super) fn words(self, at: DateTime<Utc>) -> String {
        let (day, minute) = self.local(at);
        format!("{day:?} {} in {}", time_text(minute), self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<String> for Zone {
    type Error = ZoneError;
    fn try_from(name: String) -> Result<Self, ZoneError> {
        Self::parse(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name().to_owned()
    }
}

/// On which side of its windows a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WhenTime {
    /// In one of them.
    Inside,
    /// In none of them.
    Outside,
}

/// Whether `at` is in one of the windows.
pub(super) fn is_inside(windows: &[TimeWindow], zone: Zone, at: DateTime<Utc>) -> bool {
    let (day, minute) = zone.local(at);
    windows.iter().any(|window| window.contains(day, minute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_checked_at_the_door() {
        for (from, to, fits) in [
            ("08:00", "18:00", true),
            ("22:00", "06:00", true),
            ("00:00", "24:00", true),
            ("24:00", "06:00", true),
            ("08:00", "08:00", false),
            ("24:00", "00:00", false),
            ("8:00", "18:00", false),
            ("08:60", "18:00", false),
            ("24:01", "06:00", false),
            ("+8:00", "18:00", false),
            ("", "18:00", false),
        ] {
            let found = TimeWindow::new(Vec::new(), from, to);
            assert_eq!(found.is_ok(), fits, "{from} {to}");
        }
        assert!(Zone::parse("Mars/Olympus").is_err());
        assert_eq!(
            Zone::parse("Europe/Berlin").unwrap().name(),
            "Europe/Berlin"
        );
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
        let friday = TimeWindow::new(vec![DayOfWeek::Friday], "22:00", "06:00").unwrap();
        for (time, inside) in [
            ("2026-01-02T21:59:59Z", false),
            ("2026-01-02T22:00:00Z", true),
            ("2026-01-03T05:59:59Z", true),
            ("2026-01-03T06:00:00Z", false),
            ("2026-01-02T03:00:00Z", false),
            ("2026-01-03T22:30:00Z", false),
        ] {
            let at = time.parse().unwrap();
            let found = is_inside(std::slice::from_ref(&friday), Zone::UTC, at);
            assert_eq!(found, inside, "{time}");
        }
    }
}
