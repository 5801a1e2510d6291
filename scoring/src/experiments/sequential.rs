//! Intervals that hold at every look: how far apart two arms are, judged as often as anybody likes without being fooled by it.
//!
//! An ordinary 95 % interval holds at one look that was chosen beforehand; looked at after every payment it excludes the truth sooner or
//! later. A *confidence sequence* contains it at all looks together with probability `1 - alpha`. This is the asymptotic one of
//! Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences" (Annals of
//! Statistics 52, 2024; arXiv 2103.06476), eq. 3, which is the mixture sequential probability ratio test of Robbins (1970) and of
//! Johari, Koomen, Pekelis and Walsh, "Peeking at A/B tests" (KDD 2017) turned into an interval:
//!
//! `radius = sqrt(V · (tρ² + 1) / (tρ²) · (ln(tρ² + 1) + 2 ln(1 / alpha)))`
//!
//! where `V` is the variance of the estimate and `t` the effective number of observations. A difference between two groups whose sizes
//! grow in any order is a Brownian motion in its information `1 / V` (Jennison and Turnbull, "Group Sequential Methods", 1999, ch. 3), so
//! the same bound holds with `t = 1 / (1/n₁ + 1/n₀)`. `ρ` only says where it is tightest, see [`tightest_at`].
//!
//! Payments of one account are alike and stay in one arm, so means are taken over accounts as clusters: the variance of a ratio of sums
//! (Liang and Zeger 1986) `V = G/(G-1) · Σ (yₐ - m nₐ)² / n²`.
//!
//! It is asymptotic: below some fifty observations a group it promises nothing, and callers ask for more than that.

/// A sum over observations that come in clusters (payments of an account), enough to know its mean and the mean's variance.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ClusterMean {
    /// Observations.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// Clusters.
    clusters: f64,
    /// Over clusters: sums squared, sum times count, counts squared.
    squares: f64,
    cross: f64,
    counts_squared: f64,
}

/// What one cluster has brought so far. In memory for each account, so small.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cluster {
    sum: f32,
    count: f32,
}

impl ClusterMean {
    /// Adds an observation to a cluster.
    pub fn add(&mut self, cluster: &mut Cluster, value: f64) {
        let before = (f64::from(cluster.sum), f64::from(cluster.count));
        cluster.sum += value as f32;
        cluster.count += 1.0;
        let after = (f64::from(cluster.sum), f64::from(cluster.count));
        if before.1 == 0.0 {
            self.clusters += 1.0;
        }
        self.count += 1.0;
        self.sum += value;
        self.squares += after.0 * after.0 - before.0 * before.0;
        self.cross += after.0 * after.1 - before.0 * before.1;
        self.counts_squared += after.1 * after.1 - before.1 * before.1;
    }

    /// Adds one that is its own cluster.
    pub fn add_alone(&mut self, value: f64) {
        self.add(&mut Cluster::default(), value);
    }

    /// The mean; zero where there is nothing.
    pub fn mean(&self) -> f64 {
        if self.count > 0.0 { self.sum / self.count } else { 0.0 }
    }

    /// Variance of the mean; infinite where fewer than two clusters are there.
    pub fn variance(&self) -> f64 {
        if self.clusters < 2.0 {
            return f64::INFINITY;
        }
        let mean = self.mean();
        let squares = self.squares - 2.0 * mean * self.cross + mean * mean * self.counts_squared;
        squares.max(0.0) / (self.count * self.count) * self.clusters / (self.clusters - 1.0)
    }

    /// The same for a share: a group that saw no success, or nothing else, is not taken for certain. One success more or less is added.
    pub fn share_variance(&self) -> f64 {
        self.variance() + if self.count > 0.0 { 1.0 / (self.count * self.count) } else { f64::INFINITY }
    }

    /// Forgets half of the past.
    pub fn halve(&mut self) {
        for sum in [
            &mut self.count,
            &mut self.sum,
            &mut self.clusters,
            &mut self.squares,
            &mut self.cross,
            &mut self.counts_squared,
        ] {
            *sum /= 2.0;
        }
    }

    /// Adds what another saw of other clusters.
    pub fn merge(&mut self, other: &ClusterMean) {
        self.count += other.count;
        self.sum += other.sum;
        self.clusters += other.clusters;
        self.squares += other.squares;
        self.cross += other.cross;
        self.counts_squared += other.counts_squared;
    }
}

/// How far apart two groups seem to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// First minus second.
    pub estimate: f64,
    /// Its variance.
    pub variance: f64,
    /// Effective number of observations, `1 / (1/n₁ + 1/n₀)`.
    pub effective: f64,
}

/// Ends of an interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Difference {
    /// `first - factor · second`, of groups of which nobody is in both.
    pub fn between(first: (f64, f64, f64), second: (f64, f64, f64), factor: f64) -> Difference {
        let [(m1, v1, n1), (m0, v0, n0)] = [first, second];
        let effective = if n1 > 0.0 && n0 > 0.0 { 1.0 / (1.0 / n1 + 1.0 / n0) } else { 0.0 };
        Difference { estimate: m1 - factor * m0, variance: v1 + factor * factor * v0, effective }
    }

    /// A mean of differences within pairs.
    pub fn within(pairs: &ClusterMean) -> Difference {
        Difference { estimate: pairs.mean(), variance: pairs.variance(), effective: pairs.count }
    }

    /// One difference out of those of several strata (stages with other shares), each weighing what it effectively saw: what changes
    /// from stage to stage for everybody (season, prevalence) cancels.
    pub fn stratified(strata: &[Difference]) -> Option<Difference> {
        let known = strata.iter().filter(|stratum| stratum.effective > 0.0 && stratum.variance.is_finite());
        let total: f64 = known.clone().map(|stratum| stratum.effective).sum();
        if total <= 0.0 {
            return None;
        }
        let mut all = Difference { estimate: 0.0, variance: 0.0, effective: total };
        for stratum in known {
            let weight = stratum.effective / total;
            all.estimate += weight * stratum.estimate;
            all.variance += weight * weight * stratum.variance;
        }
        Some(all)
    }

    /// The interval that contains the truth at every look with probability `1 - alpha`; unbounded where too little was seen.
    pub fn interval(&self, alpha: f64) -> Interval {
        let radius = radius(self.variance, self.effective, alpha, TIGHTEST_AT);
        Interval { low: self.estimate - radius, high: self.estimate + radius }
    }
}

/// Effective observations at which intervals are as tight as they get, relative to an ordinary one. They hold everywhere.
const TIGHTEST_AT: f64 = 500.0;

/// `ρ²` that makes the interval tightest at `t` observations (the paper's eq. 10).
pub fn tightest_at(t: f64, alpha: f64) -> f64 {
    let log = -2.0 * alpha.ln();
    (log + (log + 1.0).ln()) / t
}

fn radius(variance: f64, effective: f64, alpha: f64, tightest: f64) -> f64 {
    if !variance.is_finite() || effective <= 0.0 {
        return f64::INFINITY;
    }
    let mixed = effective * tightest_at(tightest, alpha);
    (variance * (mixed + 1.0) / mixed * ((mixed + 1.0).ln() - 2.0 * alpha.ln())).sqrt()
}

#[cfg(test)]
mod tests;
