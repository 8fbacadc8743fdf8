"""What a model bundle says about itself: `manifest.json`, read with every mistake collected, and written stably."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor.inference.session import Runtime  # noqa: TC001 (pydantic reads the annotations)

SCHEMA_VERSION = 1
"""Version of the manifest's own layout."""

MANIFEST_FILE = "manifest.json"
MODEL_FILE = "model.onnx"
GOLDEN_FILE = "golden.npz"
COHORT_FILE = "cohort.npz"
CARD_FILE = "CARD.md"
LABELS_FILE = "labels.txt"
TFLITE_FILE = "model.tflite"
"""Name of the network where LiteRT runs it."""

FINGERPRINT_KEY = "auricle.feature_fingerprint"
"""Key in the ONNX `metadata_props` under which a model that takes features repeats the fingerprint of its spec."""

Task = Literal["gate", "encoder", "species", "machine", "scene", "sound_class"]

Role = Literal["embedding", "logits", "probabilities"]
"""What an output is for: a direction to compare; scores of the labels before the sigmoid; probabilities of the labels.
"""

BIRDS_KEY = "birds"
"""Purpose of the file that lists the labels of a gate, one a line, that are birds."""

CLASSIFIERS: tuple[Task, ...] = ("species", "scene", "sound_class")
"""Tasks whose output counts labels."""

Text = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
SpecValue = str | int | Finite | bool | None


class _Part(BaseModel):
    """Frozen, no key unknown, no silent conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ModelFile(_Part):
    """The network."""

    file: FileName = MODEL_FILE
    """Name inside the bundle's folder."""
    sha256: Sha256
    """Of that file, 64 lower-case hexadecimal digits."""


class FeatureInput(_Part):
    """A model that takes windows of a front-end's frames."""

    kind: Literal["features"] = "features"
    fingerprint: Text
    """`FeatureSpec.fingerprint`."""
    spec: dict[str, SpecValue]
    """The whole spec, `FeatureSpec.to_dict()`."""
    window: Count
    """Frames."""
    hop: Count
    """Frames between the starts of two windows."""


class ModulationInput(_Part):
    """A model that takes windows of amplitude-modulation features."""

    kind: Literal["modulation"] = "modulation"
    fingerprint: Text
    """`AmsSpec.fingerprint`."""
    spec: dict[str, SpecValue | tuple[Finite, ...]]
    """The whole spec, `AmsSpec.to_dict()`."""
    window: Count
    """Frames."""
    hop: Count
    """Frames between the starts of two windows."""


class WaveformInput(_Part):
    """A model that takes windows of samples."""

    kind: Literal["waveform"] = "waveform"
    rate: Count
    """Samples a second."""
    window: Count
    """Samples at `rate`."""
    hop: Count
    """Samples at `rate` between the starts of two windows."""


ModelInput = Annotated[FeatureInput | ModulationInput | WaveformInput, Field(discriminator="kind")]


class Tensor(_Part):
    """One float32 input or output of the network."""

    name: Text
    axes: tuple[Text, ...]
    """Name of each axis, such as `batch`, `frame`, `band`; the first is `batch`."""
    shape: tuple[Count | None, ...]
    """Size of each axis; null where it is free, as the batch is."""
    meaning: Text
    """Content, unit and range, in words."""
    role: Role | None = None
    """Of an output; null where the task says it: an encoder's first output is its embedding, and so on."""

    @model_validator(mode="after")
    def _axes_fit(self) -> Self:
        if len(self.axes) != len(self.shape):
            raise ValueError(f"{len(self.axes)} axes are named, but the shape has {len(self.shape)}")
        if not self.axes or self.axes[0] != "batch" or self.shape[0] is not None:
            raise ValueError("the first axis must be `batch`, of free size (null)")
        return self


class Threshold(_Part):
    """A decision, and what it was made on."""

    value: Finite
    chosen_on: Text
    """Data and criterion; never the data of the reported metrics."""


class Metric(_Part):
    """A measured figure."""

    name: Text
    """Such as `auc`, `average_precision`."""
    value: Finite
    interval: tuple[Finite, Finite] | None = None
    """95 % interval: low, high; the protocol says how it was made."""
    protocol: Text
    """Split, unit counted, how the interval was made."""
    data: Text
    """What it was measured on."""


class Training(_Part):
    """What made the model."""

    recipe: Text
    """Path of the recipe inside the repository, or where an imported model comes from."""
    recipe_sha256: Sha256
    """Of the recipe as it was run."""
    seed: int | None = None
    software: dict[str, Text] = {}
    """Package -> version."""


class DataSource(_Part):
    """Recordings that the model has seen."""

    name: Text
    used_for: Text
    """Such as `positives and backgrounds, training`."""
    licence: Text
    url: Text | None = None


class Calibration(_Part):
    """Where scores of known material fall, so that a score becomes a percentile."""

    levels: tuple[Annotated[float, Field(ge=0, le=1)], ...]
    """Ascending, 0..1."""
    scores: tuple[Finite, ...]
    """The quantile at each level, ascending."""
    data: Text
    """What they were measured on."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if len(self.levels) != len(self.scores):
            raise ValueError(f"{len(self.levels)} levels, but {len(self.scores)} scores")
        if list(self.levels) != sorted(self.levels) or list(self.scores) != sorted(self.scores):
            raise ValueError("levels and scores must ascend")
        return self


class CohortFile(_Part):
    """Embeddings of other sounds, against which an encoder's similarities are measured, and what a score then means.

    The file holds `embedding`, float16 `(m, d)` with rows of length 1, and `taxon`, text `(m,)`: the species of a clip,
    empty for background. Probability = 1 / (1 + exp(-(slope * score + offset))).
    """

    file: FileName = COHORT_FILE
    """Name inside the bundle's folder."""
    sha256: Sha256
    """Of that file, 64 lower-case hexadecimal digits."""
    nearest: Count
    """Rows, the most similar ones, that a vector is measured against; without any one taxon so many must be left."""
    slope: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """Of the log odds by the normalised score, above 0."""
    offset: Finite
    """Log odds at a normalised score of 0."""
    made_of: Text
    """Recordings behind the rows, and those behind slope and offset."""


