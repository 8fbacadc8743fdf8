"""The test: every figure of the card, on species that nothing of ours has seen, by the model file that ships."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx

from monitor.features.spec import BIRD
from training.data.audio import AudioStore
from training.data.catalog import data_folder
from training.data.splits import Part
from training.fewshot.background import Use, stream_of
from training.fewshot.baselines import (
    ImportedModel,
    imported_embeddings,
    log_mel_statistics,
    random_mobilenet,
    standardised,
)
from training.fewshot.embeddings import Choice, encode, window_embeddings
from training.fewshot.episodes_score import Method
from training.fewshot.false_tags import EVERYTHING, hear, join
from training.fewshot.figures import EncoderFigures
from training.fewshot.inserted import SNR_DB, inserted_clips
from training.fewshot.material import base_windows, origins
from training.fewshot.results import FewShotResults
from training.fewshot.suite import FewShotSuite, false_tag_figures, inserted_figures, open_set_figures
from training.fewshot.teacher import RATE, SAMPLES, BirdNet
from training.fewshot.whitening import fit_whitening

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from training.fewshot.recipe import FewShotRecipe
    from training.fewshot.run import Made

OURS = "bird-encoder"
BIRDNET = "BirdNET V2.4's embedding (it has met these species)"


def measure(recipe: FewShotRecipe, made: Made, progress: Callable[[str], None]) -> FewShotResults:
    """Few-shot, calls in longer sound, open set and false tags."""
    material = made.material
    clips = material.clips(Part.TEST)
    recordings = [clip.recording for clip in clips.clips]
    encoder = made.encoder()
    ours = window_embeddings(clips, encoder)
    best = ours.of(Choice.BEST)
    suite = FewShotSuite(recordings, progress=progress)
    progress("episodes drawn")
    measured = [
        *suite.measure(OURS, best),
        *suite.measure(f"{OURS}, all windows averaged", ours.of(Choice.ALL)),
        *suite.measure(f"{OURS}, the best window", ours.of(Choice.BEST_ONE)),
        *suite.measure(OURS, best, (Method.SUPPORT_CENTRED, Method.PROTONET, Method.SIMPLESHOT)),
    ]
    rows = _comparison(recipe, made, progress)
    for name, embeddings in rows.items():
        measured += suite.measure(name, embeddings)
    progress("few-shot figures")
    quiet = material.background(Use.TEST)
    settings = (material.store, quiet, material.gate, recipe.frames)
    inserted = {
        snr_db: inserted_clips(recordings, *settings, snr_db, Path(recipe.cache), progress) for snr_db in SNR_DB
    }
    cohort, calibration = made.cohort.cohort(made.fitted.nearest), made.fitted.calibration
    gate, frames = material.gate, recipe.frames
    sounds = {name: stream_of(some, material.store) for name, some in quiet.items()}
    heard = [hear(name, sound, gate, encoder, frames) for name, sound in sounds.items()]
    everything = [hear(name, sound, gate, encoder, frames, EVERYTHING) for name, sound in sounds.items()]
    progress("bird-free sound heard")
    streams = [*heard, join(heard, "all together"), join(everything, "all together, with the gate held open")]
    model = onnx.load(made.onnx)
    return FewShotResults(
        test=EncoderFigures(
            few_shot=[one.figure for one in measured],
            inserted=inserted_figures(inserted, encoder),
            open_set=open_set_figures(recordings, best, cohort, calibration, OURS, progress=progress),
            false_tags=false_tag_figures(streams, recordings, best, cohort, calibration, progress=progress),
        ),
        levers=made.levers,
        parity=made.parity,
        least_cosine=made.least_cosine,
        parameters=sum(int(np.prod(tensor.dims)) for tensor in model.graph.initializer),
        bytes=made.onnx.stat().st_size,
    )


def _comparison(recipe: FewShotRecipe, made: Made, progress: Callable[[str], None]) -> dict[str, NDArray[np.floating]]:
    """Embeddings `(clips, d)` of the test clips by others' means."""
    material = made.material
    base, clips = material.clips(Part.TRAIN), material.clips(Part.TEST)
    windows = list(base_windows(base))
    log_mel = np.concatenate([log_mel_statistics(some) for some in windows])
    whitened = fit_whitening(log_mel, origins(base))
    sample = np.concatenate(windows)[:: max(1, len(log_mel) // 512)]
    recordings = [clip.recording for clip in clips.clips]
    store = AudioStore.open(data_folder(recipe.data), recordings, RATE, Path(recipe.cache), progress)
    birdnet = ImportedModel("BirdNET", RATE, SAMPLES, BirdNet(made.teacher))
    waveforms = {one.path: store[one.path] for one in recordings}
    teacher = imported_embeddings(birdnet, clips, BIRD, waveforms)
    progress("teacher has heard the test clips")
    return {
        "random initialisation": encode(clips, random_mobilenet(recipe.seed, sample)),
        "log-mel mean and deviation": encode(clips, standardised(log_mel_statistics, log_mel)),
        "the same, whitened": encode(clips, lambda some: whitened.apply(log_mel_statistics(some))),
        BIRDNET: teacher,
    }
