"""The recipe of the scene classifier: teach a larger network, distil a small one, quantise, calibrate."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.config import BundleSettings, Count, Positive, Range, Section, Share

Activation = Literal["silu", "relu"]
Level = Literal["absolute", "relative"]
"""`absolute`: the paper's scaling of the log mel; `relative`: less the window's own mean, which no gain changes."""

Precision = Literal["float32", "bfloat16"]

UNKNOWN = "unknown"
"""Label of what is none of the scenes."""

AtLeastZero = Annotated[float, Field(ge=0)]


class Recordings(Section):
    """Where the recordings come from."""

    layout: Literal["catalog", "tau2022", "folders"] = "catalog"
    """`catalog`: the data folder, with ESC-50 for `unknown`; `folders`: a folder for each scene."""
    folder: str = "../shared/data"
    """For `catalog` the environment variable AURICLE_DATA wins."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Parts into which recordings are divided, each tested by networks that heard the others; `tau2022` has its own."""
    negatives: tuple[str, ...] = ()
    """ESC-50 classes that are `unknown` in training."""
    strangers: tuple[str, ...] = ()
    """ESC-50 classes that no training hears: `unknown` in tests."""
    others: Literal["tested", "unknown"] = "tested"
    """Recordings of other scenes: only tested on, or `unknown` in the training of every fold but their own."""
    kin: dict[str, str] = Field(default_factory=dict)
    """ESC-50 class -> scene that is full of it: more recordings to train on, never tested."""
    babble: str = ""
    """Scene that is full of voices: several speakers of `speech/` in a room count for it in training. Empty: none."""
    kin_share: Share = 0.3
    """Of a scene's training windows, where it has either."""
    rooms: str = "../shared/data/ir_room"
    """Folder of impulse responses of rooms, for babble; as `devices`."""
    devices: str = "../shared/data/ir_mic"
    """Folder of impulse responses of microphones; for `catalog` that of AURICLE_DATA wins."""
    unseen_devices: Share = 0.3
    """Of the families of microphones, kept from training."""


class Sound(Section):
    """What happens to a training window's waveform. The same numbers hold for all classes."""

    domain: Literal["waveform", "power"] = "waveform"
    """`power`: in the log mel, where filters are gains of bands: far cheaper, without noise, pitch and voices."""
    roll_s: AtLeastZero = 0.5
    """Turned by up to this many seconds either way."""
    roll_per: Literal["batch", "window"] = "window"
    """The released code draws one shift for the batch."""
    device_share: Share = 0.5
    """Windows that pass through a microphone's impulse response."""
    low_pass_share: Share = 0.7
    low_pass_hz: Range = (3_000.0, 16_000.0)
    tilt_share: Share = 0.0
    tilt_db: Range = (-3.0, 3.0)
    """Decibels an octave."""
    level_db: Range = (-20.0, 10.0)
    """Gain."""
    pitch_share: Share = 0.0
    pitch: Range = (0.8, 1.25)
    """Factor on pitch and tempo."""
    noise_share: Share = 0.0
    noise_db: Range = (10.0, 40.0)
    """Ratio of the window to white noise added to it."""
    mixup: AtLeastZero = 0.3
    """Beta parameter of mixing two waveforms, one share a batch; 0 for none."""


class Picture(Section):
    """What happens to a training window's log mel."""

    style: AtLeastZero = 0.3
    """Beta parameter of frequency-wise MixStyle ..."""
    style_share: Share = 0.6
    """... of this share of the batches."""
    mask_bands: Annotated[int, Field(ge=0)] = 0
    mask_frames: Annotated[int, Field(ge=0)] = 0
    """Widest stretches that are silenced."""
    cut_mix: AtLeastZero = 0.0
    """Beta parameter of cutmix, 0 for none."""


class Network(Section):
    """The small network: a submission of Table 4, or numbers of its own (sections 3 and 7 of the paper)."""

    submission: Literal[1, 2, 3, 4] = 1
    channels: tuple[Count, Count, Count] | None = None
    """c1, c2, c_out in place of the submission's."""
    expansions: tuple[Count, Count, Count] | None = None
    attention: tuple[Count, Count, Count] | None = None
    """d_l, d_m and depth."""
    activation: Activation | None = None
    level: Level = "absolute"


class Optimiser(Section):
    """How a network is trained."""

    epochs: Positive = 600.0
    """An epoch draws as many windows as there are seconds of training recordings, unless `windows` says otherwise."""
    windows: Annotated[int, Field(ge=0)] = 0
    """Of an epoch; 0 for one a second of recording."""
    batch: Count = 64
    learning_rate: Positive = 1e-3
    weight_decay: AtLeastZero = 1e-3
    decoupled_decay: bool = False
    """AdamW; False is Adam, whose decay passes through its moments."""
    schedule: Literal["exponential-linear", "warm-up-cosine"] = "exponential-linear"
    warm_up: Positive = 30.0
    """Epochs."""
    length: Positive = 370.0
    """Epochs from the highest to the last rate."""
    last: Share = 0.01
    """Share of the rate that is left at the end."""
    average: Share = 0.0
    """Decay of a moving average of the weights, which is what is kept; 0 for the last weights themselves."""
    precision: Precision = "float32"
    """`bfloat16` halves the time of dense convolutions where the processor has it; slower for the small network."""


