//! One step of the optimiser: clip the gradient, then AdamW (Loshchilov & Hutter 2019, decoupled weight decay).
//!
//! On flat vectors in plain Rust: a hundred thousand values take a fraction of a millisecond, the order of every sum is fixed,
//! and the state is what it looks like. Gradients of several threads are already one vector by then.

use super::weights::Weights;

/// Decay of the mean of gradients.
const MEAN_DECAY: f32 = 0.9;
/// Decay of the mean of squared gradients.
const SQUARE_DECAY: f32 = 0.999;
/// Keeps the division defined where nothing has flowed yet.
const EPSILON: f32 = 1e-8;

/// Optimiser state over all trained values of a network.
#[derive(Debug, Clone)]
pub struct AdamW {
    mean: Vec<f32>,
    square: Vec<f32>,
    /// Whether a value decays: those of matrices do; biases and the time encoding do not.
    decays: Vec<bool>,
    weight_decay: f32,
    steps: i32,
}

impl AdamW {
    /// A fresh state for the trained values of `weights`.
    pub fn new(weights: &Weights, weight_decay: f32) -> Self {
        let decays: Vec<bool> =
            weights.trained().flat_map(|array| std::iter::repeat_n(array.rows > 1, array.values.len())).collect();
        AdamW { mean: vec![0.0; decays.len()], square: vec![0.0; decays.len()], decays, weight_decay, steps: 0 }
    }

    /// Moves `values` against `gradient`.
    pub fn step(&mut self, values: &mut [f32], gradient: &[f32], learning_rate: f32) {
        assert_eq!(
            (values.len(), gradient.len()),
            (self.mean.len(), self.mean.len()),
            "one gradient for every trained value"
        );
        self.steps = self.steps.saturating_add(1);
        let mean_bias = 1.0 - MEAN_DECAY.powi(self.steps);
        let square_bias = 1.0 - SQUARE_DECAY.powi(self.steps);
        for (i, value) in values.iter_mut().enumerate() {
            let slope = gradient[i];
            self.mean[i] = MEAN_DECAY * self.mean[i] + (1.0 - MEAN_DECAY) * slope;
            self.square[i] = SQUARE_DECAY * self.square[i] + (1.0 - SQUARE_DECAY) * slope * slope;
            let direction = (self.mean[i] / mean_bias) / ((self.square[i] / square_bias).sqrt() + EPSILON);
            let decay = if self.decays[i] { self.weight_decay * *value } else { 0.0 };
            *value -= learning_rate * (direction + decay);
        }
    }
}

/// Scales the gradient down to length `limit` where it is longer; returns its length before.
pub fn clip(gradient: &mut [f32], limit: f32) -> f32 {
    let length = gradient.iter().map(|&slope| f64::from(slope) * f64::from(slope)).sum::<f64>().sqrt() as f32;
    if length > limit {
        let factor = limit / length;
        gradient.iter_mut().for_each(|slope| *slope *= factor);
    }
    length
}

/// Learning rate of a step: rises linearly over the first twentieth, then falls along a cosine to a fiftieth of the peak.
pub fn learning_rate(peak: f32, step: usize, steps: usize) -> f32 {
    const FLOOR: f32 = 0.02;
    let warm_up = (steps / 20).max(1);
    if step < warm_up {
        return peak * (step + 1) as f32 / warm_up as f32;
    }
    let progress = (step - warm_up) as f32 / (steps - warm_up).max(1) as f32;
    peak * (FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + (std::f32::consts::PI * progress.min(1.0)).cos()))
}

#[cfg(test)]
mod tests {
    use super::super::standardise::Standardisation;
    use super::*;

    #[test]
    fn a_long_gradient_is_shortened_and_a_short_one_left() {
        let mut gradient = vec![3.0, 4.0];
        assert_eq!(clip(&mut gradient, 1.0), 5.0);
        assert!((gradient[0] - 0.6).abs() < 1e-6 && (gradient[1] - 0.8).abs() < 1e-6);
        assert_eq!(clip(&mut gradient, 2.0), 1.0);
        assert!((gradient[0] - 0.6).abs() < 1e-6);
    }

    #[test]
    fn the_first_step_has_the_length_of_the_learning_rate() {
        // After one step Adam's direction is the sign of the gradient; decay takes 0.1 · 0.01 of a matrix value.
        let mut weights = Weights::initial(3, &Standardisation::neutral(3), 1);
        let count = weights.trained_count();
        weights.set_trained_values(&vec![1.0; count]);
        let mut values = weights.trained_values();
        AdamW::new(&weights, 0.01).step(&mut values, &vec![0.5; count], 0.1);
        weights.set_trained_values(&values);
        assert!((weights.array("layer1.key").values[0] - (0.9 - 0.001)).abs() < 1e-6);
        assert!((weights.array("layer1.bias").values[0] - 0.9).abs() < 1e-6, "a bias does not decay");
    }

    #[test]
    fn the_rate_rises_peaks_and_falls() {
        let rates: Vec<f32> = (0..200).map(|step| learning_rate(1.0, step, 200)).collect();
        assert!((rates[0] - 0.1).abs() < 1e-6 && (rates[9] - 1.0).abs() < 1e-6);
        assert!(rates[10..].windows(2).all(|pair| pair[1] <= pair[0]));
        assert!(rates[199] < 0.03 && rates[199] >= 0.02);
    }
}
