"""Small networks that take sound: an encoder that knows pitch, and stand-ins of published shapes, ONNX and TFLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from monitor.birds.sound_embedder import SoundEmbedder
from monitor.inference.bundle import load_bundle
from monitor.inference.cohort_file import write_cohort
from monitor.inference.foreign import Foreign, import_foreign
from monitor.inference.manifest import COHORT_FILE, CohortFile, Threshold
from monitor.inference.manifest_file import parse_manifest, sha256_of, write_manifest
from tests.helpers.tiny_bundle import NEAREST, call

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

RATE, SAMPLES = 32_000, 96_000
"""Of the encoder: 3 s."""

WIDTH = 24
"""Of its embedding."""


def make_sound_encoder_bundle(directory: Path, *, name: str = "sound-encoder", cohort: bool = True) -> Path:
    """Import an encoder on sound below `directory`, with a cohort of other pitches; its folder."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{name}.onnx"
    onnx.save(pitch_of_sound(), file)
    folder = import_foreign(Foreign(file, "encoder", name, RATE, SAMPLES), directory)
    file.unlink()
    if cohort:
        add_cohort(folder)
    return folder


def add_cohort(folder: Path) -> None:
    """Embed calls of the tests' pitches, and noise, and put them into a bundle as its cohort."""
    embedder = SoundEmbedder(load_bundle(folder))
    clips = [(f"taxon {hz:g}", call(hz, 3.2, 48_000, seed)) for hz in range(2_200, 7_800, 350) for seed in range(2)]
    noise = np.random.default_rng(1).standard_normal((8, embedder.samples)).astype(np.float32)
    clips += [("", 0.01 * (number + 1) * row) for number, row in enumerate(noise)]
    rows = embedder.embed(np.stack([sound[: embedder.samples] for _, sound in clips]))
    file = write_cohort(folder / COHORT_FILE, rows, [taxon for taxon, _ in clips])
    declared = CohortFile(sha256=sha256_of(file), nearest=NEAREST, slope=2.0, offset=-2.4, made_of="the tests' pitches")
    manifest, _ = parse_manifest((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest
    known = {"known": Threshold(value=0.5, chosen_on="nothing: fixed")}
    write_manifest(manifest.model_copy(update={"cohort": declared, "thresholds": known}), folder)


def pitch_of_sound() -> onnx.ModelProto:
    """`samples` (batch, 96000) at 32 kHz -> `embedding` (batch, 24): the loudest of some filters, above its mean."""
    taps = np.arange(256)
    centres = np.linspace(1_500.0, 8_500.0, 2 * WIDTH)
    shape = np.hanning(256)
    bank = np.stack([shape * np.sin(2 * np.pi * hz * taps / RATE) for hz in centres])
    near = np.exp(-0.5 * (np.subtract.outer(np.arange(2 * WIDTH), np.arange(2 * WIDTH)) / 1.5) ** 2)
    mixed = np.random.default_rng(2).standard_normal((2 * WIDTH, WIDTH))
    constants = {
        "channel": np.array([1]),
        "bank": bank[:, None].astype(np.float32),
        "mixing": (near @ mixed).astype(np.float32),
        "small": np.float32(1e-4),
    }
    nodes = [
        helper.make_node("Unsqueeze", ["samples", "channel"], ["rows"]),
        helper.make_node("Conv", ["rows", "bank"], ["bands"], strides=[128]),
        helper.make_node("Abs", ["bands"], ["sizes"]),
        helper.make_node("ReduceMax", ["sizes"], ["loudest"], axes=[2], keepdims=0),
        helper.make_node("Add", ["loudest", "small"], ["above"]),
        helper.make_node("Log", ["above"], ["levels"]),
        helper.make_node("ReduceMean", ["levels"], ["level"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["levels", "level"], ["shape"]),
        helper.make_node("MatMul", ["shape", "mixing"], ["embedding"]),
    ]
    inputs = [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["batch", SAMPLES])]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", WIDTH])]
    return _checked(nodes, constants, inputs, outputs)


def loudness_network(
    inputs: list[int | str], blocks: int, heads: dict[str, int], name: str = "samples"
) -> onnx.ModelProto:
    """Sound -> heads by name and width, products of the mean size of `blocks` stretches; `inputs` is the shape."""
    generator = np.random.default_rng(5)
    length = int(inputs[-1])
    constants: dict[str, Any] = {"cut": np.array([-1, blocks, length // blocks])}
    constants |= {
        f"to {head}": generator.standard_normal((blocks, width)).astype("f4") for head, width in heads.items()
    }
    nodes = [
        helper.make_node("Abs", [name], ["sizes"]),
        helper.make_node("Reshape", ["sizes", "cut"], ["stretches"]),
        helper.make_node("ReduceMean", ["stretches"], ["means"], axes=[2], keepdims=0),
        *(helper.make_node("MatMul", ["means", f"to {head}"], [head]) for head in heads),
    ]
    batch = inputs[0] if len(inputs) > 1 else 1
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, inputs)]
    gives = [helper.make_tensor_value_info(head, TensorProto.FLOAT, [batch, width]) for head, width in heads.items()]
    return _checked(nodes, constants, given, gives)


def loud_gate(samples: int, labels: int = 0) -> onnx.ModelProto:
    """`samples` (batch, n) -> `score` (batch, 1): logits that rise with the mean size, 0 at 0.005.

    With labels (batch, labels): the first is always likely, the second rises, the others are always unlikely.
    """
    slope, offset = np.zeros((1, max(1, labels)), np.float32), np.full(max(1, labels), -6.0, np.float32)
    offset[0] = 6.0
    slope[0, min(1, labels)], offset[min(1, labels)] = 1_000.0, -5.0
    nodes = [
        helper.make_node("Abs", ["samples"], ["sizes"]),
        helper.make_node("ReduceMean", ["sizes"], ["size"], axes=[1], keepdims=1),
        helper.make_node("MatMul", ["size", "slope"], ["raised"]),
        helper.make_node("Add", ["raised", "offset"], ["score"]),
    ]
    inputs = [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["batch", samples])]
    outputs = [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch", max(1, labels)])]
    return _checked(nodes, {"slope": slope, "offset": offset}, inputs, outputs)


def make_sound_gate_bundle(
    directory: Path, *, name: str = "sound-gate", rate: int = 16_000, samples: int = 15_600
) -> Path:
    """Import a gate on sound below `directory`, of YAMNet's window by default; its folder."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{name}.onnx"
    onnx.save(loud_gate(samples), file)
    folder = import_foreign(Foreign(file, "gate", name, rate, samples), directory)
    file.unlink()
    return folder


def write_tflite(path: Path, samples: int, blocks: int, labels: int, *, batched: bool = False) -> np.ndarray:
    """A TFLite classifier of YAMNet's kind, `(samples,)` or `(1, samples)` -> `(1, labels)`; its weights.

    Mean size of `blocks` stretches, then one product.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    weights = np.random.default_rng(6).standard_normal((labels, blocks)).astype(np.float32)
    kinds = (schema.BuiltinOperator.ABS, schema.BuiltinOperator.RESHAPE, schema.BuiltinOperator.MEAN)
    model = schema.ModelT()
    model.version = 3
    model.operatorCodes = []
    for kind in (*kinds, schema.BuiltinOperator.FULLY_CONNECTED):
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = kind, kind, 1
        model.operatorCodes.append(code)
    cut = np.array([1, blocks, samples // blocks], np.int32)
    contents = [None, weights, cut, np.array([2], np.int32)]
    model.buffers = []
    for content in contents:
        buffer = schema.BufferT()
        buffer.data = None if content is None else np.frombuffer(content.tobytes(), np.uint8)
        model.buffers.append(buffer)
    shape = [1, samples] if batched else [samples]
    rows: list[tuple[str, list[int], int, int]] = [
        ("waveform", shape, 0, schema.TensorType.FLOAT32),
        ("sizes", shape, 0, schema.TensorType.FLOAT32),
        ("cut", [3], 2, schema.TensorType.INT32),
        ("stretches", cut.tolist(), 0, schema.TensorType.FLOAT32),
        ("axis", [1], 3, schema.TensorType.INT32),
        ("means", [1, blocks], 0, schema.TensorType.FLOAT32),
        ("weights", [labels, blocks], 1, schema.TensorType.FLOAT32),
        ("scores", [1, labels], 0, schema.TensorType.FLOAT32),
    ]
    graph = schema.SubGraphT()
    graph.tensors = []
    for name, sizes, buffer, kind in rows:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer, tensor.type = name.encode(), sizes, buffer, kind
        graph.tensors.append(tensor)
    graph.operators = []
    for code, (taken, given) in enumerate([([0], [1]), ([1, 2], [3]), ([3, 4], [5]), ([5, 6, -1], [7])]):
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = code, taken, given
        graph.operators.append(operator)
    graph.operators[2].builtinOptionsType = schema.BuiltinOptions.ReducerOptions
    graph.operators[2].builtinOptions = schema.ReducerOptionsT()
    graph.operators[3].builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    graph.operators[3].builtinOptions = schema.FullyConnectedOptionsT()
    graph.inputs, graph.outputs = [0], [7]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(weights.nbytes + 4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return weights


def _checked(
    nodes: list[onnx.NodeProto],
    constants: dict[str, Any],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
) -> onnx.ModelProto:
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "sound", inputs, outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model