class Pretraining(Section):
    """Classes of ESC-50 told apart before any scene is heard: once for all folds, since no fold is tested on them."""

    teacher: Optimiser | None = None
    student: Optimiser | None = None
    """None starts from random weights."""


class Teacher(Section):
    """Who teaches."""

    kind: Literal["cnn", "passt", "none"] = "cnn"
    checkpoint: str = ""
    """`passt`: file of pre-trained weights."""
    channels: tuple[Count, ...] = (32, 64, 128, 256)
    """`cnn`: of its stages."""
    dropout: Share = 0.3
    events_weight: AtLeastZero = 0.0
    """`cnn`: weight of telling the 50 classes of ESC-50 apart beside the scenes; 0 to leave it out."""
    patchout: Annotated[int, Field(ge=0)] = 6
    """`passt`: rows of patches dropped in training."""
    copies: Count = 1
    """`cnn`: networks of as many seeds that teach together, by their mean probability."""
    optimiser: Optimiser = Optimiser()
    sound: Sound = Sound()
    picture: Picture = Picture()


class Distillation(Section):
    """How the student is taught. Loss = cross-entropy + what is here."""

    loss: Literal["decoupled", "plain", "none"] = "decoupled"
    alpha: AtLeastZero = 5.0
    """Weight of the target class (TCKD); `plain` has it as its only weight."""
    beta: AtLeastZero = 10.0
    """Weight of the others (NCKD)."""
    temperature: Positive = 4.0
    heard: Literal["clean", "mixed"] = "clean"
    """`clean`: a second pass on unmixed windows, as the released code does; `mixed`: both hear the mixture, once."""


class Quantisation(Section):
    """How weights and activations become eight bits."""

    windows: Count = 6_400
    """Random training windows that calibrate."""
    observer: Literal["minmax", "entropy", "percentile"] = "minmax"
    """Of activations; the paper's histogram observer is nearest to `percentile`."""
    left: tuple[str, ...] = ("attention",)
    """What stays in float: `attention` (its two products and softmax), or names of operators."""
    reduce_range: bool = True
    """Weights of 7 bits, so that processors without VNNI do not saturate."""


class Limits(Section):
    """What the export must keep."""

    initialiser_bytes: Count = 128 * 1024
    macs: Count = 30_000_000
    """In the challenge's counting."""
    lost: Share = 0.02
    """Accuracy (1-s windows of the tests) that eight bits may cost."""


class Decision(Section):
    """How windows become a decision."""

    seconds: Positive = 10.0
    """Over which probabilities are averaged."""
    rejected: Share = 0.1
    """Of the decisions on known scenes that may fall to `unknown`."""


class SceneSettings(Section):
    """What training and measuring a scene classifier takes."""

    cache: str = "cache/scene"
    """Decoded recordings, networks; may be deleted at any time."""
    seed: int = 200
    threads: Count = 1
    recordings: Recordings = Recordings()
    sound: Sound = Sound()
    picture: Picture = Picture()
    network: Network = Network()
    optimiser: Optimiser = Optimiser()
    pretraining: Pretraining = Pretraining()
    teacher: Teacher = Teacher()
    distillation: Distillation = Distillation()
    quantisation: Quantisation = Quantisation()
    decision: Decision = Decision()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, sound in (("sound", self.sound), ("teacher.sound", self.teacher.sound)):
            if sound.domain == "power" and (sound.pitch_share or sound.noise_share or self.recordings.babble):
                raise ValueError(f"{name}: noise, pitch and babble need the domain `waveform`")
            if sound.domain == "power" and self.teacher.kind == "passt":
                raise ValueError(f"{name}: PaSST has a front-end of its own, which needs the domain `waveform`")
        if self.teacher.copies > 1 and self.teacher.kind != "cnn":
            raise ValueError("teacher.copies: only a teacher of kind `cnn` has copies")
        some = [one for one in (self.pretraining.teacher, self.pretraining.student) if one is not None]
        if some and self.recordings.layout != "catalog":
            raise ValueError("pretraining: only the layout `catalog` has ESC-50")
        if any(not one.windows for one in some):
            raise ValueError("pretraining: say how many windows an epoch has")
        if self.pretraining.teacher and not (self.teacher.kind == "cnn" and self.teacher.events_weight):
            raise ValueError("pretraining.teacher: needs a teacher of kind `cnn` with events_weight above 0")
        return self

    def key(self, salt: str, *sections: str) -> str:
        """16 hexadecimal digits that change with the salt and with the named fields."""
        content = salt + self.model_dump_json(include=set(sections))
        return hashlib.sha256(content.encode()).hexdigest()[:16]


class SceneRecipe(SceneSettings):
    """Everything that makes the shipped scene classifier."""

    system: Literal["scene"]
    bundle: BundleSettings
    limits: Limits = Limits()
    picture_file: str = ""
    """Where the confusion matrix is drawn (SVG); empty for nowhere."""
