"""Reads and changes the graph of a TFLite file: what its last layer sees becomes an output beside its own.

That layer is a product with one row for each label; its input is what the network made of the sound, and so an
embedding, computed in the same pass at no further cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from monitor.errors import BundleError
from monitor.inference.litert_network import litert_fault

if TYPE_CHECKING:
    from pathlib import Path

EMBEDDING = "embedding"
"""Name that the output gets."""

IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every TFLite file."""


def is_tflite(content: bytes) -> bool:
    """Whether a file begins as TFLite files do."""
    return content[4:8] == IDENTIFIER


def with_embedding(path: Path) -> bytes:
    """A TFLite file whose outputs are its own and `embedding`: the first input of its last fully connected operator.

    Raises BundleError when LiteRT is not there, the file is none, or it has no such operator.
    """
    fault = litert_fault()
    if fault:
        raise BundleError(f"model {path}", *fault)
    import flatbuffers
    from ai_edge_litert import schema_py_generated

    schema = cast("Any", schema_py_generated)
    try:
        content = path.read_bytes()
    except OSError as error:
        why = f"cannot be read: {error.strerror or error}"
        raise BundleError(f"model {path}", why, "Check the path") from error
    if not is_tflite(content):
        raise BundleError(f"model {path}", "is no TFLite file", "Give the original file")
    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    graph = model.subgraphs[0]
    codes = [code.builtinCode for code in model.operatorCodes]
    dense = [one for one in graph.operators if codes[one.opcodeIndex] == schema.BuiltinOperator.FULLY_CONNECTED]
    if not dense:
        why = "has no fully connected operator, so nothing in it is known to be an embedding"
        raise BundleError(f"model {path}", why, "Export it with the embedding as an output")
    index = int(dense[-1].inputs[0])
    graph.tensors[index].name = EMBEDDING.encode()
    graph.outputs = np.append(np.asarray(graph.outputs), index).astype(np.int32)
    for signature in model.signatureDefs or ():
        # They list the outputs too, and the interpreter refuses a list that differs.
        named = schema.TensorMapT()
        named.name, named.tensorIndex = EMBEDDING.encode(), index
        signature.outputs = [*(signature.outputs or ()), named]
    builder = cast("Any", flatbuffers.Builder)(len(content) + 4096)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())