class LabelsFile(_Part):
    """Labels too many for the manifest: UTF-8 text, one a line."""

    file: FileName = LABELS_FILE
    """Name inside the bundle's folder."""
    sha256: Sha256
    """Of that file, 64 lower-case hexadecimal digits."""
    count: Count
    """Lines."""


class ExtraFile(_Part):
    """A further file of the bundle, covered by a hash."""

    file: FileName
    """Name inside the bundle's folder."""
    sha256: Sha256
    """Of that file, 64 lower-case hexadecimal digits."""
    meaning: Text
    """What it holds; of a network also inputs and outputs."""
    runtime: Runtime | None = None
    """Of a network; null for a file that is none."""


@dataclass(frozen=True, slots=True)
class WindowCut:
    """How a stream is cut for the model."""

    frames: int
    """Length of a window: frames of the front-end, or samples where the model takes a waveform."""
    hop: int
    """From the start of a window to that of the next, in the same unit."""


class Manifest(_Part):
    """Everything that the monitor must know of a model, and everything that a reader may ask."""

    schema_version: Annotated[int, Field(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)] = SCHEMA_VERSION
    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    """Lower-case words joined by hyphens; the folder's name."""
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    """Such as 1.0.0; the name of the folder inside."""
    summary: Text
    """One line for a list."""
    task: Task
    runtime: Runtime = "onnx"
    """What runs the network: ONNX Runtime, or LiteRT (an extra) for TFLite files."""
    model: ModelFile
    input: ModelInput
    inputs: tuple[Tensor, ...]
    """One or more; at present exactly one is fed, with the windows of `input`."""
    outputs: tuple[Tensor, ...]
    """One or more."""
    labels: tuple[Text, ...] = ()
    """What the last axis of a classifier's output counts; a gate's single output needs at most one."""
    labels_file: LabelsFile | None = None
    """In the place of `labels` where they are many; `Bundle.labels` has either."""
    reject: Text | None = None
    """Of a classifier: the label that stands for none of the others, such as `background`."""
    binomials: Literal["bird", "animal"] = "animal"
    """What a scientific name among a classifier's labels stands for; genera known to be no birds are told apart."""
    files: dict[str, ExtraFile] | None = None
    """Further files by what they are for, such as `occurrence`, `licence`; of a gate with labels `birds`."""
    thresholds: dict[str, Threshold] = {}
    """By name; a gate has `on` and `off`, and may have `release`: windows below `off` that end an activity (else 2).

    An encoder with a cohort has `known`: the probability from which on a tag names a species."""
    metrics: tuple[Metric, ...] = ()
    training: Training
    data: tuple[DataSource, ...] = ()
    licence: Text
    """Of the weights."""
    dequantise: Literal["load", "run"] | None = None
    """Where weights are stored narrower than float32: widened once when the session is made, or at each run."""
    encoder: Text | None = None
    """`name@version` of the encoder whose embeddings this depends on."""
    calibration: Calibration | None = None
    cohort: CohortFile | None = None
    """Of an encoder: without one it embeds, but nothing can be tagged with it."""

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @property
    def embedding(self) -> Tensor | None:
        """The output that is compared; None where the model has none."""
        named = next((output for output in self.outputs if output.role == "embedding"), None)
        return named or (self.outputs[0] if self.task == "encoder" and self.outputs[0].role is None else None)

    @property
    def scores(self) -> Tensor | None:
        """The output that has a value for each label; None where the model has none."""
        named = next((output for output in self.outputs if output.role in ("logits", "probabilities")), None)
        return named or (self.outputs[0] if self.task in CLASSIFIERS and self.outputs[0].role is None else None)

    @property
    def window(self) -> WindowCut:
        """Length and hop of the windows that the model takes."""
        return WindowCut(self.input.window, self.input.hop)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for what, tensors in (("input", self.inputs), ("output", self.outputs)):
            names = [tensor.name for tensor in tensors]
            if not names:
                raise ValueError(f"{what}s: none is described")
            if len(set(names)) != len(names):
                raise ValueError(f"two {what}s have the same name: {', '.join(names)}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("a label occurs twice")
        if self.task == "gate" and not {"on", "off"} <= self.thresholds.keys():
            raise ValueError("a gate needs the thresholds `on` and `off`")
        if self.reject is not None and self.labels and self.reject not in self.labels:
            raise ValueError(f"reject: `{self.reject}` is not among the labels")
        if self.labels and self.labels_file:
            raise ValueError("labels: they stand in the manifest or in a file of their own, not in both")
        if self.cohort and self.embedding is None:
            raise ValueError(f"only an encoder has a cohort, not a model for `{self.task}`")
        if self.cohort and "known" not in self.thresholds:
            raise ValueError("an encoder with a cohort needs the threshold `known`")
        return self
