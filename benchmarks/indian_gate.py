"""How well the Indian model's gate tells Western songs: refused Western against refused Indian.

::

    python benchmarks/indian_gate.py DATA_INDIAN DATA_GTZAN [--json]

The gate is a support vector machine of Indian songs against GTZAN clips in the columns of the
``classic`` extractor. Each Western genre is judged by gates that have not heard it, each Indian
song by gates that have not heard it (random folds) nor its ten neighbouring files (blocks).
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generify.audio import load_audio, resample
from generify.datasets import load_dataset
from generify.features.classic import SAMPLE_RATE, Classic, classic_vector
from generify.recipe import split_table
from generify.table import FeatureTable
from indian import in_blocks
from indian_tables import read_indian_table

# level says how a recording was mastered, not what it is
LEVELS = ("rms.mean.00", "mfcc.mean.00")
STUDIO_RATE = 44100
REFUSED = (0.01, 0.02, 0.05, 0.10)


class Gate:
    """Tells Western music from Indian by a support vector machine; its margin is the novelty."""

    def __init__(self, indian: FeatureTable, western: NDArray[np.float32]) -> None:
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC

        self.used = [i for i, name in enumerate(indian.columns) if name not in LEVELS]
        X = np.concatenate([indian.X, western])[:, self.used]
        is_western = np.repeat([0, 1], [len(indian.X), len(western)])
        machine = SVC(C=1.0, gamma="scale", class_weight="balanced")
        self.pipeline = make_pipeline(StandardScaler(), machine).fit(X, is_western)

    def score(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Signed margin: above 0 the song is taken for Western."""
        margin: NDArray[np.float64] = self.pipeline.decision_function(X[:, self.used])
        return margin

    def append_to(self, graph: Any) -> None:
        """Put the margin behind an ONNX graph's features, as the output ``novelty``."""
        from onnx import TensorProto, compose, helper, numpy_helper
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import FloatTensorType

        machine = self.pipeline.steps[-1][1]
        with warnings.catch_warnings():
            # skl2onnx reads attributes of SVC that scikit-learn 1.9 deprecated
            warnings.simplefilter("ignore", FutureWarning)
            converted = convert_sklearn(
                self.pipeline,
                name="gate",
                initial_types=[("used", FloatTensorType([None, len(self.used)]))],
                options={id(machine): {"zipmap": False, "raw_scores": True}},
                target_opset={"": 18, "ai.onnx.ml": 3},
            )
        gate = compose.add_prefix(converted, "gate_").graph
        constants = {"gate_columns": self.used, "gate_western": [1], "gate_axis": [1]}
        for name, value in constants.items():
            array = np.array(value, dtype=np.int64)
            graph.initializer.append(numpy_helper.from_array(array, name))
        gather = helper.make_node("Gather", ["features", "gate_columns"], ["gate_used"], axis=1)
        margin = helper.make_node("Gather", ["gate_probabilities", "gate_western"], ["gate_margin"],
                                  axis=1)  # fmt: skip
        squeeze = helper.make_node("Squeeze", ["gate_margin", "gate_axis"], ["novelty"])
        graph.initializer.extend(gate.initializer)
        graph.node.extend([gather, *gate.node, margin, squeeze])
        graph.output.append(helper.make_tensor_value_info("novelty", TensorProto.FLOAT, [None]))


def western_table(data: Path) -> FeatureTable:
    """Features of GTZAN clips, resampled to 44.1 kHz and back as the Indian songs were.

    Without that the gate would learn the resampler instead of the music.
    """
    rows, dataset, extractor = [], load_dataset(data / "audio"), Classic()
    for track in dataset.tracks:
        assert track.path is not None
        samples = load_audio(track.path, SAMPLE_RATE).samples
        studio = resample(samples, SAMPLE_RATE, STUDIO_RATE)
        rows.append(classic_vector([resample(studio, STUDIO_RATE, SAMPLE_RATE)]))
    return FeatureTable(
        dataset="gtzan",
        tracks=dataset.tracks,
        X=np.stack(rows),
        columns=extractor.columns,
        extractor=extractor.spec,
        durations=(30.0,) * len(rows),
    )


def measure(
    indian: FeatureTable,
    western: FeatureTable,
    split: str,
    shares: Sequence[float] = REFUSED,
) -> dict[str, Any]:
    """Share of Western clips refused at each share of Indian songs refused.

    ``bundled`` is both shares at the bundled model's threshold, a margin of 0.
    """
    folds = split_table(indian, split, n_folds=10, random_state=0).folds
    refused, bundled = np.zeros(len(shares)), np.zeros(2)
    for genre in range(len(western.genres)):
        known, unknown = western.X[western.y != genre], western.X[western.y == genre]
        gates = [Gate(indian.choose(fold.train), known) for fold in folds]
        own = [g.score(indian.X[f.test]) for g, f in zip(gates, folds, strict=True)]
        thresholds = np.quantile(np.concatenate(own), 1 - np.array(shares))
        margins = np.mean([gate.score(unknown) for gate in gates], axis=0)
        refused += (margins[:, np.newaxis] > thresholds).sum(axis=0)
        own_refused = np.mean(np.concatenate(own) > 0) * len(unknown)
        bundled += [own_refused, (margins > 0).sum()]
    found = (refused / len(western.X)).round(3).tolist()
    return {
        "split": split,
        "refused": dict(zip(map(str, shares), found, strict=True)),
        "bundled": (bundled / len(western.X)).round(3).tolist(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Refused Western against refused Indian songs.")
    parser.add_argument("indian", type=Path, help="folder with librosa_features.csv")
    parser.add_argument("gtzan", type=Path, help="folder with audio/, GTZAN clips")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    indian, western = read_indian_table(arguments.indian), western_table(arguments.gtzan)
    rows = [measure(indian, western, "random"), measure(in_blocks(indian), western, "artist")]
    rows[1]["split"] = "blocks of ten files"
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    heads = " ".join(f"{100 * r:5.0f} %" for r in REFUSED)
    print(f"{'Indian songs refused':28} {heads}   bundled model")
    for row in rows:
        cells = " ".join(f"{100 * share:5.0f} %" for share in row["refused"].values())
        indian_refused, western_refused = (f"{100 * share:.0f} %" for share in row["bundled"])
        print(f"{'Western, ' + row['split']:28} {cells}   {western_refused} at {indian_refused}")


if __name__ == "__main__":
    main()
