"""The operators that a model may use, and what comes out of each, by ONNX's own rules.

They are those that our converters write, and no other. Each has a rule that gives the shape of its
outputs and what it costs, and that refuses what onnxruntime would not survive. Older ones (1.20)
divide integers by zero and look up places before a list; none survives a very deep tree.

In it: :func:`evaluate`, :data:`OPERATORS`.

References
----------
.. [1] "ONNX Operators", version 18, https://onnx.ai/onnx/operators/.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from generify.graph_check.onnx_file import BOOL, FLOAT, INT32, INT64, Graph, Node
from generify.graph_check.trees import check_trees
from generify.graph_check.values import Call, Cost, Value
from generify.graph_check.wire import Refusal

__all__ = ["OPERATORS", "Operator", "evaluate"]

Outputs = tuple[Value, ...]
Rule = Callable[[Call], Outputs]

_ANY = 2048
_SMALL_STEPS = 2000  # what starting an operation costs, in additions: about a microsecond


@dataclass(frozen=True)
class Operator:
    """An operator that models may use.

    Attributes
    ----------
    rule : callable
        Takes the call, gives what comes out.
    least, most : int
        Number of inputs.
    attributes : frozenset of str
        Settings that it may have.
    """

    rule: Rule
    least: int
    most: int
    attributes: frozenset[str]


def evaluate(graph: Graph, inputs: Sequence[Value], cost: Cost) -> Outputs:
    """Follow shapes through a graph, without computing anything.

    Parameters
    ----------
    graph : Graph
        What to follow.
    inputs : sequence of Value
        What goes in, in its order.
    cost : Cost
        Paid from.

    Returns
    -------
    tuple of Value
        What comes out, in its order.

    Raises
    ------
    Refusal
        When the graph uses an operator that no model needs, costs too much or cannot be run.
    """
    if len(inputs) != len(graph.inputs):
        raise Refusal(f"has {len(graph.inputs)} inputs where {len(inputs)} are given")
    known = {name: Value.of(constant) for name, constant in graph.constants.items()}
    for declared, value in zip(graph.inputs, inputs, strict=True):
        _define(known, declared.name, value)
    for node in graph.nodes:
        outputs = _run(node, known, cost)
        if not 0 < len(node.outputs) <= len(outputs):
            raise Refusal(f"has an operation {node.operator} with {len(node.outputs)} outputs")
        for name, value in zip(node.outputs, outputs, strict=False):
            _define(known, name, value)
    return tuple(_value(known, declared.name) for declared in graph.outputs)


def _define(known: dict[str, Value], name: str, value: Value) -> None:
    if not name or name in known:
        raise Refusal(f"gives two values one name, {name!r}")
    known[name] = value


def _value(known: Mapping[str, Value], name: str) -> Value:
    if name not in known:
        raise Refusal(f"uses a value before it is known, {name!r}")
    return known[name]


def _run(node: Node, known: Mapping[str, Value], cost: Cost) -> Outputs:
    operator = OPERATORS.get(node.operator)
    if operator is None:
        raise Refusal(f"uses the operator {node.operator!r}, which no model of Generify has")
    odd = node.attributes.keys() - operator.attributes
    if odd:
        raise Refusal(f"uses {node.operator} with a setting that no model has, {min(odd)!r}")
    call = Call(node, tuple(_value(known, name) for name in node.inputs), cost)
    if not operator.least <= len(call.inputs) <= operator.most:
        raise call.wrong(f"it has {len(call.inputs)} inputs")
    outputs = operator.rule(call)
    cost.work(_SMALL_STEPS + sum(value.n_elements for value in (*call.inputs, *outputs)))
    for value in outputs:
        cost.spend(value)
    return outputs


# --- element by element ------------------------------------------------------------------------


def _unary(kind: int) -> Rule:
    def rule(call: Call) -> Outputs:
        call.need(kind)
        return (Value(call.inputs[0].shape, kind),)

    return rule


def _identity(call: Call) -> Outputs:
    return (call.inputs[0],)


def _cast(call: Call) -> Outputs:
    to = call.integer("to")
    if to not in (FLOAT, INT32, INT64, BOOL):
        raise call.wrong(f"there is no use for element type {to}")
    return (Value(call.inputs[0].shape, to),)


def _softmax(call: Call) -> Outputs:
    call.need(FLOAT)
    call.axis(call.integer("axis", -1))
    return (Value(call.inputs[0].shape, FLOAT),)


def _spread(call: Call) -> tuple[int, ...]:
    """Give the shape that all inputs are repeated to."""
    rank = max(len(value.shape) for value in call.inputs)
    shapes = [(1,) * (rank - len(value.shape)) + value.shape for value in call.inputs]
    sizes = []
    for axis in zip(*shapes, strict=True):
        larger = {size for size in axis if size != 1}
        if len(larger) > 1:
            raise call.wrong(f"sizes {' and '.join(map(str, sorted(larger)))} do not go together")
        sizes.append(larger.pop() if larger else 1)
    return tuple(sizes)


def _arithmetic(call: Call) -> Outputs:
    call.need(FLOAT)  # and no integers: dividing one by zero ends the process
    return (Value(_spread(call), FLOAT),)


def _comparison(call: Call) -> Outputs:
    call.need(FLOAT, INT32, INT64)
    return (Value(_spread(call), BOOL),)


# --- along axes --------------------------------------------------------------------------------


def _reduced(call: Call, axes: Sequence[int]) -> tuple[int, ...]:
    places = {call.axis(axis) for axis in axes}
    if not places:
        raise call.wrong("it has no axes")
    kept = call.integer("keepdims", 1)
    shape = call.inputs[0].shape
    return tuple(1 if i in places else n for i, n in enumerate(shape) if kept or i not in places)


def _reduction(call: Call) -> Outputs:
    if call.inputs[0].kind != FLOAT:
        raise call.wrong("it can take float only")
    return (Value(_reduced(call, call.constant(1)), FLOAT),)


def _arg_max(call: Call) -> Outputs:
    call.need(FLOAT)
    axis = call.axis(call.integer("axis", 0))
    return (Value(_reduced(call, [axis]), INT64, below=call.inputs[0].shape[axis]),)


def _top_k(call: Call) -> Outputs:
    first = call.inputs[0]
    if first.kind != FLOAT:
        raise call.wrong("it can take float only")
    axis = call.axis(call.integer("axis", -1))
    chosen = call.constant(1)
    if len(chosen) != 1 or not 1 <= chosen[0] <= first.shape[axis]:
        raise call.wrong(f"it cannot choose {chosen} of {first.shape[axis]}")
    shape = (*first.shape[:axis], chosen[0], *first.shape[axis + 1 :])
    call.cost.work(first.n_elements * math.log2(1 + first.shape[axis]))
    return Value(shape, FLOAT), Value(shape, INT64, below=first.shape[axis])


def _concat(call: Call) -> Outputs:
    call.need(FLOAT, INT64)
    first = call.inputs[0]
    axis = call.axis(call.integer("axis"))
    others = {(*v.shape[:axis], *v.shape[axis + 1 :]) for v in call.inputs}
    if len(others) > 1 or len({len(v.shape) for v in call.inputs}) > 1:
        raise call.wrong("shapes do not go together")
    size = sum(value.shape[axis] for value in call.inputs)
    return (Value((*first.shape[:axis], size, *first.shape[axis + 1 :]), first.kind),)


def _gather(call: Call) -> Outputs:
    first, axis = call.inputs[0], call.axis(call.integer("axis", 0))
    places = call.constant(1)
    size = first.shape[axis]
    if not places or not -size <= min(places) <= max(places) < size:
        raise call.wrong(f"a place is outside of {size}")
    shape = (*first.shape[:axis], len(places), *first.shape[axis + 1 :])
    return (Value(shape, first.kind),)


def _mat_mul(call: Call) -> Outputs:
    call.need(FLOAT)
    left, right = (value.shape for value in call.inputs)
    if len(left) != 2 or len(right) != 2 or left[1] != right[0]:
        raise call.wrong(f"shapes {left} and {right} cannot be multiplied")
    call.cost.work(left[0] * left[1] * right[1])
    return (Value((left[0], right[1]), FLOAT),)


# --- shapes ------------------------------------------------------------------------------------


def _reshaped(value: Value, shape: tuple[int, ...]) -> Outputs:
    return (Value(shape, value.kind, below=value.below),)


def _reshape(call: Call) -> Outputs:
    first, wanted = call.inputs[0], call.constant(1)
    known = math.prod(size for size in wanted if size != -1)
    if wanted.count(-1) > 1 or any(size < 1 and size != -1 for size in wanted):
        raise call.wrong(f"{wanted} is no shape")
    if -1 in wanted:
        wanted[wanted.index(-1)] = first.n_elements // known
    if math.prod(wanted) != first.n_elements:
        raise call.wrong(f"{first.n_elements} elements do not fill {wanted}")
    return _reshaped(first, tuple(wanted))


def _flatten(call: Call) -> Outputs:
    first, axis = call.inputs[0], call.integer("axis", 1)
    if not 0 <= axis <= len(first.shape):
        raise call.wrong(f"there is no axis {axis}")
    parts = first.shape[:axis], first.shape[axis:]
    return _reshaped(first, (math.prod(parts[0]), math.prod(parts[1])))


def _transpose(call: Call) -> Outputs:
    first = call.inputs[0]
    order = [int(axis) for axis in call.integers("perm")]
    if sorted(order) != list(range(len(first.shape))):
        raise call.wrong(f"{order} is no order of {len(first.shape)} axes")
    return _reshaped(first, tuple(first.shape[axis] for axis in order))


def _squeeze(call: Call) -> Outputs:
    first = call.inputs[0]
    places = {call.axis(axis) for axis in call.constant(1)}
    if any(first.shape[axis] != 1 for axis in places):
        raise call.wrong(f"a size of {first.shape} that should go is not 1")
    return _reshaped(first, tuple(n for i, n in enumerate(first.shape) if i not in places))


def _unsqueeze(call: Call) -> Outputs:
    first, axes = call.inputs[0], call.constant(1)
    rank = len(first.shape) + len(axes)
    places = {call.axis(axis, rank) for axis in axes}
    if len(places) < len(axes):
        raise call.wrong("one axis is named twice")
    sizes = iter(first.shape)
    return _reshaped(first, tuple(1 if i in places else next(sizes) for i in range(rank)))


# --- loops -------------------------------------------------------------------------------------


def _scan(call: Call) -> Outputs:
    """Run a small graph for each row of a constant, as the neighbours' distances are found."""
    state, rows = call.inputs
    if call.integer("num_scan_inputs") != 1 or rows.constant is None or not rows.shape:
        raise call.wrong("it should go through the rows of one constant")
    n_rows, body = rows.shape[0], call.graph("body")
    within = Cost(call.cost.n_elements, call.cost.n_steps / n_rows)
    steps = within.n_steps
    outputs = evaluate(
        body, (Value(state.shape, state.kind), Value(rows.shape[1:], rows.kind)), within
    )
    call.cost.work(n_rows * (steps - within.n_steps))
    if len(outputs) != 2 or (outputs[0].shape, outputs[0].kind) != (state.shape, state.kind):
        raise call.wrong("its state should stay as it is, and one value come out")
    return outputs[0], Value((n_rows, *outputs[1].shape), outputs[1].kind)


