//! Gaussian mixture: how unlikely a row is among those learned from.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::GaussianMixtureModel;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use super::scaler::Scaler;
use super::{ModelError, Rows, WIDTH_MAX};

/// Scaled values are held within this while fitting: linfa sums densities without shifting them,
/// and one row far out would make the likelihood of all of them zero and the fit fail.
const FIT_BOUND: f64 = 8.0;
/// Added to each variance while fitting. Counters are often constant within a cluster; a thousandth
/// of their spread keeps such clusters from becoming spikes.
const LEAST_VARIANCE: f64 = 1e-2;
/// Most rows that a mixture is fitted to, spread evenly: linfa goes over all of them for each
/// Gaussian some hundred times, and a few dozen numbers a Gaussian need no more.
const FIT_ROWS_MAX: usize = 20_000;

/// One Gaussian.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cluster {
    /// ln weight − width/2 · ln 2π + ½ ln |precision|.
    log_norm: f64,
    mean: Vec<f64>,
    /// Row by row.
    precision: Vec<f64>,
}

/// A mixture over scaled features. The score is −ln density, in nats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Mixture {
    scaler: Scaler,
    clusters: Vec<Cluster>,
}

impl Mixture {
    /// Fits `clusters` Gaussians to all rows.
    pub(super) fn fit(rows: &Rows, clusters: usize, seed: u64) -> Result<Self, ModelError> {
        let scaler = Scaler::fit(rows)?;
        let matrix = rows.spread(FIT_ROWS_MAX).matrix(|row, out| {
            out.extend(scaler.apply(row).map(|v| v.clamp(-FIT_BOUND, FIT_BOUND)));
        });
        // linfa's own default is one fixed seed for everybody.
        let random = Xoshiro256Plus::seed_from_u64(seed);
        let fitted = GaussianMixtureModel::params_with_rng(clusters, random)
            .reg_covariance(LEAST_VARIANCE)
            .max_n_iterations(300)
            .tolerance(1e-3)
            .fit(&DatasetBase::from(matrix))
            .map_err(|error| unfit(&error.to_string()))?;
        let clusters = fitted
            .weights()
            .iter()
            .zip(fitted.means().rows())
            .zip(fitted.precisions().outer_iter())
            .map(|((weight, mean), precision)| {
                Cluster::of(*weight, mean.to_vec(), precision.iter().copied().collect())
            })
            .collect::<Result<_, _>>()?;
        let model = Self { scaler, clusters };
        model.check()?;
        Ok(model)
    }

    pub(super) fn check(&self) -> Result<(), ModelError> {
        self.scaler.check()?;
        let width = self.scaler.width();
        let sound = !self.clusters.is_empty()
            && self.clusters.iter().all(|cluster| {
                cluster.mean.len() == width
                    && cluster.precision.len() == width * width
                    && cluster.log_norm.is_finite()
                    && cluster.mean.iter().all(|v| v.is_finite())
                    && cluster.precision.iter().all(|v| v.is_finite())
            });
        sound
            .then_some(())
            .ok_or_else(|| unfit("a cluster is missing or not finite"))
    }

    pub(super) const fn width(&self) -> usize {
        self.scaler.width()
    }

    pub(super) fn score(&self, row: &[f64]) -> f64 {
        let mut buffer = [0.0; WIDTH_MAX];
        let scaled = self.scaler.fill(row, &mut buffer);
        let mut sum = 0.0_f64;
        let mut most = f64::NEG_INFINITY;
        for cluster in &self.clusters {
            let log = cluster.log_density(scaled);
            if log > most {
                sum = sum * (most - log).exp() + 1.0;
                most = log;
            } else {
                sum += (log - most).exp();
            }
        }
        -(most + sum.ln())
    }

    /// The score at the centres of the clusters that the row is of, and what each feature's
    /// distance adds.
    ///
    /// With r the share of each cluster in the density, −ln p = Σ r · (ln r − ln density); the
    /// squared distance in each density is a sum over features.
    pub(super) fn explain(&self, row: &[f64]) -> (f64, Vec<f64>) {
        let scaled: Vec<f64> = self.scaler.apply(row).collect();
        let score = self.score(row);
        let mut terms = vec![0.0; self.width()];
        for cluster in &self.clusters {
            let share = (cluster.log_density(&scaled) + score).exp();
            for (term, part) in terms.iter_mut().zip(cluster.parts(&scaled)) {
                *term += 0.5 * share * part;
            }
        }
        (score - terms.iter().sum::<f64>(), terms)
    }
}

impl Cluster {
    #[expect(clippy::cast_precision_loss, reason = "a width of at most 256")]
    fn of(weight: f64, mean: Vec<f64>, precision: Vec<f64>) -> Result<Self, ModelError> {
        let width = mean.len();
        let log_det =
            log_determinant(&precision, width).ok_or_else(|| unfit("a cluster has no volume"))?;
        let log_norm =
            weight.ln() - 0.5 * width as f64 * std::f64::consts::TAU.ln() + 0.5 * log_det;
        Ok(Self {
            log_norm,
            mean,
            precision,
        })
    }

    fn log_density(&self, scaled: &[f64]) -> f64 {
        self.log_norm - 0.5 * self.parts(scaled).sum::<f64>()
    }

    /// The squared distance from the centre, by features.
    fn parts<'a>(&'a self, scaled: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let width = self.mean.len();
        (0..width).map(move |i| {
            let row = &self.precision[i * width..(i + 1) * width];
            let along: f64 = row
                .iter()
                .zip(scaled)
                .zip(&self.mean)
                .map(|((p, v), m)| p * (v - m))
                .sum();
            (scaled[i] - self.mean[i]) * along
        })
    }
}

/// By Cholesky; `None` unless the matrix is positive definite.
fn log_determinant(matrix: &[f64], width: usize) -> Option<f64> {
    let mut lower = vec![0.0; width * width];
    let mut sum = 0.0;
    for i in 0..width {
        for j in 0..=i {
            let dot: f64 = (0..j)
                .map(|k| lower[i * width + k] * lower[j * width + k])
                .sum();
            let rest = matrix[i * width + j] - dot;
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                lower[i * width + i] = rest.sqrt();
                sum += rest.ln();
            } else {
                lower[i * width + j] = rest / lower[j * width + j];
            }
        }
    }
    Some(sum)
}

fn unfit(reason: &str) -> ModelError {
    ModelError::Fit {
        kind: "gaussian mixture",
        reason: reason.to_owned(),
        remedy: "use fewer `clusters`, more rows or another seed",
    }
}
