"""Fits a scikit-learn model on exported examples and writes it as ONNX, ready for `fraudnet-train publish`.

    fraudnet-train export --url http://127.0.0.1:8080 --out examples.parquet
    python deploy/python/train_sklearn.py examples.parquet model.onnx
    fraudnet-train publish --onnx model.onnx --features v2 --output probability --examples examples.parquet --name sklearn --version 1
    fraudnet models promote sklearn/1 --reason made-in-python --url http://127.0.0.1:8080

It learns from the earlier 60 % of the examples, from what was known then; `publish` judges it on the rest. training/EXAMPLES.md
explains the columns. Needs numpy, pyarrow, scikit-learn and skl2onnx.
"""

import argparse
import datetime
import warnings

import numpy as np
import pyarrow.parquet as pq
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def rows_to_learn_from(table, judge_share, maturity):
    """Boolean mask of the payments to fit on, their labels as known at the cut, and the cut itself.

    The cut is the one `fraudnet-train publish` draws: the time of the example at 1 - judge_share of the file in order of time.
    """
    made = table["occurred_at"].to_numpy()
    known = table["label_known_at"].to_numpy(zero_copy_only=False)
    cut = np.sort(made)[min(int((1 - judge_share) * len(made)), len(made) - 1)]
    fraud = table["fraud"].to_numpy(zero_copy_only=False) == True  # noqa: E712 (missing labels are None)
    labelled = ~np.isnat(known) & (known < cut)
    declined = table["decision"].to_numpy(zero_copy_only=False) == "decline"
    watched = table["control_group"].to_numpy(zero_copy_only=False).astype(bool)
    # Without a label, only an old payment that was let through is known to have been legitimate.
    legitimate = (made < cut - maturity) & (~declined | watched)
    return (made < cut) & (labelled | legitimate), fraud & labelled, cut


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("examples", help="file that `fraudnet-train export` wrote")
    arguments.add_argument("onnx", help="file to write")
    arguments.add_argument("--features", choices=["v1", "v2"], default="v2", help="columns to read (default: v2)")
    arguments.add_argument("--model", choices=["boosting", "mlp"], default="boosting")
    arguments.add_argument("--judge-share", type=float, default=0.4, help="latest share left for `publish` (default: 0.4)")
    arguments.add_argument("--maturity-days", type=float, default=30.0, help="age at which silence means legitimate (default: 30)")
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()

    metadata = pq.read_schema(given.examples).metadata
    columns = metadata[f"fraudnet.columns.{given.features}".encode()].decode().split(",")
    about = ["occurred_at", "fraud", "label_known_at", "decision", "control_group", "inclusion_probability"]
    table = pq.read_table(given.examples, columns=columns + about)

    maturity = np.timedelta64(datetime.timedelta(days=given.maturity_days))
    mask, fraud, cut = rows_to_learn_from(table, given.judge_share, maturity)
    x = np.column_stack([table[name].to_numpy() for name in columns]).astype(np.float32)[mask]
    y = fraud[mask].astype(np.int64)
    weight = 1.0 / table["inclusion_probability"].to_numpy()[mask]
    if y.sum() < 2:
        raise SystemExit(f"{given.examples} holds {y.sum()} frauds known before {cut}; export when more labels are in")

    if given.model == "boosting":
        model = GradientBoostingClassifier(
            n_estimators=120, learning_rate=0.1, max_depth=4, subsample=0.7, max_features=0.3, random_state=given.seed
        )
        model.fit(x, y, sample_weight=weight)
    else:
        # 60 passes are meant: more fit the noise of few frauds.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = make_pipeline(StandardScaler(), MLPClassifier((64,), alpha=1e-3, max_iter=60, random_state=given.seed))
        model.fit(x, y, mlpclassifier__sample_weight=weight)

    # Without `zipmap` a classifier gives a plain [batch, 2] tensor of probabilities, which is what the service reads.
    exported = to_onnx(
        model,
        initial_types=[("features", FloatTensorType([None, len(columns)]))],
        options={id(model): {"zipmap": False}},
        target_opset={"": 17, "ai.onnx.ml": 3},
    )
    with open(given.onnx, "wb") as file:
        file.write(exported.SerializeToString())
    print(f"{given.onnx}: {given.model} on {len(columns)} columns of {len(y)} payments with {y.sum()} frauds made before {cut}")


if __name__ == "__main__":
    main()