# --- classifiers -------------------------------------------------------------------------------


def _n_classes(call: Call, labels: str) -> int:
    n_classes = len(call.integers(labels))
    if n_classes < 2:
        raise call.wrong(f"it names {n_classes} classes")
    return n_classes


def _scaler(call: Call) -> Outputs:
    n_rows, n_columns = call.rows()
    for name in ("offset", "scale"):
        if len(call.numbers(name)) not in (1, n_columns):
            raise call.wrong(f"{name} should have {n_columns} numbers")
    return (Value((n_rows, n_columns), FLOAT),)


def _normalizer(call: Call) -> Outputs:
    shape = call.rows()
    if call.text("norm", "MAX") not in ("MAX", "L1", "L2"):
        raise call.wrong("there is no such norm")
    return (Value(shape, FLOAT),)


def _linear_classifier(call: Call) -> Outputs:
    n_rows, n_columns = call.rows()
    n_classes = _n_classes(call, "classlabels_ints")
    lengths = len(call.numbers("coefficients")), len(call.numbers("intercepts"))
    if lengths != (n_classes * n_columns, n_classes):
        raise call.wrong(f"it should have {n_classes} times {n_columns} coefficients")
    call.cost.work(n_rows * n_columns * n_classes)
    return Value((n_rows,), INT64), Value((n_rows, n_classes), FLOAT)


