"""ONNX straight from canonical weights; no framework takes part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from shared.errors import LockstepError
from shared.files import save_bytes
from shared.native import to_metadata
from shared.specification import POOLED, Specification
from shared.text import PADDING_ID
from shared.weights import Checkpoint, Weights, reordered

# Not the newest: every onnxruntime since 1.12 (2022) opens these.
OPERATOR_SET, FILE_FORMAT = 17, 8

OPERATORS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
# A file of Protocol Buffers ends at 2 GiB.
LARGEST_MODEL = 2_000_000_000  # bytes of weights

# ONNX' gate order is i, o, f, g for LSTM, and z, r, n for GRU, as here.
GATE_ORDER = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (0, 1, 2)}
# The GRU whose reset gate acts after the recurrent product.
OPTIONS = {"rnn": {}, "lstm": {}, "gru": {"linear_before_reset": 1}}


def write_onnx(checkpoint: Checkpoint, path: Path) -> None:
    """Make a new ``.onnx`` file of a checkpoint.

    The model reads ``tokens <int32>[batch, time]``, right-padded with 0, and gives ``probabilities
    <float32>[batch, classes]``. Its metadata has the class names, the architecture, the pooling and
    the whole specification.

    Raises
    ------
    LockstepError
        If the weights are more than such a file can hold.
    """
    size = sum(array.nbytes for array in checkpoint.weights.values())
    if size > LARGEST_MODEL:
        advice = "convert it to .safetensors"
        raise LockstepError(f"{path.name}: an .onnx file holds at most {LARGEST_MODEL:,} bytes, not {size:,}; {advice}")
    save_bytes(path, onnx_model(checkpoint).SerializeToString())


def onnx_model(checkpoint: Checkpoint) -> onnx.ModelProto:
    """Return the checked ONNX model of a checkpoint (see `write_onnx`)."""
    graph = _Graph()
    _classifier(graph, checkpoint.specification, checkpoint.weights)
    classes = checkpoint.specification.classes(len(checkpoint.weights["head.bias"]))
    made = helper.make_graph(
        graph.nodes,
        "lockstep",
        [helper.make_tensor_value_info("tokens", TensorProto.INT32, ["batch", "time"])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", classes])],
        graph.constants,
    )
    model = helper.make_model(
        made,
        producer_name="lockstep",
        ir_version=FILE_FORMAT,
        opset_imports=[helper.make_opsetid("", OPERATOR_SET)],
    )
    helper.set_model_props(model, to_metadata(checkpoint))
    onnx.checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Nodes and constants in the order of their use; a value is named after its node."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: np.ndarray, name: str = "") -> str:
        """Add an array and return its name."""
        name = name or f"constant.{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def places(self, *values: int) -> str:
        """Add axes or a shape, ``<int64>[values]``."""
        return self.constant(np.array(values, np.int64))

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: object) -> str:
        """Add a node with one output and return the output's name."""
        name = name or f"{operator}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name


def _classifier(graph: _Graph, specification: Specification, weights: Weights) -> None:
    """Add the whole model, from ``tokens`` to ``probabilities``."""
    padding = graph.constant(np.array(PADDING_ID, np.int32))
    real = graph.add("Not", graph.add("Equal", "tokens", padding))  # [batch, time]
    counted = graph.add("Cast", real, to=TensorProto.INT32)
    sizes = graph.add("ReduceSum", counted, graph.places(1), keepdims=0)  # [batch]
    # A recurrent operator may refuse a sequence of no steps: an empty review takes one, whose
    # features are then multiplied by 0.
    lengths = graph.add("Max", sizes, graph.constant(np.array(1, np.int32)))  # [batch]
    not_empty = graph.add("Cast", graph.add("Greater", sizes, padding), to=TensorProto.FLOAT)  # [batch]

    words = graph.add("Gather", graph.constant(weights["embedding"], "embedding"), "tokens")
    values = graph.add("Transpose", words, perm=[1, 0, 2])  # [time, batch, embedding]
    for layer in range(specification.layers):
        outputs, last = _layer(graph, specification, weights, layer, values, lengths)
        side_by_side = graph.add("Transpose", outputs, perm=[0, 2, 1, 3])  # [time, batch, directions, hidden]
        values = graph.add("Reshape", side_by_side, graph.places(0, 0, -1))  # [time, batch, directions * hidden]

    pool = _Pooling(graph, outputs, last, values, real, lengths, len(specification.directions))
    parts = [getattr(pool, how)() for how in POOLED[specification.pooling]]
    features = graph.add("Concat", *parts, axis=1)
    features = graph.add("Mul", features, graph.add("Unsqueeze", not_empty, graph.places(1)))  # [batch, features]
    head = [graph.constant(weights[name], name) for name in ("head.kernel", "head.bias")]
    logits = graph.add("Gemm", features, *head)  # [batch, outputs]
    if specification.head == "sigmoid":
        # The softmax of 0 and z is z's sigmoid; onnxruntime's own is 0 where that is below 1e-8.
        logits = graph.add("Pad", logits, graph.places(0, 1, 0, 0))  # [batch, 2]
    graph.add("Softmax", logits, name="probabilities", axis=1)  # [batch, classes]


