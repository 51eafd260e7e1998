//! When a champion loses its place by itself.

use serde::{Deserialize, Serialize};

use crate::id::AgentId;

/// The share of fine actions that a model's limit was calibrated to flag.
pub const CALIBRATED_SHARE: f64 = 0.01;
/// Actions before anything is concluded.
pub const GUARD_LEAST: u64 = 500;
/// Actions of a window; a new one begins behind it, so that a champion that was good for long is
/// still judged by what it does now.
pub const GUARD_WINDOW: u64 = 10_000;
/// How many times the calibrated share is still taken for a drift of what agents do.
const DRIFT: f64 = 3.0;
/// How far above that a count has to lie, in standard deviations: one window in some 300,000 by
/// chance, were actions independent.
const SIGMAS: f64 = 4.5;
/// Share of actions that a champion may fail to score.
const ERRORS_MOST: f64 = 0.01;
/// Places of a [`Crowd`].
const CROWD_BITS: usize = 256;

/// What a champion did lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Window {
    /// Actions that it was asked about.
    pub actions: u64,
    /// Of these, flagged.
    pub flagged: u64,
    /// Of these, not scored.
    pub errors: u64,
    agents: Crowd,
    flagged_agents: Crowd,
}

/// A set of agents in 32 bytes: how many there are, about, up to some hundreds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Crowd([u64; CROWD_BITS / 64]);

impl Crowd {
    fn insert(&mut self, agent: AgentId) {
        // The last byte of an id is random.
        let place = usize::from(agent.as_uuid().as_bytes()[15]);
        self.0[place / 64] |= 1 << (place % 64);
    }

    fn add(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
    }

    fn size(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

impl Window {
    /// Counts an action that was scored.
    pub fn count(&mut self, agent: AgentId, is_flagged: bool) {
        self.actions += 1;
        self.agents.insert(agent);
        if is_flagged {
            self.flagged += 1;
            self.flagged_agents.insert(agent);
        }
    }

    /// Counts an action that could not be scored.
    pub const fn count_error(&mut self) {
        self.actions += 1;
        self.errors += 1;
    }

    /// Adds what was seen elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.actions += other.actions;
        self.flagged += other.flagged;
        self.errors += other.errors;
        self.agents.add(&other.agents);
        self.flagged_agents.add(&other.flagged_agents);
    }

    /// Whether the next action begins a new one.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.actions >= GUARD_WINDOW
    }
}

/// Why a champion must not serve any longer; `None` while it may.
///
/// Both bounds are one-sided: more than `DRIFT` times the calibrated share of flags, or more than
/// `ERRORS_MOST` of errors, each by `SIGMAS` standard deviations of a Poisson count. Flags count
/// against a model only where it flags half of the agents or more: an attack flags few agents, a bad
/// model all, and who can make the stream flag one agent must not be able to switch the model off.
#[must_use]
pub fn guard(window: &Window) -> Option<String> {
    let Window {
        actions,
        flagged,
        errors,
        ..
    } = *window;
    if actions < GUARD_LEAST {
        return None;
    }
    if errors > bound(actions, ERRORS_MOST) {
        return Some(format!("{errors} of {actions} actions could not be scored"));
    }
    let most = bound(actions, DRIFT * CALIBRATED_SHARE);
    let is_everywhere = 2 * window.flagged_agents.size() >= window.agents.size();
    (flagged > most && is_everywhere).then(|| {
        format!("it flags {flagged} of {actions} actions, where {most} would be many for its limit")
    })
}

/// The largest count that chance explains where `share` of the actions is usual.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts stay far below 2^52"
)]
fn bound(actions: u64, share: f64) -> u64 {
    let mean = share * actions as f64;
    (mean + SIGMAS * mean.sqrt()).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn agent(number: u64) -> AgentId {
        AgentId::from_uuid(Uuid::from_u128(u128::from(number)))
    }

    /// A window over `agents`, in which every `every`th action of the first `bad` is flagged.
    fn window(actions: u64, agents: u64, bad: u64, every: u64) -> Window {
        let mut window = Window::default();
        for i in 0..actions {
            let who = i % agents;
            window.count(agent(who), who < bad && (i / agents).is_multiple_of(every));
        }
        window
    }

    #[test]
    fn a_model_that_flags_what_it_should_not_is_found_and_a_drift_or_an_attack_is_not() {
        for (window, is_bad) in [
            (window(499, 10, 10, 1), false),
            (window(500, 10, 10, 1), true),
            (window(500, 10, 10, 20), false),
            (window(10_000, 100, 100, 34), false),
            (window(10_000, 100, 100, 25), true),
            // A fifth of the agents is hijacked and does nothing but evil.
            (window(10_000, 50, 10, 1), false),
            (window(1_000, 1, 1, 1), true),
        ] {
            assert_eq!(guard(&window).is_some(), is_bad, "{window:?}");
        }
    }

    #[test]
    fn errors_count_from_the_least_number_of_actions_on() {
        for (errors, fine, is_bad) in [
            (499, 0, false),
            (500, 0, true),
            (5, 495, false),
            (30, 470, true),
        ] {
            let mut window = window(fine, 5, 0, 1);
            (0..errors).for_each(|_| window.count_error());
            assert_eq!(guard(&window).is_some(), is_bad, "{errors} of {fine}");
        }
    }

    #[test]
    fn windows_add_up() {
        let mut one = window(300, 3, 3, 1);
        one.add(&window(300, 4, 4, 1));
        assert_eq!((one.actions, one.flagged, one.agents.size()), (600, 600, 4));
        assert!(guard(&one).is_some());
        assert!(!one.is_full());
    }
}