def _svm_classifier(call: Call) -> Outputs:
    n_rows, n_columns = call.rows()
    n_classes = _n_classes(call, "classlabels_ints")
    per_class = call.integers("vectors_per_class")
    n_vectors, n_pairs = int(per_class.sum()), n_classes * (n_classes - 1) // 2
    fits = (
        len(per_class) == n_classes
        and per_class.min() >= 0
        and 0 < per_class.max() <= n_vectors < 2**31
        and len(call.numbers("support_vectors")) == n_vectors * n_columns
        and len(call.numbers("coefficients")) == n_vectors * (n_classes - 1)
        and len(call.numbers("rho")) == n_pairs
        and len(call.numbers("kernel_params")) == 3
    )
    if not fits:
        raise call.wrong(f"its vectors do not fit {n_classes} classes of {n_columns} features")
    call.cost.work(n_rows * n_vectors * (n_columns + n_classes))
    n_scores = 2 if n_classes == 2 else n_pairs
    return Value((n_rows,), INT64), Value((n_rows, n_scores), FLOAT)


def _tree_classifier(call: Call) -> Outputs:
    n_rows, n_columns = call.rows()
    n_classes = _n_classes(call, "classlabels_int64s")
    depth = check_trees(call, n_columns=n_columns, n_classes=n_classes)
    call.cost.work(n_rows * (depth + n_classes))
    return Value((n_rows,), INT64), Value((n_rows, n_classes), FLOAT)


