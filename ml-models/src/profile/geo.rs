//! Where the agent acts from: countries, networks, and whether it could have got there in time.

use aim_domain::anomaly::{AnomalyKind, Evidence, Severity};
use aim_domain::location::{CountryCode, Location, Place};
use aim_domain::risk::RiskLevel;
use serde::{Deserialize, Serialize};

use super::novelty::{NOVELTY_IS_NORMAL, learn_share};
use super::{BehaviourProfile, Judge, share, weight};

/// Located actions before anything can be called new.
const LEARNING_LOCATED: u16 = 30;
/// Countries, and networks, that are remembered of one agent.
const REMEMBERED: usize = 8;
/// Nearer than this two places may be one: what databases say of an address is often off by as much.
const APART_KM: f64 = 200.0;
/// Nobody travels faster: airliners fly at some 900 km/h over the ground.
const FASTEST_KMH: f64 = 1_000.0;
/// Places an agent may act from by turns, such as the exits of its cloud and of its company.
const EXITS: usize = 3;
/// Places that may be on their way to be exits at a time.
const CANDIDATES: usize = 3;
/// Different hours in which a place that was reached too fast is seen before it is believed. Each
/// of them is a finding.
const HOURS_TO_BELIEVE: u8 = 4;
/// Most of the speed as a feature: beyond it all are alike.
const SPEED_CAP_KMH: f64 = 10_000.0;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Geo {
    located: u16,
    countries: Familiar<[u8; 2]>,
    networks: Familiar<u32>,
    new_countries_share: f32,
    jumps_share: f32,
    /// Where it is believed to be, and where else it is known to act from, the newest first.
    exits: Vec<Place>,
    candidates: Vec<Candidate>,
    /// When it was last at the first of the exits.
    since_seconds: i64,
    /// When a journey was last told.
    told_hour: Option<u32>,
}

/// A place that was reached too fast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Candidate {
    place: Place,
    hours: u8,
    /// The lowest bits of the hour it was last counted in.
    last_hour: u8,
}

/// What is remarkable about the location of an action.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) is_new_country: bool,
    pub(super) flagged_country: Option<CountryCode>,
    pub(super) flags_network: bool,
    pub(super) flagged_journey: Option<Journey>,
    pub(super) speed_kmh: f64,
}

/// From where the agent is believed to be to where it acted from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Journey {
    pub(super) km: f64,
    pub(super) hours: f64,
}

impl Journey {
    pub(super) fn speed_kmh(self) -> f64 {
        if self.km <= APART_KM {
            0.0
        } else if self.km < self.hours * SPEED_CAP_KMH {
            self.km / self.hours
        } else {
            SPEED_CAP_KMH
        }
    }

    fn is_possible(self) -> bool {
        self.km <= self.hours * FASTEST_KMH
    }
}

impl Geo {
    pub(super) fn has_shape(&self) -> bool {
        self.countries.0.len() <= REMEMBERED
            && self.networks.0.len() <= REMEMBERED
            && self.exits.len() <= EXITS
            && self.candidates.len() <= CANDIDATES
    }

    /// New countries as a share of located actions, 0 to 1.
    pub(super) fn new_countries_share(&self) -> f64 {
        f64::from(self.new_countries_share)
    }

    /// Judges where an action came from, then learns it. One that is late is judged by the time
    /// between, but leaves the agent where it is believed to be.
    pub(super) fn judge(&mut self, location: &Location, seconds: i64, is_late: bool) -> Judged {
        let is_known = self.located >= LEARNING_LOCATED;
        let mut judged = Judged::default();
        if let Some(country) = location.country {
            let is_new = !self.countries.meet(letters(country));
            let is_flagged = is_new && is_known && is_rare(self.new_countries_share);
            learn(&mut self.new_countries_share, is_new, is_flagged);
            judged.is_new_country = is_new;
            judged.flagged_country = is_flagged.then_some(country);
        }
        if let Some(asn) = location.asn {
            let was_full = self.networks.0.len() == REMEMBERED;
            // Who goes through more networks than are remembered always meets one that is not.
            judged.flags_network = !self.networks.meet(asn) && is_known && !was_full;
        }
        if let Some(place) = location.place {
            self.judge_journey(place, seconds, is_late, is_known, &mut judged);
        }
        if *location != Location::default() {
            self.located = self.located.saturating_add(1);
        }
        judged
    }

