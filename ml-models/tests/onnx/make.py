#!/usr/bin/env python3
"""Writes the ONNX files of the tests with the tools that data teams use, and what ONNX Runtime says.

    pip install numpy scikit-learn skl2onnx onnx onnxruntime xgboost lightgbm onnxmltools
    python3 make.py

Each `NAME.onnx` is a classifier of four features; `expected.json` has rows, and for each file the
probability of risk that ONNX Runtime gives each row.
"""

import json
import os

import lightgbm
import numpy
import onnx
import onnxruntime
import xgboost
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NAMES = ["a", "b", "c", "d"]


def rows(count, random):
    """As the tests' own: two features that tell risk, one that does not, one that never changes."""
    risky = random.random(count) < 0.3
    shift = numpy.where(risky, 0.3, 0.0)
    common = random.random(count)
    columns = [
        100 * (common + shift),
        common + 0.2 * random.random(count) - shift,
        numpy.round(random.random(count), 1),
        numpy.full(count, 5.0),
    ]
    return numpy.stack(columns, axis=1), risky.astype(int)


def main():
    random = numpy.random.default_rng(1)
    features, labels = rows(600, random)
    narrow = features.astype(numpy.float32)
    tested, _ = rows(200, random)
    plain = {"zipmap": False}
    sklearns = {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        "unscaled": LogisticRegression(max_iter=10_000),
        "forest": RandomForestClassifier(n_estimators=12, max_depth=5, random_state=1),
        "gradient": GradientBoostingClassifier(n_estimators=12, max_depth=3, random_state=1),
    }
    files = {}
    for name, model in sklearns.items():
        model.fit(features, labels)
        files[name] = to_onnx(model, narrow[:1], options={id(model): plain})
    # As people leave it: probabilities as a list of maps.
    files["zipmap"] = to_onnx(sklearns["forest"], narrow[:1])
    shape = [("X", ToolsFloat([None, len(NAMES)]))]
    boosted = xgboost.XGBClassifier(n_estimators=12, max_depth=3, random_state=1)
    files["xgboost"] = convert_xgboost(boosted.fit(features, labels), initial_types=shape)
    light = lightgbm.LGBMClassifier(n_estimators=12, max_depth=3, random_state=1, verbose=-1)
    light.fit(features, labels)
    files["lightgbm"] = convert_lightgbm(light, initial_types=shape, zipmap=False)

    folder = os.path.dirname(os.path.abspath(__file__))
    expected = {}
    for name, file in files.items():
        told = {"features": ",".join(NAMES), "feature_schema_version": "3", "seed": "7"}
        onnx.helper.set_model_props(file, told)
        file = file.SerializeToString()
        with open(os.path.join(folder, f"{name}.onnx"), "wb") as out:
            out.write(file)
        session = onnxruntime.InferenceSession(file)
        given = {session.get_inputs()[0].name: tested.astype(numpy.float32)}
        said = session.run(None, given)[1]
        expected[name] = [float(row[1]) for row in said]
    with open(os.path.join(folder, "expected.json"), "w", encoding="utf-8") as out:
        json.dump({"rows": tested.tolist(), "probabilities": expected}, out)
        out.write("\n")


if __name__ == "__main__":
    main()
