//! The trust score, computed once more in the slow and obvious way of `docs/trust.md`.

use aim_domain::trust::{
    Feedback, LEAST_SAMPLES, Tallies, TrustFactorKind, TrustScore, TrustWeights, WEIGHT_MAX,
    assess, score,
};
use proptest::prelude::*;

/// Value and confidence of a factor; none without data.
type Twin = Option<(f64, f64)>;

fn half(observed: f64, at: f64) -> f64 {
    observed / (observed + at)
}

/// The eight factors by the table of the documentation: value and confidence.
fn twin(t: &Tallies) -> [Twin; 8] {
    let acted = t.samples as f64;
    let with = |confidence: f64, value: f64| (confidence > 0.0).then_some((value, confidence));
    let ended = t.successes + t.failures;
    let attested = f64::from(t.mcp_attested);
    let contradicted = f64::from(t.mcp_contradicted);
    let history = with(
        half(ended, 20.0).max(0.0),
        (1.0 + t.successes) / (2.0 + ended),
    );
    let mean_risk = t.risk_sum / t.risk_weight.max(1.0);
    let risk = (1.0 - 0.5 * mean_risk).max(0.0) / (1.0 + t.novelty);
    let seen = half(acted, 20.0);
    let rate = f64::max(half(t.rate_windows, 6.0), seen * t.rate_surprise.min(1.0));
    let hours = f64::max(half(t.hours_known, 100.0), seen * t.hour_surprise.min(1.0));
    [
        history,
        with(
            half(attested + contradicted, 20.0).max(0.0),
            (1.0 + attested) / (2.0 + attested + contradicted),
        ),
        with(seen, risk),
        with(seen, 1.0 / (1.0 + t.violations)),
        with(rate, 1.0 / (1.0 + t.rate_surprise)),
        with(hours, 1.0 / (1.0 + t.hour_surprise)),
        with(half(t.located, 20.0), 1.0 / (1.0 + t.place_surprise)),
        with(
            half(t.feedback.weight, 3.0),
            (0.5 + t.feedback.sum) / (1.0 + t.feedback.weight),
        ),
    ]
}

/// The product's own weights, by the table of the documentation.
const WEIGHTS: [f64; 8] = [0.20, 0.10, 0.20, 0.20, 0.12, 0.08, 0.05, 0.05];

/// The product's own weights with some moved from one factor to another.
fn weights() -> impl Strategy<Value = [u16; 8]> {
    prop::collection::vec((0..8_usize, 0..8_usize, 0..3_000_u16), 0..12).prop_map(|moves| {
        let mut weights: [u16; 8] = TrustWeights::default().into();
        for (from, to, much) in moves {
            if from != to && weights[from] >= much && weights[to] + much <= WEIGHT_MAX {
                weights[from] -= much;
                weights[to] += much;
            }
        }
        weights
    })
}

fn tallies() -> impl Strategy<Value = Tallies> {
    let sums = prop::array::uniform11(prop_oneof![Just(0.0), 0.0..5_000.0_f64]);
    (0..10_000_u64, sums).prop_map(|(samples, sums)| {
        let [
            successes,
            failures,
            risk,
            risk_weight,
            novelty,
            violations,
            rate,
            windows,
            hour,
            place,
            located,
        ] = sums;
        Tallies {
            samples,
            successes,
            failures,
            risk_sum: risk.min(risk_weight),
            risk_weight,
            novelty,
            violations,
            rate_surprise: rate,
            rate_windows: windows,
            hour_surprise: hour,
            hours_known: successes,
            place_surprise: place,
            located,
            mcp_attested: place as f32,
            mcp_contradicted: risk_weight as f32,
            feedback: Feedback {
                ratings: 7,
                sponsors: 3,
                weight: novelty,
                sum: novelty.min(rate),
            },
        }
    })
}

proptest! {
    #[test]
    fn the_score_is_what_its_documentation_says(t in tallies(), chosen in weights()) {
        let (mut above, mut below) = (0.0, 0.0);
        let weights = TrustWeights::try_from(chosen).unwrap();
        let found = assess(&t, &weights);
        for ((weight, twin), factor) in chosen.into_iter().zip(twin(&t)).zip(&found.factors) {
            let weight = f64::from(weight) / 10_000.0;
            prop_assert_eq!(weight, factor.weight);
            prop_assert_eq!(twin.is_some(), factor.value.is_some(), "{:?}", factor);
            let (value, confidence) = twin.unwrap_or_default();
            prop_assert!((value - factor.value.unwrap_or_default()).abs() < 1e-9, "{:?}", factor);
            prop_assert!((confidence - factor.confidence).abs() < 1e-9, "{:?}", factor);
            above += weight * confidence * value;
            below += weight * confidence;
        }
        let expected = (t.samples >= LEAST_SAMPLES && below > 0.0).then(|| above / below);
        let got = found.score.map(TrustScore::as_fraction);
        prop_assert_eq!(expected.is_some(), got.is_some());
        // The score is rounded to ten-thousandths.
        let (expected, got) = (expected.unwrap_or_default(), got.unwrap_or_default());
        prop_assert!((expected - got).abs() <= 0.000_05 + 1e-9, "{} {}", expected, got);
        prop_assert_eq!(score(&t, &weights), found.score);
    }

    #[test]
    fn more_of_what_is_bad_never_raises_the_score(
        t in tallies(),
        chosen in weights(),
        more in 0.0..100.0_f64,
    ) {
        let weights = TrustWeights::try_from(chosen).unwrap();
        let worse = [
            Tallies { violations: t.violations + more, ..t },
            Tallies { novelty: t.novelty + more, ..t },
            Tallies { place_surprise: t.place_surprise + more, ..t },
        ];
        for worse in worse {
            prop_assert!(score(&worse, &weights) <= score(&t, &weights));
        }
    }
}

/// The example of `docs/trust.md`, number by number.
#[test]
fn the_worked_example_is_right() {
    let t = Tallies {
        samples: 180,
        successes: 171.0,
        failures: 9.0,
        risk_sum: 18.0,
        risk_weight: 180.0,
        novelty: 0.5,
        violations: 1.0,
        rate_surprise: 0.0,
        rate_windows: 54.0,
        hour_surprise: 0.0,
        hours_known: 100.0,
        place_surprise: 0.0,
        located: 0.0,
        mcp_attested: 0.0,
        mcp_contradicted: 0.0,
        feedback: Feedback::default(),
    };
    let found = assess(&t, &TrustWeights::default());
    for (factor, weight) in found.factors.iter().zip(WEIGHTS) {
        assert_eq!(factor.weight.to_bits(), weight.to_bits(), "{factor:?}");
    }
    let of = |kind| {
        found
            .factors
            .iter()
            .find(|factor| factor.kind == kind)
            .unwrap()
    };
    for (kind, value, confidence) in [
        (TrustFactorKind::AgentHistory, 0.9451, 0.9),
        (TrustFactorKind::ActionRisk, 0.6333, 0.9),
        (TrustFactorKind::CapabilityViolations, 0.5, 0.9),
        (TrustFactorKind::Frequency, 1.0, 0.9),
        (TrustFactorKind::TemporalPattern, 1.0, 0.5),
    ] {
        let factor = of(kind);
        assert!((factor.value.unwrap() - value).abs() < 5e-5, "{factor:?}");
        assert!((factor.confidence - confidence).abs() < 5e-5, "{factor:?}");
    }
    assert_eq!(found.score.unwrap().ten_thousandths(), 7_589);
    assert_eq!(found.confidence.ten_thousandths(), 6_880);
}
