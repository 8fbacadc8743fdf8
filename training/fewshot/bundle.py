"""The encoder's bundle: model, cohort, manifest, self-test, card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from monitor.features.spec import BIRD
from monitor.inference.cohort_file import write_cohort
from monitor.inference.manifest import (
    COHORT_FILE,
    CohortFile,
    DataSource,
    FeatureInput,
    Manifest,
    Metric,
    ModelFile,
    Tensor,
    Threshold,
    Training,
)
from monitor.inference.manifest_file import sha256_of
from training.bundle import LICENCE
from training.export import recipe_name, software, write_bundle
from training.fewshot.card import encoder_card

if TYPE_CHECKING:
    from training.fewshot.recipe import FewShotRecipe
    from training.fewshot.results import FewShotResults
    from training.fewshot.run import Made

SOURCES = (
    DataSource(
        name="Bird and frog species clips (Xeno-canto, iNaturalist, other public collections): train part, 908 species",
        used_for="mixtures for distillation; whitening",
        licence="per recording: CC BY-NC-SA 4.0 and other Creative Commons flavours; 928 rows state no flavour",
    ),
    DataSource(
        name="The same: validation part, 40 species",
        used_for="choices, cohort, calibration and threshold",
        licence="as above",
    ),
    DataSource(
        name="BirdNET V2.4 (K. Lisa Yang Center, Cornell, and Chemnitz University of Technology)",
        used_for="teacher: its embedding of the mixtures; it has met most test species, the student has not",
        licence="CC BY-NC-SA 4.0",
    ),
    DataSource(
        name="ESC-50, folds 1 and 2 without birds; soundscapes; forest and seaside ambiences",
        used_for="background of mixtures; ESC-50 also in the cohort",
        licence="per clip: CC0, CC BY, CC BY-NC, CC Sampling+; CC0; CC0, CC BY, Pixabay or unstated",
    ),
    DataSource(
        name="ESC-50 fold 3 without animals, café, music",
        used_for="threshold",
        licence="as ESC-50; CC BY, CC BY-NC or public domain",
    ),
)


def write_encoder(recipe: FewShotRecipe, recipe_path: Path, made: Made, results: FewShotResults) -> Path:
    """Write the bundle; its folder."""
    folder = Path(recipe.bundle.folder) / recipe.bundle.name / recipe.bundle.version
    folder.mkdir(parents=True, exist_ok=True)
    cohort = write_cohort(folder / COHORT_FILE, made.cohort.embedding, made.cohort.taxon)
    manifest = encoder_manifest(recipe, recipe_path, made, results, sha256_of(cohort))
    return write_bundle(folder, made.onnx, manifest, encoder_card(recipe, recipe_path, made, results), BIRD)


def encoder_manifest(
    recipe: FewShotRecipe, recipe_path: Path, made: Made, results: FewShotResults, cohort_hash: str
) -> Manifest:
    """Everything that the monitor and a reader must know."""
    calibration = made.fitted.calibration
    species = len({taxon for taxon in made.cohort.taxon if taxon})
    background = sum(1 for taxon in made.cohort.taxon if not taxon)
    return Manifest(
        name=recipe.bundle.name,
        version=recipe.bundle.version,
        summary=recipe.bundle.summary,
        task="encoder",
        model=ModelFile(sha256=sha256_of(made.onnx)),
        input=FeatureInput(fingerprint=BIRD.fingerprint, spec=BIRD.to_dict(), window=recipe.frames, hop=recipe.hop),
        inputs=(
            Tensor(
                name="features",
                axes=("batch", "frame", "band"),
                shape=(None, recipe.frames, BIRD.bands),
                meaning="raw output of the front-end, dB relative to a full-scale sine, -90 and above",
            ),
        ),
        outputs=(
            Tensor(
                name="embedding",
                axes=("batch", "direction"),
                shape=(None, made.dimension),
                meaning="direction of length 1; the larger the inner product of two, the likelier one species",
            ),
        ),
        thresholds={"known": Threshold(value=round(calibration.known, 4), chosen_on=made.fitted.chosen_on)},
        metrics=_metrics(results),
        training=Training(
            recipe=recipe_name(recipe_path), recipe_sha256=sha256_of(recipe_path), seed=recipe.seed, software=software()
        ),
        data=SOURCES,
        licence=LICENCE,
        dequantise="load",
        cohort=CohortFile(
            sha256=cohort_hash,
            nearest=made.fitted.nearest,
            slope=calibration.slope,
            offset=calibration.offset,
            made_of=f"clips of {species} validation species, {background} rows of ESC-50 folds 1 and 2 without birds; "
            "slope and offset from each half of the species against the other",
        ),
    )


def _metrics(results: FewShotResults) -> tuple[Metric, ...]:
    protocol = (
        "nearest cosine prototype, the three windows that the gate likes best averaged; support and query of other "
        "{apart}s; species that no model of ours has heard; 95 % interval from a bootstrap over species and recordings"
    )
    few_shot = [one for one in results.test.few_shot if one.name == "bird-encoder" and "nearest cosine" in one.method]
    return (
        *(
            Metric(
                name=f"accuracy {one.protocol}",
                value=one.accuracy.value,
                interval=(one.accuracy.low, one.accuracy.high),
                protocol=protocol.format(apart=one.apart),
                data=f"{one.clips} clips of {one.species} test species, {one.episodes} episodes",
            )
            for one in few_shot
        ),
        *(
            Metric(
                name="auroc known against unknown species",
                value=one.auroc.value,
                interval=(one.auroc.low, one.auroc.high),
                protocol=f"{one.enrolled} species enrolled from {one.shots} clips each; clips of other recordists",
                data=f"{one.species} test species, {one.sets} draws",
            )
            for one in results.test.open_set
        ),
    )