def _layer(
    graph: _Graph, specification: Specification, weights: Weights, layer: int, values: str, lengths: str
) -> tuple[str, str]:
    """Add one recurrent layer.

    Returns
    -------
    outputs : str
        ``[time, directions, batch, hidden]``.
    last : str
        ``[directions, batch, hidden]``: forward at the last real token, backward at the first.
    """
    arrays = [recurrent_weights(weights, specification, layer, kind) for kind in "WRB"]
    names = [graph.constant(array, f"rnn.{layer}.{kind}") for array, kind in zip(arrays, "WRB", strict=True)]
    operator = OPERATORS[specification.cell]
    outputs, last = f"rnn.{layer}.outputs", f"rnn.{layer}.last"
    node = helper.make_node(
        operator,
        [values, *names, lengths],
        [outputs, last],
        f"rnn.{layer}",
        hidden_size=specification.hidden_size,
        direction="bidirectional" if len(specification.directions) == 2 else "forward",
        **OPTIONS[specification.cell],
    )
    graph.nodes.append(node)
    return outputs, last


def recurrent_weights(weights: Weights, specification: Specification, layer: int, kind: str) -> np.ndarray:
    """Arrange one layer as ONNX wants it.

    Parameters
    ----------
    weights : dict
        Canonical weights.
    specification : Specification
        The model fields.
    layer : int
        Which layer.
    kind : str
        ``W`` (input), ``R`` (recurrent) or ``B`` (bias).

    Returns
    -------
    <float32> array
        ``W [directions, gates * hidden, in]``, ``R [directions, gates * hidden, hidden]``, ``B
        [directions, 2 * gates * hidden]``; where the canonical bias is one, the second half is zero.
    """
    order = GATE_ORDER[specification.cell]
    prefixes = [f"rnn.{layer}.{way}" for way in specification.directions]
    if kind == "B":
        biases = [weights[f"{prefix}.bias"] for prefix in prefixes]
        pairs = [bias if specification.cell == "gru" else np.stack([bias, np.zeros_like(bias)]) for bias in biases]
        return np.stack([reordered(pair, order).reshape(-1) for pair in pairs])
    name = {"W": "input_kernel", "R": "recurrent_kernel"}[kind]
    return np.stack([reordered(weights[f"{prefix}.{name}"], order).T for prefix in prefixes])


class _Pooling:
    """Makes one vector of a review's outputs, ``[batch, directions * hidden]``, over real tokens.

    Parameters
    ----------
    graph : _Graph
        Gets the nodes.
    outputs, last : str
        Of the uppermost layer (see `_layer`).
    values : str
        The outputs, both directions side by side, ``[time, batch, directions * hidden]``.
    real : str
        ``<bool>[batch, time]``.
    lengths : str
        ``<int32>[batch]``, at least 1.
    directions : int
        One or two.
    """

    def __init__(
        self, graph: _Graph, outputs: str, last: str, values: str, real: str, lengths: str, directions: int
    ) -> None:
        self.graph, self.outputs, self.state, self.values = graph, outputs, last, values
        self.real, self.lengths, self.directions = real, lengths, directions

    def last(self) -> str:
        """State of each direction after its last step."""
        both = self.graph.add("Transpose", self.state, perm=[1, 0, 2])  # [batch, directions, hidden]
        return self.graph.add("Reshape", both, self.graph.places(0, -1))

    def first(self) -> str:
        """Output of each direction at its first step; the backward one's is the last real token."""
        start = self.graph.constant(np.array(0, np.int64))
        parts = []
        for way in range(self.directions):
            one = self.graph.add("Gather", self.outputs, self.graph.constant(np.array(way, np.int64)), axis=1)
            if way == 1:
                lengths = self.graph.add("Cast", self.lengths, to=TensorProto.INT64)
                one = self.graph.add("ReverseSequence", one, lengths, time_axis=0, batch_axis=1)
            parts.append(self.graph.add("Gather", one, start, axis=0))  # [batch, hidden]
        return self.graph.add("Concat", *parts, axis=1)

    def max(self) -> str:
        """Largest output; all lie between -1 and 1."""
        return self.graph.add("ReduceMax", self._real_or(-1), axes=[0], keepdims=0)

    def mean(self) -> str:
        """Mean output."""
        total = self.graph.add("ReduceSum", self._real_or(0), self.graph.places(0), keepdims=0)
        lengths = self.graph.add("Cast", self.lengths, to=TensorProto.FLOAT)
        return self.graph.add("Div", total, self.graph.add("Unsqueeze", lengths, self.graph.places(1)))

    def _real_or(self, value: float) -> str:
        """Outputs at real tokens, and a value at padding."""
        real = self.graph.add("Transpose", self.real, perm=[1, 0])
        real = self.graph.add("Unsqueeze", real, self.graph.places(2))  # [time, batch, 1]
        return self.graph.add("Where", real, self.values, self.graph.constant(np.array(value, np.float32)))
