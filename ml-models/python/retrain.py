#!/usr/bin/env python3
"""Retrain the logistic model from a Parquet export, outside of AIM.

    aim models export-features --events events.jsonl --runs runs.csv --out features.parquet
    python3 retrain.py features.parquet model.onnx --seed 1
    aim models import-onnx model.onnx --features features.parquet

Needs pyarrow, scikit-learn and skl2onnx. Any other classifier goes the same way, as long as it ends as
ONNX with the three entries of metadata that `describe` makes. The rows are divided as
`aim models train` divides them, so that what AIM calibrates and measures with is never learned from
here. `--as-of` leaves out what was not known at a time (events and labels after it); give it to
`import-onnx`, too.

Calibration, limits and metrics are not in the file: AIM computes them from the held-out rows when it
takes the model in.
"""

import argparse
import hashlib
import sys
from datetime import datetime, timezone

# Columns of an export that are no features; every other one is.
BEFORE = ["entity", "event_time", "created_time", "schema_version"]
AFTER = ["label", "label_time"]
# From this many agents on, whole agents are held out; below, the parts follow one another in time.
ENTITIES_LEAST = 50


def fifth(seed, entity):
    """Which fifth of the rows an agent is in: 0 to 2 to learn from, 3 to calibrate, 4 to measure."""
    digest = hashlib.sha256(seed.to_bytes(8, "little") + entity.encode("utf-8")).digest()
    return digest[0] % 5


def is_for_training(seed, entities, times):
    """For each row whether it may be learned from, as `aim models train` decides it."""
    names = set(entities)
    if len(names) >= ENTITIES_LEAST:
        parts = {name: fifth(seed, name) for name in names}
        return [parts[name] < 3 for name in entities]
    end = sorted(times)[len(times) * 3 // 5] if times else None
    return [time < end for time in times]


def as_of(events, labels, label_times, time):
    """Which rows were there at a time, and which labels were known."""
    kept = [event <= time for event in events]
    known = [
        label if label is not None and label_time <= time else None
        for label, label_time in zip(labels, label_times)
    ]
    return kept, known


def describe(version, names, seed):
    """What AIM has to know of a model: the version and names of its features, and the seed."""
    return {"feature_schema_version": str(version), "features": ",".join(names), "seed": str(seed)}


def main():
    parser = argparse.ArgumentParser(description="Retrain the logistic model from an export.")
    parser.add_argument("features", help="Parquet file of `aim models export-features`")
    parser.add_argument("out", help="ONNX file to write")
    parser.add_argument("--seed", type=int, default=1, help="divides the rows")
    parser.add_argument("--as-of", help="only what was known then, as 2026-01-31T00:00:00+00:00")
    parser.add_argument("--c", type=float, default=1.0, help="inverse weight of the coefficients")
    args = parser.parse_args()

    try:
        import numpy
        import onnx
        import pyarrow.parquet
        from skl2onnx import to_onnx
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        sys.exit(f"{error.name} is missing: pip install pyarrow scikit-learn skl2onnx")

    table = pyarrow.parquet.read_table(args.features)
    names = [name for name in table.column_names if name not in BEFORE + AFTER]
    versions = set(table["schema_version"].to_pylist())
    if len(versions) != 1:
        sys.exit(f"`schema_version` has {len(versions)} values, export features of one version")
    entities = table["entity"].to_pylist()
    events = table["event_time"].to_pylist()
    labels = table["label"].to_pylist()
    columns = [table[name].to_pylist() for name in names]
    if args.as_of:
        time = datetime.fromisoformat(args.as_of).astimezone(timezone.utc)
        kept, labels = as_of(events, labels, table["label_time"].to_pylist(), time)
        rows = [index for index, keep in enumerate(kept) if keep]
        entities, events, labels = ([c[i] for i in rows] for c in (entities, events, labels))
        columns = [[column[i] for i in rows] for column in columns]

    training = is_for_training(args.seed, entities, events)
    rows = [i for i, keep in enumerate(training) if keep and labels[i] is not None]
    truth = [bool(labels[i]) for i in rows]
    if len(set(truth)) < 2:
        sys.exit("the training part needs rows labelled as risk and rows labelled as fine")
    values = numpy.array([[column[i] for column in columns] for i in rows])
    regression = LogisticRegression(C=args.c, max_iter=1000)
    model = make_pipeline(StandardScaler(), regression).fit(values, [int(it) for it in truth])
    file = to_onnx(model, values[:1].astype(numpy.float32), options={"zipmap": False})
    onnx.helper.set_model_props(file, describe(versions.pop(), names, args.seed))
    with open(args.out, "wb") as out:
        out.write(file.SerializeToString())
    print(f"{len(rows)} rows, {sum(truth)} of them labelled as risk: {args.out}")


if __name__ == "__main__":
    main()
