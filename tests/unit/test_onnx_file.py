"""Two exports of the same net are the same bytes, whatever order and names they came in."""

import random
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from tf2onnx.optimizer.optimizer_base import GraphOptimizerBase

from support.tiny_net import tiny_params
from voicetraits.models import voicenet
from voicetraits.models.net_training import keras
from voicetraits.models.onnx_file import canonical, onnx_bytes

FLOAT = TensorProto.FLOAT


def graph(rng: random.Random, rename):
    """A dense layer, a loop that adds its output to itself three times, and two equal outputs of the loop's body."""
    n = {
        name: rename(name)
        for name in ("w", "b", "xw", "y", "steps", "true", "again", "sum", "twin", "i", "go", "s", "t")
    }
    body_nodes = [
        helper.make_node("Identity", [n["go"]], [n["again"]], name=rename("n1")),
        helper.make_node("Add", [n["s"], n["y"]], [n["sum"]], name=rename("n2")),  # y is the outer graph's
        helper.make_node("Identity", [n["sum"]], [n["twin"]], name=rename("n3")),
    ]
    # Which of two equal outputs has the Identity is chance.
    outputs = [n["sum"], n["twin"]] if rng.random() < 0.5 else [n["twin"], n["sum"]]
    body = helper.make_graph(
        body_nodes,
        rename("body"),
        [
            helper.make_tensor_value_info(n["i"], TensorProto.INT64, []),
            helper.make_tensor_value_info(n["go"], TensorProto.BOOL, []),
            helper.make_tensor_value_info(n["s"], FLOAT, None),
            helper.make_tensor_value_info(n["t"], FLOAT, None),
        ],
        [
            helper.make_tensor_value_info(n["again"], TensorProto.BOOL, []),
            *(helper.make_tensor_value_info(name, FLOAT, None) for name in outputs),
        ],
    )
    last, twin, passed = rename("last"), rename("last_twin"), rename("passed")
    first = helper.make_node("MatMul", ["clip", n["w"]], [n["xw"]], name=rename("m"), doc_string=rename("doc"))
    others = [
        helper.make_node("Add", [n["xw"], n["b"]], [n["y"]], name=rename("a")),
        helper.make_node("Loop", [n["steps"], n["true"], n["y"], n["y"]], [last, twin], name=rename("l"), body=body),
        helper.make_node("Identity", [last], [passed], name=rename("p")),
        helper.make_node("Softmax", [passed], [rename("out")], name=rename("s"), axis=1),
    ]
    unused = helper.make_node("Neg", ["clip"], [rename("unused")], name=rename("u"))
    weights = [
        numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(3, 2) / 10, n["w"]),
        numpy_helper.from_array(np.float32([0.1, -0.2]), n["b"]),
        numpy_helper.from_array(np.array(3), n["steps"]),
        numpy_helper.from_array(np.array(True), n["true"]),
    ]
    rng.shuffle(weights)
    nodes = [first, unused, *others] if rng.random() < 0.5 else [unused, first, *others]
    whole = helper.make_graph(
        nodes,
        rename("graph"),
        [helper.make_tensor_value_info("clip", FLOAT, [rename("batch"), 3])],
        [helper.make_tensor_value_info(rename("out"), FLOAT, [None, 2])],
        weights,
    )
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"made": rename("now")})
    return model


def run(model, clip):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"clip": clip})[0]


def exports():
    for seed in range(6):
        rng = random.Random(seed)
        yield graph(rng, lambda name, seed=seed: f"{name}:{seed * 17}")


def test_the_same_bytes():
    given = list(exports())
    assert len({model.SerializeToString(deterministic=True) for model in given}) == len(given)
    assert len({canonical(model).SerializeToString(deterministic=True) for model in given}) == 1


def test_the_same_answers():
    clip = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    for model in exports():
        tidied = canonical(model)
        onnx.checker.check_model(tidied, full_check=True)
        np.testing.assert_array_equal(run(tidied, clip), run(model, clip))
        assert [value.name for value in tidied.graph.input] == ["clip"]
        assert [value.name for value in tidied.graph.output] == ["probabilities"]
        assert "Neg" not in {node.op_type for node in tidied.graph.node}


def test_another_weight_is_another_file():
    one, other = next(exports()), next(exports())
    weight = next(w for w in other.graph.initializer if w.name.startswith("b:"))
    weight.CopyFrom(numpy_helper.from_array(np.float32([0.1, -0.3]), weight.name))
    assert canonical(one).SerializeToString(deterministic=True) != canonical(other).SerializeToString(
        deterministic=True
    )


class Shuffled(set):
    """A set that is walked through in another order each time, as sets of names are in another process."""

    def __iter__(self):
        return iter(random.sample(list(super().__iter__()), len(self)))

    def __sub__(self, other):
        return Shuffled(set(super().__iter__()).difference(other))


def test_the_order_of_sets_does_not_matter(monkeypatch):
    """tf2onnx walks through sets of names. By itself it shows once in some hundred exports, so the passes count too."""
    passes = set()
    optimize = GraphOptimizerBase.optimize

    def noted(self, *arguments):
        passes.add(type(self).__name__)
        return optimize(self, *arguments)

    monkeypatch.setattr(GraphOptimizerBase, "optimize", noted)
    keras.utils.set_random_seed(1)
    params = tiny_params().net
    net = voicenet.build(params, voicenet.front_end(params).shape, 2)
    usual = onnx_bytes(net)
    assert passes == {"ConstFoldOptimizer", "MergeDuplicatedNodesOptimizer", "ReshapeOptimizer"}
    random.seed(1)
    for name, module in sys.modules.items():
        if name.startswith("tf2onnx."):
            monkeypatch.setattr(module, "set", Shuffled, raising=False)
    assert {onnx_bytes(net) for _ in range(4)} == {usual}
