use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RUNS: usize = 400;
const ALPHA: f64 = 0.05;

fn difference(arms: &[ClusterMean; 2]) -> Difference {
    let side = |mean: &ClusterMean| (mean.mean(), mean.share_variance(), mean.count);
    Difference::between(side(&arms[1]), side(&arms[0]), 1.0)
}

fn excludes_zero(interval: Interval) -> bool {
    interval.low > 0.0 || interval.high < 0.0
}

/// Runs in which an interval, looked at after every observation, ever excluded zero; and the mean number of observations until then.
fn runs_that_exclude_zero(
    seed: u64,
    observations: usize,
    interval: impl Fn(&[ClusterMean; 2]) -> Interval,
    draw: impl Fn(&mut ChaCha8Rng, usize) -> f64,
) -> (usize, f64) {
    let (mut excluded, mut taken) = (0, 0);
    for run in 0..RUNS {
        let mut chance = ChaCha8Rng::seed_from_u64(seed + run as u64);
        let mut arms = [ClusterMean::default(); 2];
        for number in 0..observations {
            let arm = usize::from(chance.random_bool(0.3));
            arms[arm].add_alone(draw(&mut chance, arm));
            let enough = arms.iter().all(|arm| arm.count >= 50.0);
            if enough && excludes_zero(interval(&arms)) {
                excluded += 1;
                taken += number;
                break;
            }
        }
    }
    (excluded, taken as f64 / excluded.max(1) as f64)
}

#[test]
fn peeking_after_every_observation_fools_the_usual_interval_and_not_this_one() {
    let share = |p: f64| move |chance: &mut ChaCha8Rng, _| f64::from(u8::from(chance.random_bool(p)));
    for (seed, p) in [(1_000, 0.3), (2_000, 0.02)] {
        let (fooled, _) = runs_that_exclude_zero(seed, 3_000, |arms| difference(arms).interval(ALPHA), share(p));
        assert!(fooled as f64 <= ALPHA * RUNS as f64, "{fooled} of {RUNS} runs at {p}");
    }
    let usual = |arms: &[ClusterMean; 2]| {
        let Difference { estimate, variance, .. } = difference(arms);
        Interval { low: estimate - 1.96 * variance.sqrt(), high: estimate + 1.96 * variance.sqrt() }
    };
    let (fooled, _) = runs_that_exclude_zero(1_000, 3_000, usual, share(0.3));
    assert!(
        fooled > RUNS / 5,
        "the usual interval was fooled in only {fooled} of {RUNS} runs: this test shows nothing"
    );
}

#[test]
fn means_of_money_hold_too() {
    // Mostly nothing, now and then a large amount either way.
    let money = |chance: &mut ChaCha8Rng, _| match chance.random_range(0..20_u8) {
        0 => chance.random_range(0.0..300.0),
        1 => -20.0,
        _ => 0.0,
    };
    let interval = |arms: &[ClusterMean; 2]| {
        let side = |mean: &ClusterMean| (mean.mean(), mean.variance(), mean.count);
        Difference::between(side(&arms[1]), side(&arms[0]), 1.0).interval(ALPHA)
    };
    let enough = |arms: &[ClusterMean; 2]| {
        if arms.iter().all(|arm| arm.count >= 200.0) {
            interval(arms)
        } else {
            Interval { low: f64::NEG_INFINITY, high: f64::INFINITY }
        }
    };
    let (fooled, _) = runs_that_exclude_zero(3_000, 3_000, enough, money);
    assert!(fooled as f64 <= ALPHA * RUNS as f64, "{fooled} of {RUNS} runs");
}

#[test]
fn a_planted_effect_is_found() {
    let shares = |chance: &mut ChaCha8Rng, arm: usize| f64::from(u8::from(chance.random_bool([0.10, 0.20][arm])));
    let (found, after) = runs_that_exclude_zero(4_000, 4_000, |arms| difference(arms).interval(ALPHA), shares);
    assert!(found as f64 >= 0.95 * RUNS as f64, "{found} of {RUNS} runs");
    assert!(after < 2_500.0, "{after} observations on average");
}

#[test]
fn accounts_that_pay_often_do_not_make_it_surer() {
    // Every account pays 20 times and all its payments are alike: 20 times the payments know no more.
    let (mut once, mut often) = (ClusterMean::default(), ClusterMean::default());
    let mut chance = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..500 {
        let value = f64::from(u8::from(chance.random_bool(0.2)));
        once.add_alone(value);
        let mut account = Cluster::default();
        (0..20).for_each(|_| often.add(&mut account, value));
    }
    assert!((once.mean() - often.mean()).abs() < 1e-12);
    assert!((once.variance() / often.variance() - 1.0).abs() < 1e-6);
    // By hand: clusters (1, 0, 1) and (1): mean 3/4, residuals -1/4 and 1/4, twice their squares over 16.
    let mut mean = ClusterMean::default();
    let mut account = Cluster::default();
    [1.0, 0.0, 1.0].into_iter().for_each(|value| mean.add(&mut account, value));
    assert_eq!(mean.variance(), f64::INFINITY, "of one account nothing is known");
    mean.add_alone(1.0);
    assert!((mean.variance() - 2.0 * (2.0 * 0.0625) / 16.0).abs() < 1e-12);
}

#[test]
fn the_radius_is_the_papers() {
    // Eq. 3 of arXiv 2103.06476 with t = 100, rho² = 0.1, sigma² = 4, alpha = 0.05.
    let (t, rho2, variance, alpha) = (100.0, 0.1, 4.0_f64, 0.05_f64);
    let eq3 =
        variance.sqrt() * (2.0 * (t * rho2 + 1.0) / (t * t * rho2) * ((t * rho2 + 1.0_f64).sqrt() / alpha).ln()).sqrt();
    // The same through `radius`: find the t at which that rho² is chosen.
    let log = -2.0 * alpha.ln();
    let tightest = (log + (log + 1.0).ln()) / rho2;
    assert!((radius(variance / t, t, alpha, tightest) - eq3).abs() < 1e-12);
    assert_eq!(radius(f64::INFINITY, 10.0, alpha, tightest), f64::INFINITY);
    assert_eq!(radius(1.0, 0.0, alpha, tightest), f64::INFINITY);
}

#[test]
fn strata_cancel_what_changes_for_everybody() {
    // Fraud is rarer in the first stage, where the arm got little; pooled, the arm would seem to see less of it.
    let mean = |successes: usize, count: usize| {
        let mut mean = ClusterMean::default();
        (0..count).for_each(|index| mean.add_alone(f64::from(u8::from(index < successes))));
        mean
    };
    let first = [mean(20, 1_000), mean(2, 100)];
    let second = [mean(50, 500), mean(50, 500)];
    let all = Difference::stratified(&[difference(&first), difference(&second)]).unwrap();
    assert!(all.estimate.abs() < 1e-12, "{all:?}");
    assert!(all.effective > difference(&second).effective);
    let mut pooled = [first[0], first[1]];
    pooled[0].merge(&second[0]);
    pooled[1].merge(&second[1]);
    assert!(difference(&pooled).estimate > 0.03);
    assert_eq!(Difference::stratified(&[]), None);
    let mut half = first[0];
    half.halve();
    assert_eq!((half.mean(), half.count), (first[0].mean(), 500.0));
}
