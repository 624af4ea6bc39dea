"""The tagger's network with every filter as a convolution, as any converter would write it.

::

    python -m speed.plain_network WHERE.onnx

``tools/convert_musicnn.py`` reads the weights and writes the bundled network, whose wide filters go
by way of spectra; here they do not. Rectification and normalisation still come after the largest of
all pitches, which makes it three times as fast as the layers in their published order.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

import convert_musicnn as convert


def add_fronts(graph: convert.Graph, fronts: list[convert.Front], frames: str) -> str:
    """Add the front end, each filter as a convolution; ``(1, channels, frames)`` comes out."""
    for name, values in (("first_axis", [0]), ("channel_axis", [1]), ("outer_axes", [0, 3])):
        graph.weight(name, np.array(values))
    image = graph.node("Unsqueeze", [frames, "channel_axis"], "image")
    outputs = [add_front(graph, front, image) for front in fronts]
    graph.node("Concat", outputs, "front.channels", axis=0)
    return graph.node("Unsqueeze", ["front.channels", "first_axis"], "front")


def add_front(graph: convert.Graph, front: convert.Front, image: str) -> str:
    """Add one convolution; ``(channels, frames)`` comes out."""
    name, (before, behind) = front.name, front.padding
    inputs = [
        image,
        graph.weight(f"{name}.kernel", front.kernel.transpose(2, 0, 1)[:, np.newaxis]),
        graph.weight(f"{name}.bias", front.bias),
    ]
    graph.node("Conv", inputs, f"{name}.conv", pads=[before, 0, behind, 0])
    graph.node("MaxPool", [f"{name}.conv"], f"{name}.pool", kernel_shape=[1, front.n_positions])
    best = graph.node("Squeeze", [f"{name}.pool", "outer_axes"], f"{name}.best")
    return convert.add_rectified(graph, front, best)


def main() -> None:
    """Write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    output: Path = parser.parse_args().output
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(convert, "add_fronts", add_fronts),
    ):
        wheel = convert.unpack_wheel(convert.download_wheel(Path(folder)))
        output.write_bytes(convert.build_model(wheel).SerializeToString())


if __name__ == "__main__":
    main()