def _choose_columns(call: Call) -> Outputs:
    """ArrayFeatureExtractor; onnxruntime 1.20 does not look whether a place is below zero."""
    first, places = call.inputs
    if places.kind != INT64 or not places.n_elements or not first.shape:
        raise call.wrong("places should be int64")
    size = first.shape[-1]
    if places.constant is not None:
        inside = places.constant.min() >= 0 and places.constant.max() < size
    else:
        # in a constant only: its length is the same for any number of rows
        inside = first.constant is not None and places.below is not None and places.below <= size
    if not inside:
        raise call.wrong(f"a place is outside of {size}")
    before = first.shape[:-1] or (1,)
    return (Value((*before, places.n_elements), first.kind),)


# --- the list ----------------------------------------------------------------------------------


def _operator(rule: Rule, least: int = 1, most: int | None = None, *attributes: str) -> Operator:
    return Operator(rule, least, least if most is None else most, frozenset(attributes))


_FLOAT_TO_FLOAT = _operator(_unary(FLOAT))
_TWO_TO_FLOAT = _operator(_arithmetic, 2)
_MANY_TO_FLOAT = _operator(_arithmetic, 1, _ANY)
_REDUCTION = _operator(_reduction, 2, 2, "keepdims")
_LABELS = ("classlabels_ints", "post_transform", "coefficients")
_NODE_SETTINGS = (
    *("nodes_falsenodeids", "nodes_featureids", "nodes_hitrates", "nodes_modes", "nodes_nodeids"),
    *("nodes_missing_value_tracks_true", "nodes_treeids", "nodes_truenodeids", "nodes_values"),
    *("class_ids", "class_nodeids", "class_treeids", "class_weights", "classlabels_int64s"),
)

OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        **dict.fromkeys(("Exp", "Log", "Sqrt"), _FLOAT_TO_FLOAT),
        **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow"), _TWO_TO_FLOAT),
        **dict.fromkeys(("Max", "Sum"), _MANY_TO_FLOAT),
        **dict.fromkeys(
            ("ReduceLogSumExp", "ReduceMin", "ReduceSum", "ReduceSumSquare"), _REDUCTION
        ),
        "Equal": _operator(_comparison, 2),
        "Not": _operator(_unary(BOOL)),
        "Identity": _operator(_identity),
        "Cast": _operator(_cast, 1, 1, "to"),
        "Softmax": _operator(_softmax, 1, 1, "axis"),
        "ArgMax": _operator(_arg_max, 1, 1, "axis", "keepdims"),
        "TopK": _operator(_top_k, 2, 2, "axis", "largest", "sorted"),
        "Concat": _operator(_concat, 1, _ANY, "axis"),
        "Gather": _operator(_gather, 2, 2, "axis"),
        "MatMul": _operator(_mat_mul, 2),
        "Reshape": _operator(_reshape, 2, 2, "allowzero"),
        "Flatten": _operator(_flatten, 1, 1, "axis"),
        "Transpose": _operator(_transpose, 1, 1, "perm"),
        "Squeeze": _operator(_squeeze, 2),
        "Unsqueeze": _operator(_unsqueeze, 2),
        "Scan": _operator(_scan, 2, 2, "body", "num_scan_inputs"),
        "ai.onnx.ml.ArrayFeatureExtractor": _operator(_choose_columns, 2),
        "ai.onnx.ml.LinearClassifier": _operator(
            _linear_classifier, 1, 1, *_LABELS, "intercepts", "multi_class"
        ),
        "ai.onnx.ml.Normalizer": _operator(_normalizer, 1, 1, "norm"),
        "ai.onnx.ml.SVMClassifier": _operator(
            *(_svm_classifier, 1, 1),
            *(*_LABELS, "kernel_params", "kernel_type", "rho"),
            *("support_vectors", "vectors_per_class"),
        ),
        "ai.onnx.ml.Scaler": _operator(_scaler, 1, 1, "offset", "scale"),
        "ai.onnx.ml.TreeEnsembleClassifier": _operator(
            _tree_classifier, 1, 1, *_NODE_SETTINGS, "post_transform"
        ),
    }
)