    fn judge_journey(
        &mut self,
        place: Place,
        seconds: i64,
        is_late: bool,
        is_known: bool,
        judged: &mut Judged,
    ) {
        let Some(here) = self.exits.first() else {
            self.arrive(place, seconds);
            return;
        };
        let journey = Journey {
            km: here.distance_km(place),
            hours: hours_between(self.since_seconds, seconds),
        };
        judged.speed_kmh = journey.speed_kmh();
        let exit = self.exits.iter().position(|exit| is_near(*exit, place));
        if journey.is_possible() {
            learn(&mut self.jumps_share, false, false);
            if !is_late {
                self.arrive(place, seconds);
            }
        } else if let Some(exit) = exit {
            learn(&mut self.jumps_share, false, false);
            // Within the error of the first, nothing is known to have moved; any other one is
            // taken as it was, so that many small steps do not carry it away.
            if exit > 0 && !is_late {
                let place = self.exits.remove(exit);
                self.exits.insert(0, place);
                self.since_seconds = self.since_seconds.max(seconds);
            }
        } else {
            let is_flagged = is_known && is_rare(self.jumps_share);
            learn(&mut self.jumps_share, true, is_flagged);
            let hour = hour_of(seconds);
            self.consider(place, hour);
            if is_flagged && self.told_hour != Some(hour) {
                self.told_hour = Some(hour);
                judged.flagged_journey = Some(journey);
            }
        }
    }

    /// Believes the agent to be at `place`.
    fn arrive(&mut self, place: Place, seconds: i64) {
        let same = self.exits.iter().position(|exit| is_near(*exit, place));
        if let Some(same) = same {
            self.exits.remove(same);
        }
        self.exits.insert(0, place);
        self.exits.truncate(EXITS);
        self.since_seconds = if self.exits.len() == 1 && same.is_none() {
            seconds
        } else {
            self.since_seconds.max(seconds)
        };
    }

    /// Counts a place that was reached too fast; after enough hours it is an exit, the last one: where
    /// the agent is believed to be stays as it was.
    fn consider(&mut self, place: Place, hour: u32) {
        let last_hour = hour.to_le_bytes()[0];
        let known = self
            .candidates
            .iter()
            .position(|it| is_near(it.place, place));
        let Some(index) = known else {
            self.candidates.insert(
                0,
                Candidate {
                    place,
                    hours: 1,
                    last_hour,
                },
            );
            self.candidates.truncate(CANDIDATES);
            return;
        };
        let Some(candidate) = self.candidates.get_mut(index) else {
            return;
        };
        if candidate.last_hour != last_hour {
            candidate.last_hour = last_hour;
            candidate.hours = candidate.hours.saturating_add(1);
        }
        if candidate.hours >= HOURS_TO_BELIEVE {
            let place = self.candidates.remove(index).place;
            self.exits.truncate(EXITS - 1);
            self.exits.push(place);
        }
    }
}

impl BehaviourProfile {
    /// Judges where the action came from; the two features of it.
    pub(super) fn judge_location(
        &mut self,
        judge: &mut Judge<'_>,
        risk: RiskLevel,
        is_late: bool,
    ) -> (f64, f64) {
        let Some(location) = judge
            .action
            .location
            .filter(|it| *it != Location::default())
        else {
            return (0.0, 0.0);
        };
        let geo = self.geo.get_or_insert_default();
        let judged = geo.judge(&location, judge.action.time.timestamp(), is_late);
        self.tallies.located += 1.0;
        if let Some(country) = judged.flagged_country {
            let severity = match risk {
                RiskLevel::Low => Severity::Low,
                RiskLevel::Medium => Severity::Medium,
                RiskLevel::High | RiskLevel::Critical => Severity::High,
            };
            self.tallies.place_surprise += weight(severity);
            let evidence = share("countries that were new", geo.new_countries_share());
            let action = judge.action.action.as_str();
            let summary = format!("first action from {country}: `{action}`");
            judge.find(AnomalyKind::NewCountry, severity, summary, vec![evidence]);
        }
        if judged.flags_network {
            self.tallies.place_surprise += weight(Severity::Low);
        }
        if let Some(journey) = judged.flagged_journey {
            let severity = if risk >= RiskLevel::High {
                Severity::High
            } else {
                Severity::Medium
            };
            self.tallies.place_surprise += weight(severity);
            judge.find(
                AnomalyKind::ImpossibleTravel,
                severity,
                format!("{:.0} km in {:.1} h", journey.km, journey.hours),
                vec![Evidence {
                    label: "speed in km/h over the ground".to_owned(),
                    observed: format!("{:.0}", (journey.km / journey.hours).min(1e9)),
                    expected: Some(format!("at most {FASTEST_KMH}")),
                }],
            );
        }
        (f64::from(u8::from(judged.is_new_country)), judged.speed_kmh)
    }
}

