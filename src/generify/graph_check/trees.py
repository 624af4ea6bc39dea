"""Decision trees in an ONNX graph: whether following them ends, and stays within the features.

onnxruntime calls itself for each level of a tree while it loads one: a deep tree ends the process.

In it: :func:`check_trees`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from generify.graph_check.values import Call

__all__ = ["check_trees"]

_MAX_DEPTH = 1000
_LEAF, _BRANCH = "LEAF", "BRANCH_LEQ"
_PER_NODE = ("nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids")
_OPTIONAL: Mapping[str, type[np.generic]] = MappingProxyType(
    {"nodes_hitrates": np.float32, "nodes_missing_value_tracks_true": np.int64}
)


def check_trees(call: Call, *, n_columns: int, n_classes: int) -> int:
    """Check the one tree of a classifier.

    Parameters
    ----------
    call : Call
        A TreeEnsembleClassifier.
    n_columns : int
        Features that it is given.
    n_classes : int
        Classes that it names.

    Returns
    -------
    int
        Levels of the tree.

    Raises
    ------
    Refusal
        When it is no tree, too deep, or looks beyond its features or classes.
    """
    modes = np.array(call.texts("nodes_modes"))
    nodes, features, when_true, when_false = (call.integers(name) for name in _PER_NODE)
    lists = [nodes, features, when_true, when_false, call.integers("nodes_treeids")]
    lists += [call.numbers("nodes_values")]
    for name, kind in _OPTIONAL.items():
        if name in call.node.attributes:
            lists.append(call.numbers(name, kind=kind))
    if {len(each) for each in lists} != {len(modes)}:
        raise call.wrong("its lists of nodes differ in length")
    if (nodes != np.arange(len(nodes))).any() or call.integers("nodes_treeids").any():
        raise call.wrong("its nodes should be those of one tree, in order")
    if not np.isin(modes, (_LEAF, _BRANCH)).all():
        raise call.wrong("its nodes should be leaves or compare by <=")
    if ((features < 0) | (features >= n_columns)).any():
        raise call.wrong(f"it looks at a feature beyond {n_columns}")
    leaves = modes == _LEAF
    _check_classes(call, leaves, n_classes)
    branches = np.flatnonzero(~leaves)
    return _depth(call, branches, when_true[branches], when_false[branches], len(modes))


def _check_classes(call: Call, leaves: NDArray[np.bool_], n_classes: int) -> None:
    places, classes = call.integers("class_nodeids"), call.integers("class_ids")
    trees, weights = call.integers("class_treeids"), call.numbers("class_weights")
    if {len(each) for each in (classes, trees, weights)} != {len(places)}:
        raise call.wrong("its lists of classes differ in length")
    inside = (places >= 0) & (places < len(leaves)) & (classes >= 0) & (classes < n_classes)
    if trees.any() or not inside.all() or not leaves[places].all():
        raise call.wrong("a class is not of a leaf")


def _depth(
    call: Call,
    branches: NDArray[np.intp],
    when_true: NDArray[np.int64],
    when_false: NDArray[np.int64],
    n_nodes: int,
) -> int:
    """Count levels; in a tree every node but the first has one parent, which stands before it."""
    children = np.concatenate((when_true, when_false))
    if not np.array_equal(np.sort(children), np.arange(1, n_nodes)):
        raise call.wrong("a node of its tree has no parent or two")
    if ((when_true <= branches) | (when_false <= branches)).any():
        raise call.wrong("its tree goes in circles")
    depths = np.ones(n_nodes, np.int64)
    for branch, left, right in zip(branches, when_true, when_false, strict=True):
        depths[left] = depths[right] = depths[branch] + 1
    deepest = int(depths.max(initial=1))
    if deepest > _MAX_DEPTH:
        raise call.wrong(f"its tree has more than {_MAX_DEPTH:,} levels")
    return deepest
