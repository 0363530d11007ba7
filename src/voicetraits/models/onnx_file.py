"""Writes a Keras net as ONNX: the same bytes for the same net, in any process."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import onnx

from voicetraits.native_output import held_back

_OPSET = 17
_OUTPUT = "probabilities"


def onnx_bytes(model: keras.Model) -> bytes:
    """The net's forward pass as ONNX, with inputs named as the model's, and the output `probabilities`."""
    signature = [keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=tensor.name) for tensor in model.inputs]
    with held_back(), _order_free_passes(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        model.export(
            path,
            format="onnx",
            verbose=False,
            opset_version=_OPSET,
            input_signature=[signature] if len(signature) > 1 else signature,
        )
        exported = onnx.load(path)
    return canonical(exported).SerializeToString(deterministic=True)


@contextmanager
def _order_free_passes() -> Iterator[None]:
    """Have tf2onnx optimise by those passes alone that end in the same graph in whatever order they take its nodes.

    The others walk through sets of names and push nodes past one another, and one export in some hundred has a node
    more or less than the rest. ONNX Runtime does what they would when it loads the net: with and without them, nets
    answer equally fast within 8 %. Keras, which calls tf2onnx, has no argument for that.
    """
    from tf2onnx import optimizer

    passes = {
        "fold_constants": optimizer.ConstFoldOptimizer,
        "merge_duplication": optimizer.MergeDuplicatedNodesOptimizer,
        "reshape_optimizer": optimizer.ReshapeOptimizer,
    }
    optimize_graph = optimizer.optimize_graph
    optimizer.optimize_graph = lambda graph, *_, **__: optimize_graph(graph, catch_errors=False, optimizers=passes)
    try:
        yield
    finally:
        optimizer.optimize_graph = optimize_graph


def canonical(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph without what differs between two exports of the same net.

    That is the order of nodes and weights, names that count what else a process has made, and nodes that only pass a
    value on. Nodes come in the order in which the outputs ask for them, and names are numbers in that order; inputs
    keep their names.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    result.ClearField("doc_string")
    result.ClearField("metadata_props")
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)
    del result.opset_import[:]
    result.opset_import.extend(opsets)
    _remove_identities(result.graph, {})
    _rename(result.graph, {}, is_outermost=True)
    return result


def _rename(graph: onnx.GraphProto, outer: dict[str, str], *, is_outermost: bool) -> None:
    """Put `graph` in order and give it new names; `outer` holds those of the graphs around it, and is not changed."""
    names = dict(outer)
    if is_outermost:
        names |= {value.name: value.name for value in graph.input}
        names |= {value.name: _OUTPUT for value in graph.output}
    prefix = "" if is_outermost else f"{len(outer)}_"

    def name_of(old: str) -> str:
        return names.setdefault(old, f"{prefix}{len(names)}") if old else ""

    if not is_outermost:
        for value in graph.input:
            name_of(value.name)
    nodes = list(_in_order_of_use(graph))
    weights = {weight.name: weight for weight in graph.initializer}
    used = [name for node in nodes for name in _needs(node)] + [value.name for value in graph.output]
    kept = [weights[name] for name in dict.fromkeys(used) if name in weights]
    for weight in kept:
        weight.name = name_of(weight.name)
        weight.ClearField("doc_string")
    graph.name = "net"
    graph.ClearField("doc_string")
    graph.ClearField("value_info")
    for number, node in enumerate(nodes):
        for field in (node.input, node.output):
            field[:] = [name_of(name) for name in field]
        node.name = f"{prefix}{node.op_type}_{number}"
        node.ClearField("doc_string")
        for inner in _graphs_within(node):
            _rename(inner, names, is_outermost=False)
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(kept)
    for value in [*graph.input, *graph.output]:
        value.name = name_of(value.name)
        for size in value.type.tensor_type.shape.dim:
            size.ClearField("dim_param")


def _remove_identities(graph: onnx.GraphProto, outer: dict[str, str]) -> None:
    """Let each node read a value where it comes first; `outer` says where for the graphs around, and is not changed.

    An output has a node Identity where its value is not made by a node of the graph, or is an output already.
    """
    first = dict(outer)
    made: set[str] = set()
    kept = []
    for node in graph.node:  # each after those that it needs
        node.input[:] = [first.get(name, name) for name in node.input]
        for inner in _graphs_within(node):
            _remove_identities(inner, first)
        if node.op_type == "Identity":
            first[node.output[0]] = node.input[0]
        else:
            made.update(node.output)
            kept.append(_copy(node))
    for number, value in enumerate(graph.output):
        name = first.get(value.name, value.name)
        if name not in made:
            kept.append(onnx.helper.make_node("Identity", [name], [f"{name}_as_output_{number}"]))
            name = kept[-1].output[0]
        made.discard(name)
        value.name = name
    del graph.node[:]
    graph.node.extend(kept)


def _in_order_of_use(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Copies of the nodes that the outputs need, each after those that it needs itself."""
    maker = {name: index for index, node in enumerate(graph.node) for name in node.output}
    seen: set[int] = set()
    # A node twice on the stack: first to look at what it needs, then to come out.
    stack = [(maker[value.name], False) for value in reversed(graph.output) if value.name in maker]
    while stack:
        index, is_ready = stack.pop()
        node = graph.node[index]
        if is_ready:
            yield _copy(node)
        elif index not in seen:
            seen.add(index)
            stack.append((index, True))
            stack += [(maker[name], False) for name in reversed(list(_needs(node))) if name in maker]


def _copy(node: onnx.NodeProto) -> onnx.NodeProto:
    """A copy with its attributes in the order of their names."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    copy.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
    return copy


def _graphs_within(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """Bodies of loops and branches."""
    return [attribute.g for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH]


def _needs(node: onnx.NodeProto) -> Iterator[str]:
    """Names of all that a node reads, what the graphs within it read among them."""
    yield from node.input
    for graph in _graphs_within(node):
        for inner in graph.node:
            yield from _needs(inner)
        yield from (value.name for value in graph.output)
