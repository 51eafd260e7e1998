//! Scores detections in labelled series as the Numenta Anomaly Benchmark v1.1 does.
//!
//! Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms – the Numenta Anomaly
//! Benchmark", ICMLA 2015 (arXiv 1510.03336). Pure: scores and windows in, figures out. One
//! threshold a profile holds for all series together, the one at which the profile's score is best.

use std::collections::BTreeMap;

use serde::Serialize;

/// Share of a series that is for learning and is not judged.
const PROBATION: f64 = 0.15;
/// Most rows that are for learning: the share of 5,000 rows.
const PROBATION_MAX: f64 = 750.0;
/// From so many window widths behind a window, a false alarm costs in full.
const FAR: f64 = 3.0;
/// Above every score: nothing is detected.
const NOTHING: f64 = 1.1;

/// What detections, misses and false alarms weigh.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CostProfile {
    /// Its name in reports.
    pub name: &'static str,
    /// Gain of a window found at its first row.
    pub hit: f64,
    /// Cost of a window not found.
    pub miss: f64,
    /// Cost of a false alarm far from any window.
    pub false_alarm: f64,
}

/// The three profiles of the benchmark.
pub const COST_PROFILES: [CostProfile; 3] = [
    CostProfile {
        name: "standard",
        hit: 1.0,
        miss: 1.0,
        false_alarm: 0.11,
    },
    CostProfile {
        name: "reward_low_FP",
        hit: 1.0,
        miss: 1.0,
        false_alarm: 0.22,
    },
    CostProfile {
        name: "reward_low_FN",
        hit: 1.0,
        miss: 2.0,
        false_alarm: 0.11,
    },
];

/// A series with its detector's scores.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredSeries {
    /// The family it belongs to.
    pub category: String,
    /// One a row, between 0 and 1; what is not below the threshold is a detection.
    pub scores: Vec<f64>,
    /// First and last row of each labelled window, in order, without overlap, inside the series.
    pub windows: Vec<(usize, usize)>,
}

/// The figures of one profile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProfileFigures {
    /// Name of the profile.
    pub profile: &'static str,
    /// Scores from here on count as detections; 1.1 when it is best to detect nothing.
    pub threshold: f64,
    /// All series together.
    pub all: Figures,
    /// The series of each category.
    pub categories: BTreeMap<String, Figures>,
}

/// The figures of some series at a threshold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Labelled windows.
    pub windows: usize,
    /// Windows with a detection.
    pub found: usize,
    /// Rows detected outside windows.
    pub false_alarms: usize,
    /// Sum of gains less costs.
    pub raw: f64,
    /// 100 for a detector that finds each window at its first row and nothing else, 0 for one that
    /// detects nothing; none without windows.
    pub score: Option<f64>,
}

/// One row that is judged.
#[derive(Debug, Clone, Copy)]
struct Row {
    score: f64,
    series: usize,
    /// Index among all windows.
    window: Option<usize>,
    /// Position to window width: in a window from −1 to 0, behind it above 0.
    position: f64,
}

/// The figures of `series` by `profile`, at the threshold that is best for all of them together.
#[must_use]
pub fn judge(series: &[ScoredSeries], profile: CostProfile) -> ProfileFigures {
    let (mut rows, windows) = judged_rows(series);
    rows.sort_by(|one, other| other.score.total_cmp(&one.score));
    let (threshold, detected) = best_threshold(&rows, &windows, profile);
    let mut all = Tally::default();
    let mut categories: BTreeMap<String, Tally> = BTreeMap::new();
    for scored in series {
        let labelled = scored.windows.len();
        all.labelled += labelled;
        let own = categories.entry(scored.category.clone()).or_default();
        own.labelled += labelled;
    }
    let mut gains = vec![None; windows.len()];
    for row in rows.iter().take(detected) {
        let worth = worth(row, profile);
        if let Some(window) = row.window {
            let gain: &mut Option<f64> = &mut gains[window];
            *gain = Some(gain.map_or(worth, |gain| gain.max(worth)));
            continue;
        }
        let category = &series[row.series].category;
        for tally in [Some(&mut all), categories.get_mut(category)]
            .into_iter()
            .flatten()
        {
            tally.false_alarms += 1;
            tally.raw += worth;
        }
    }
    for (window, gain) in windows.iter().zip(gains) {
        let category = &series[window.series].category;
        for tally in [Some(&mut all), categories.get_mut(category)]
            .into_iter()
            .flatten()
        {
            tally.reachable += usize::from(window.reachable);
            tally.found += usize::from(gain.is_some());
            tally.raw += gain.unwrap_or(if window.reachable { -profile.miss } else { 0.0 });
        }
    }
    ProfileFigures {
        profile: profile.name,
        threshold,
        all: all.figures(profile),
        categories: categories
            .into_iter()
            .map(|(category, tally)| (category, tally.figures(profile)))
            .collect(),
    }
}

