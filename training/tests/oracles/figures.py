"""Figures of River, scikit-learn, SciPy and NumPy on the data that the test `oracles` gives on standard input, as JSON on standard output."""

import json
import sys

import numpy as np
from river import drift
from scipy.special import kolmogorov
from scipy.stats import ks_2samp
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score

asked = json.load(sys.stdin)


def adwin(stream, settings):
    """Detections of the public detector, which begins anew after each, and of the window below it, which goes on."""
    detector = drift.ADWIN(**settings)
    detected = []
    for place, value in enumerate(stream):
        detector.update(value)
        if detector.drift_detected:
            detected.append(place)
    window = drift.ADWIN(**settings)._helper
    changes = [[place, window.get_width()] for place, value in enumerate(stream) if window.update(value)]
    width = window.get_width()
    return {"detected": detected, "changes": changes, "width": width, "mean": repr(window.get_total() / width)}


def ranking(scores, positive, weights, thresholds):
    return {
        "roc_auc": roc_auc_score(positive, scores),
        "weighted_roc_auc": roc_auc_score(positive, scores, sample_weight=weights),
        "average_precision": average_precision_score(positive, scores),
        "weighted_average_precision": average_precision_score(positive, scores, sample_weight=weights),
        "at": [
            [
                precision_score(positive, scores >= threshold, zero_division=0),
                recall_score(positive, scores >= threshold),
            ]
            for threshold in thresholds
        ],
    }


def calibration(probabilities, positive, bins):
    observed, predicted = calibration_curve(positive, probabilities, n_bins=bins, strategy="quantile")
    return {"predicted": predicted.tolist(), "observed": observed.tolist()}


def stability(before, after, bins):
    edges = np.unique(np.quantile(before, np.arange(1, bins) / bins, method="inverted_cdf"))
    edges = edges[edges < before.max()]
    shares = [
        np.maximum(np.bincount(np.searchsorted(edges, sample), minlength=len(edges) + 1) / len(sample), 1e-4)
        for sample in (before, after)
    ]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def estimated_auc(probabilities):
    """Every pair by itself: i is the fraud of the two with chance p_i (1 - p_j)."""
    fraud, honest = probabilities[:, None], 1.0 - probabilities[None, :]
    weight = fraud * honest
    np.fill_diagonal(weight, 0.0)
    above = (fraud > probabilities[None, :]) + 0.5 * (fraud == probabilities[None, :])
    return float((weight * above).sum() / weight.sum())


f32 = lambda values: np.array(values, dtype=np.float32)
scores, positive = f32(asked["scores"]), np.array(asked["positive"])
probabilities = f32(asked["probabilities"])
pairs = [(f32(before), f32(after)) for before, after in asked["samples"]]
json.dump(
    {
        "adwin": [[adwin(stream, settings) for settings in asked["settings"]] for stream in asked["streams"]],
        "ranking": ranking(scores, positive, np.array(asked["weights"]), f32(asked["thresholds"])),
        "calibration": calibration(probabilities.astype(np.float64), positive, asked["bins"]),
        "ks": [float(ks_2samp(before, after, method="asymp").statistic) for before, after in pairs],
        "p_values": [float(kolmogorov(value)) for value in asked["lambdas"]],
        "psi": [stability(before, after, asked["bins"]) for before, after in pairs],
        "estimated_auc": estimated_auc(probabilities.astype(np.float64)),
    },
    sys.stdout,
)