/// The things met most, each with how often; of equals, the newest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Familiar<K>(Vec<(K, u8)>);

impl<K> Default for Familiar<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialEq> Familiar<K> {
    /// Counts a thing; true when it was remembered. Strangers displace each other before they
    /// displace what was met often.
    fn meet(&mut self, key: K) -> bool {
        let known = self.0.iter().position(|(other, _)| *other == key);
        let met = known.map(|index| self.0.remove(index).1);
        if met.is_none() && self.0.len() >= REMEMBERED {
            let least = self.0.iter().map(|(_, count)| *count).min();
            let weakest = self.0.iter().rposition(|(_, count)| Some(*count) == least);
            weakest.map(|index| self.0.remove(index));
        }
        let count = met.unwrap_or_default().saturating_add(1);
        self.0.insert(0, (key, count));
        met.is_some()
    }
}

fn letters(country: CountryCode) -> [u8; 2] {
    let mut letters = country.as_str().bytes();
    [
        letters.next().unwrap_or_default(),
        letters.next().unwrap_or_default(),
    ]
}

fn is_near(a: Place, b: Place) -> bool {
    a.distance_km(b) <= APART_KM
}

fn is_rare(share: f32) -> bool {
    f64::from(share) < NOVELTY_IS_NORMAL
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a share between 0 and 1 keeps 24 bits"
)]
fn learn(share: &mut f32, is_new: bool, is_flagged: bool) {
    let mut exact = f64::from(*share);
    learn_share(&mut exact, is_new, is_flagged);
    *share = exact as f32;
}

#[expect(
    clippy::cast_precision_loss,
    reason = "spans of time stay far below 2^52 s"
)]
fn hours_between(a: i64, b: i64) -> f64 {
    a.abs_diff(b) as f64 / 3_600.0
}

fn hour_of(seconds: i64) -> u32 {
    u32::try_from(seconds.div_euclid(3_600).max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_displace_strangers() {
        let mut familiar = Familiar::default();
        for _ in 0..3 {
            familiar.meet(1_u32);
        }
        for stranger in 100..200 {
            assert!(!familiar.meet(stranger), "{stranger}");
        }
        assert!(familiar.meet(1), "what was met often is kept");
        assert!(familiar.meet(199) && !familiar.meet(100));
        assert_eq!(familiar.0.len(), REMEMBERED);
    }

    #[test]
    fn the_fullest_state_is_short() {
        let mut geo = Geo::default();
        let codes = ["DE", "FR", "GB", "US", "CN", "IN", "BR", "ZA", "AU"];
        for (step, code) in codes.iter().cycle().take(3_000).enumerate() {
            let index = u32::try_from(step % 9).unwrap();
            let degrees = f64::from(index) * 40.0;
            let location = Location {
                country: CountryCode::parse(code).ok(),
                asn: Some(u32::MAX - index),
                place: Place::new(89.0 - degrees / 2.1, degrees - 180.0).ok(),
            };
            geo.judge(
                &location,
                8_000_000_000_000 + 700 * i64::try_from(step).unwrap(),
                false,
            );
        }
        let bytes = postcard::to_extend(&geo, Vec::new()).unwrap();
        assert!(geo.has_shape());
        assert!((90..=130).contains(&bytes.len()), "{}", bytes.len());
    }
}