#[derive(Debug, Clone, Copy)]
struct Window {
    series: usize,
    /// Whether it reaches beyond probation.
    reachable: bool,
}

#[derive(Default)]
struct Tally {
    labelled: usize,
    reachable: usize,
    found: usize,
    false_alarms: usize,
    raw: f64,
}

impl Tally {
    fn figures(self, profile: CostProfile) -> Figures {
        let nothing = -profile.miss * self.reachable as f64;
        let perfect = profile.hit * self.labelled as f64;
        Figures {
            windows: self.labelled,
            found: self.found,
            false_alarms: self.false_alarms,
            raw: self.raw,
            score: (self.labelled > 0).then(|| 100.0 * (self.raw - nothing) / (perfect - nothing)),
        }
    }
}

/// First row that is judged.
fn probation(rows: usize) -> usize {
    (PROBATION * rows as f64).floor().min(PROBATION_MAX) as usize
}

fn judged_rows(series: &[ScoredSeries]) -> (Vec<Row>, Vec<Window>) {
    let (mut rows, mut windows) = (Vec::new(), Vec::new());
    for (index, scored) in series.iter().enumerate() {
        let first = probation(scored.scores.len());
        let base = windows.len();
        windows.extend(scored.windows.iter().map(|window| Window {
            series: index,
            reachable: window.1 >= first,
        }));
        let mut next = 0;
        for (at, &score) in scored.scores.iter().enumerate() {
            while scored.windows.get(next).is_some_and(|window| window.1 < at) {
                next += 1;
            }
            let inside = scored.windows.get(next).filter(|window| window.0 <= at);
            let behind = next.checked_sub(1).map(|last| scored.windows[last]);
            if at >= first {
                rows.push(Row {
                    score,
                    series: index,
                    window: inside.map(|_| base + next),
                    position: match (inside, behind) {
                        (Some(window), _) => {
                            -((window.1 - at + 1) as f64) / (window.1 - window.0 + 1) as f64
                        }
                        (None, Some(window)) => {
                            (at - window.1) as f64 / ((window.1 - window.0) as f64).max(1.0)
                        }
                        (None, None) => FAR,
                    },
                });
            }
        }
    }
    (rows, windows)
}

/// 2 / (1 + e^(5y)) − 1: 0.987 at −1, 0 at 0, −1 far behind.
fn scaled_sigmoid(position: f64) -> f64 {
    if position >= FAR {
        -1.0
    } else {
        2.0 / (1.0 + (5.0 * position).exp()) - 1.0
    }
}

fn worth(row: &Row, profile: CostProfile) -> f64 {
    match row.window {
        Some(_) => profile.hit * scaled_sigmoid(row.position) / scaled_sigmoid(-1.0),
        None => profile.false_alarm * scaled_sigmoid(row.position),
    }
}

/// The best threshold, and how many of `rows`, which fall by score, it detects.
fn best_threshold(rows: &[Row], windows: &[Window], profile: CostProfile) -> (f64, usize) {
    let mut gains: Vec<f64> = windows.iter().map(|_| -profile.miss).collect();
    // Relative to detecting nothing, whose raw score is the same for every threshold.
    let (mut raw, mut best) = (0.0, (0.0, NOTHING, 0));
    for (at, row) in rows.iter().enumerate() {
        let worth = worth(row, profile);
        match row.window {
            Some(window) if worth > gains[window] => {
                raw += worth - gains[window];
                gains[window] = worth;
            }
            Some(_) => {}
            None => raw += worth,
        }
        let is_last_of_its_score = rows.get(at + 1).is_none_or(|next| next.score < row.score);
        if is_last_of_its_score && raw > best.0 {
            best = (raw, row.score, at + 1);
        }
    }
    (best.1, best.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDARD: CostProfile = COST_PROFILES[0];

    /// 100 rows, of which 15 are probation, with detections at `detected`.
    fn series(windows: &[(usize, usize)], detected: &[usize]) -> ScoredSeries {
        let score = |row| if detected.contains(&row) { 0.9 } else { 0.1 };
        ScoredSeries {
            category: "made".to_owned(),
            scores: (0..100).map(score).collect(),
            windows: windows.to_vec(),
        }
    }

    fn figures(windows: &[(usize, usize)], detected: &[usize]) -> Figures {
        judge(&[series(windows, detected)], STANDARD).all
    }

    fn near(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-9, "{left} is not {right}");
    }

    #[test]
    fn nothing_detected_is_0_and_the_first_row_of_each_window_is_100() {
        for profile in COST_PROFILES {
            let mut flat = series(&[(40, 49)], &[]);
            flat.scores.fill(0.5);
            let nothing = judge(&[flat], profile);
            assert_eq!((nothing.all.score, nothing.all.found), (Some(0.0), 0));
            near(nothing.threshold, 1.1);
            let perfect = judge(&[series(&[(40, 49), (70, 79)], &[40, 70])], profile);
            assert_eq!(perfect.all.score, Some(100.0), "{profile:?}");
            assert_eq!((perfect.all.found, perfect.all.false_alarms), (2, 0));
            near(perfect.threshold, 0.9);
        }
    }

    #[test]
    fn false_alarms_alone_are_worse_than_nothing() {
        let figures = judge(&[series(&[(40, 49)], &[20, 30])], STANDARD);
        assert_eq!(figures.all.score, Some(0.0));
        assert_eq!(figures.all.raw, -1.0);
        near(figures.threshold, 1.1);
    }

    #[test]
    fn a_missed_window_costs_its_weight() {
        for (profile, raw) in [(0, 1.0 - 1.0), (1, 1.0 - 1.0), (2, 1.0 - 2.0)] {
            let scored = series(&[(40, 49), (70, 79)], &[40]);
            let figures = judge(&[scored], COST_PROFILES[profile]).all;
            near(figures.raw, raw);
            // Halfway from both missed to both found.
            near(figures.score.unwrap(), 50.0);
            assert_eq!((figures.windows, figures.found), (2, 1));
        }
    }

    #[test]
    fn a_detection_is_worth_less_the_later_it_is() {
        // Of ten rows the first lies at −1, the sixth at −0.5, the last at −0.1.
        let worth = |y: f64| (2.0 / (1.0 + (5.0 * y).exp()) - 1.0) / 0.986_614_298_151_430_3;
        for (row, position) in [(40, -1.0), (45, -0.5), (49, -0.1)] {
            near(figures(&[(40, 49)], &[row]).raw, worth(position));
        }
        near(worth(-0.1), 0.248_241_549_775);
        // Only the earliest counts.
        near(figures(&[(40, 49)], &[45, 46, 49]).raw, worth(-0.5));
    }

    #[test]
    fn a_false_alarm_costs_less_right_after_a_window() {
        let cost = |row| figures(&[(40, 49)], &[40, row]).raw - 1.0;
        // Before the first window and three widths (of nine steps) behind it: in full.
        near(cost(20), -0.11);
        near(cost(49 + 27), -0.11);
        near(cost(50), 0.11 * (2.0 / (1.0 + (5.0_f64 / 9.0).exp()) - 1.0));
        near(cost(50), -0.029_793_183_037);
        assert!(cost(50) > cost(52) && cost(52) > cost(60));
        let low_fp = judge(&[series(&[(40, 49)], &[40, 20])], COST_PROFILES[1]);
        near(low_fp.all.raw, 1.0 - 0.22);
    }

    #[test]
    fn probation_is_not_judged() {
        assert_eq!(probation(100), 15);
        assert_eq!(probation(4_032), 604);
        assert_eq!(probation(5_000), 750);
        assert_eq!(probation(20_000), 750);
        near(figures(&[(40, 49)], &[0, 14, 40]).raw, 1.0);
        near(figures(&[(40, 49)], &[15, 40]).raw, 1.0 - 0.11);
        // A window that begins in probation can be found in the rest of it only.
        near(
            figures(&[(10, 19)], &[12, 15]).raw,
            scaled_sigmoid(-0.5) / scaled_sigmoid(-1.0),
        );
    }

    #[test]
    fn one_threshold_holds_for_all_series() {
        let mut loud = series(&[], &[20, 30, 50]);
        loud.category = "loud".to_owned();
        let quiet = series(&[(40, 49)], &[40]);
        let figures = judge(&[loud, quiet], STANDARD);
        near(figures.all.raw, 1.0 - 3.0 * 0.11);
        assert_eq!(figures.categories["loud"].score, None);
        assert_eq!(figures.categories["loud"].false_alarms, 3);
        assert_eq!(figures.categories["made"].score, Some(100.0));
    }

    #[test]
    fn nothing_to_judge_has_no_score() {
        assert_eq!(judge(&[], STANDARD).all, Figures::default());
        assert_eq!(figures(&[], &[50]).score, None);
        let one_row = ScoredSeries {
            category: String::new(),
            scores: vec![1.0],
            windows: vec![(0, 0)],
        };
        assert_eq!(judge(&[one_row], STANDARD).all.score, Some(100.0));
    }
}
