from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.birds.cohort import Calibration, Cohort
from monitor.birds.embedder import Embedder
from monitor.birds.enrolled import Enrolled
from monitor.birds.gate import Gate, GateThresholds
from monitor.birds.tagger import Tagger
from monitor.core.types import FeatureBlock, Span
from monitor.errors import UsageError
from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from monitor.features.windows import Windower
from monitor.inference.bundle import Bundle, load_bundle
from tests.helpers.clips import Made, made_recordings
from tests.helpers.tiny_bundle import call, make_encoder_bundle, make_gate_bundle
from training.data.episodes import Apart, EpisodeSampler, Protocol
from training.data.species_parts import recordist_of
from training.evaluate import roc_auc
from training.fewshot.calibration import LEAST_KNOWN, fit_calibration, halves, quiet_threshold
from training.fewshot.cohort_rows import CohortRows, make_cohort
from training.fewshot.embeddings import unit_rows
from training.fewshot.enrolled_sets import UNKNOWN, EnrolledSets, draw_sets
from training.fewshot.false_tags import EVERYTHING, Heard, calls, count_false_tags, hear, join, poisson_bound
from training.fewshot.openset import answer, measure

if TYPE_CHECKING:
    from training.data.catalog import Recording

WIDTH = 24


def separable(recordings: list[Recording], noise: float = 0.25, seed: int = 0) -> np.ndarray:
    """Embeddings that point towards their species."""
    generator = np.random.default_rng(seed)
    labels = np.unique([one.label for one in recordings], return_inverse=True)[1]
    centres = unit_rows(generator.standard_normal((labels.max() + 1, WIDTH)))
    return unit_rows(centres[labels] + noise * generator.standard_normal((len(labels), WIDTH)) / np.sqrt(WIDTH) * 4)


def other_species(count: int = 80, seed: int = 7) -> CohortRows:
    rows = unit_rows(np.random.default_rng(seed).standard_normal((count, WIDTH)))
    taxa = tuple(f"other {i // 4}" if i < count // 2 else "" for i in range(count))
    return CohortRows(rows.astype(np.float16), taxa)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.integers(1, 4), st.integers(1, 3))
def test_sets_leave_others_to_ask(seed: int, enrolled: int, shots: int) -> None:
    recordings = Made(seed).recordings(species=8, clips=9, people=14)
    try:
        sets = draw_sets(recordings, enrolled, shots, 5, seed)
    except UsageError:
        eligible = 0
        with suppress(UsageError):
            eligible = len(EpisodeSampler(recordings, Protocol(2, shots, apart=Apart.RECORDIST), 0).species)
        assert eligible < enrolled or eligible < 2
        return
    for support, truth, asked in zip(sets.support, sets.truth, sets.asked, strict=True):
        labels = [{recordings[row].label for row in rows} for rows in support]
        assert all(len(own) == 1 for own in labels)
        assert len(set.union(*labels)) == enrolled
        assert all(len(set(rows)) == shots for rows in support)
        people = {recordist_of(recordings[row]) for row in support.ravel()}
        for row in np.flatnonzero(asked):
            assert recordist_of(recordings[row]) is not None
            assert recordist_of(recordings[row]) not in people
        for row, place in enumerate(truth):
            own = [number for number, one in enumerate(labels) if recordings[row].label in one]
            assert own == ([] if place == UNKNOWN else [place])


def test_scores_are_those_of_the_monitor() -> None:
    recordings = made_recordings(10, 4)
    rows = separable(recordings)
    sets = draw_sets(recordings, 3, 2, 6)
    cohort = other_species().cohort(8)
    answers = answer(rows, sets, cohort)
    prototypes = sets.prototypes(rows).reshape(6, 3, WIDTH)
    for number, row, best, score, cosine in zip(
        answers.number, answers.row, answers.best, answers.score, answers.cosine, strict=True
    ):
        expected = cohort.standing(prototypes[number]).scores(rows[row].astype(np.float32))
        assert score == pytest.approx(expected.max(), abs=1e-4)
        assert expected[best] == pytest.approx(score, abs=1e-4)
        assert cosine == pytest.approx((prototypes[number] @ rows[row]).max(), abs=1e-5)


def test_figures_of_species_that_are_told_apart() -> None:
    recordings = made_recordings(16, 4)
    rows = separable(recordings, noise=0.1)
    sets = draw_sets(recordings, 5, 1, 40)
    answers = answer(rows, sets, other_species().cohort(8))
    figure = measure(answers, sets, recordings, Calibration(2.0, -4.0, 0.5), "tight", replicates=50)
    assert figure.auroc.value == pytest.approx(1.0, abs=5e-3)
    assert figure.recall.value > 0.95
    assert figure.misnamed.value < 0.01
    assert figure.unknown_named.value < 0.2
    assert (figure.enrolled, figure.shots, figure.sets, figure.species) == (5, 1, 40, 16)
    nothing = measure(answers, sets, recordings, Calibration(2.0, -4.0, 1.1), replicates=5)
    assert (nothing.recall.value, nothing.misnamed.value, nothing.unknown_named.value) == (0.0, 0.0, 0.0)


def test_area_counts_species_alike() -> None:
    # One clip of each species may be asked about: then every answer counts alike, as the plain area has it.
    recordings = made_recordings(12, 2)
    rows = separable(recordings, noise=1.0)
    sets = draw_sets(recordings, 4, 1, 1)
    asked = sets.asked & (np.arange(24) % 2 == (sets.support[0, 0, 0] + 1) % 2)[None]
    sets = EnrolledSets(4, 1, sets.support, sets.truth, asked)
    answers = answer(rows, sets, other_species().cohort(8))
    figure = measure(answers, sets, recordings, Calibration(1.0, 0.0, 0.5), replicates=20)
    assert figure.auroc.value == pytest.approx(roc_auc(answers.known, answers.score))
    assert figure.auroc.low <= figure.auroc.value <= figure.auroc.high


@given(
    st.lists(st.lists(st.integers(0, 20), min_size=4, max_size=4), min_size=1, max_size=6),
    st.floats(0.01, 3.0),
    st.floats(0.5, 4.0),
)
def test_the_threshold_keeps_the_rate(drawn: list[list[int]], hours: float, rate: float) -> None:
    probabilities = np.array(drawn) / 20.0
    threshold = quiet_threshold([probabilities[:1], probabilities[1:]], hours, rate)
    assert (probabilities >= threshold).sum(axis=1).mean() / hours <= rate + 1e-6
    lower = probabilities[probabilities < threshold]
    if len(lower):
        assert (probabilities >= lower.max()).sum(axis=1).mean() / hours > rate


def fitted_inputs(noise: float = 0.3) -> tuple[list[Recording], np.ndarray, CohortRows, Heard]:
    recordings = made_recordings(16, 4)
    rows = separable(recordings, noise)
    generator = np.random.default_rng(5)
    heard = Heard(
        "noise", unit_rows(generator.standard_normal((30, WIDTH))).astype(np.float32), (Span(0, 1),) * 30, 0.5
    )
    quiet = unit_rows(generator.standard_normal((40, WIDTH))).astype(np.float16)
    taxa = tuple(one.label for one in recordings)
    cohort = CohortRows(np.concatenate([rows.astype(np.float16), quiet]), (*taxa, *[""] * 40))
    return recordings, rows, cohort, heard


def test_calibration_is_quiet_and_probabilities_are_honest() -> None:
    recordings, rows, cohort, heard = fitted_inputs(noise=0.15)
    fitted = fit_calibration(recordings, rows, cohort, heard, nearest=10, enrolled=5)
    assert fitted.calibration.slope > 0.0
    assert fitted.calibration.known >= max(LEAST_KNOWN, fitted.background_threshold)
    assert "at most 1 false tag an hour with 5 species" in fitted.chosen_on
    half = halves(recordings, rows, cohort)[0]
    assert not {one.label for one in half.recordings} & set(half.cohort.taxon)
    sets = half.sets(5, 1)
    figure = count_false_tags(heard, sets, half.embeddings, half.cohort.cohort(10), fitted.calibration)
    # The rate holds on average over both halves.
    assert figure.per_hour <= 3.0
    answers = answer(half.embeddings, sets, half.cohort.cohort(10))
    probability = fitted.calibration.probability(answers.score)
    assert probability[answers.right].mean() > 0.8 > 0.3 > probability[~answers.right].mean()


def test_an_encoder_that_tells_nothing_is_not_calibrated() -> None:
    recordings, _, cohort, heard = fitted_inputs()
    # The four clips of a species point away from one another.
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
    generator = np.random.default_rng(2)
    bases = [np.linalg.qr(generator.standard_normal((WIDTH, 3)))[0] for _ in range(16)]
    backwards = np.concatenate([corners @ base.T for base in bases])
    with pytest.raises(UsageError, match="no higher"):
        fit_calibration(recordings, backwards, cohort, heard, nearest=10, enrolled=5)


def test_the_cohort_has_every_clip_and_the_likeliest_background() -> None:
    recordings = made_recordings(4, 3)
    rows = separable(recordings)
    gates = [0.1, 0.9, 0.5, 0.7]
    background = SimpleNamespace(clips=[SimpleNamespace(gate=np.array([value])) for value in gates])
    clips = SimpleNamespace(clips=[SimpleNamespace(recording=one) for one in recordings])
    behind = unit_rows(np.random.default_rng(1).standard_normal((4, WIDTH)))
    made = make_cohort(clips, 3.0 * rows, background, behind, limit=14)
    assert made.taxon == (*(one.label for one in recordings), "", "")
    assert made.embedding.dtype == np.float16
    assert np.allclose(made.embedding[:12], rows, atol=1e-3)
    assert np.allclose(made.embedding[12:], behind[[1, 3]], atol=1e-3)
    assert isinstance(made.cohort(5), Cohort)
    assert "species 00" not in made.without(["species 00"]).taxon


# False tags: the real gate and tagger on a stream of calls and pauses.


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Bundle]:
    folder = tmp_path_factory.mktemp("models")
    return load_bundle(make_gate_bundle(folder)), load_bundle(make_encoder_bundle(folder))


PITCHES = (3_000.0, 4_100.0, 5_000.0, 6_300.0)


def stream(seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    for hz in (3_000.0, 3_000.0, 5_600.0, 4_100.0, 4_100.0, 7_000.0, 6_300.0, 2_600.0):
        pause = round(float(generator.uniform(0.5, 6.0)) * BIRD.rate)
        parts += [1e-4 * generator.standard_normal(pause), call(hz, seed=seed)]
    return np.concatenate([*parts, np.zeros(4 * BIRD.rate)]).astype(np.float32)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_false_tags_are_those_that_the_monitor_gives(bundles: tuple[Bundle, Bundle], seed: int) -> None:
    gate, bundle = bundles
    embedder, cohort, calibration = Embedder(bundle), Cohort.of(bundle), Calibration.of(bundle.manifest)
    sound = stream(seed)
    kernel = Kernel(BIRD)
    rows = np.concatenate([embedder.embed(kernel(call(hz, 3.2, seed=9))[:147][None]) for hz in PITCHES])
    sets = EnrolledSets(4, 1, np.arange(4)[None, :, None], np.arange(4)[None], np.ones((1, 4), dtype=np.bool_))
    figure = count_false_tags(hear("calls", sound, gate, embedder.embed, 147), sets, rows, cohort, calibration)

    stage, windower = Gate(gate), Windower(BIRD, 50, 25)
    tagger = Tagger(embedder, gate)
    standing = cohort.standing(rows)
    tagger.enrolled = Enrolled(tuple(map(str, PITCHES)), np.full(4, calibration.known), standing, calibration)
    features = kernel(sound)
    tags = []
    for first in range(0, len(features), 37):
        block = FeatureBlock(features[first : first + 37], first)
        tags += tagger.push(block)
        tags += [tag for window in windower.push(block) for item in stage.push(window) for tag in tagger.push(item)]
    tags += [tag for item in stage.flush() for tag in tagger.push(item)] + list(tagger.flush())
    final = [tag for tag in tags if not tag.provisional]
    assert figure.activities == len(final) > 3
    assert figure.count == sum(tag.label is not None and not tag.continues for tag in final) > 0
    assert figure.hours == pytest.approx(len(sound) / BIRD.rate / 3600)


def test_a_gate_that_lets_everything_through_hears_all_of_it(bundles: tuple[Bundle, Bundle]) -> None:
    gate, bundle = bundles
    sound = np.zeros(60 * BIRD.rate, dtype=np.float32)
    embedder = Embedder(bundle)
    quiet = 1e-3 * np.random.default_rng(0).standard_normal(len(sound)).astype(np.float32)
    assert not hear("quiet", quiet, gate, embedder.embed, 147).spans
    everything = hear("quiet", quiet, gate, embedder.embed, 147, EVERYTHING)
    assert isinstance(EVERYTHING, GateThresholds)
    heard = sum(span.length for span in everything.spans) / 48_000
    assert 59.0 < heard <= 60.0
    assert len(everything.embedding) == len(everything.spans)


def test_streams_are_joined_without_a_call_across() -> None:
    rows = unit_rows(np.random.default_rng(0).standard_normal((2, WIDTH))).astype(np.float32)
    one = Heard("a", rows, (Span(0, 10), Span(20, 30)), 0.25)
    none = Heard("b", np.zeros((0, 1), dtype=np.float32), (), 0.5)
    joined = join([one, none, one], "both")
    assert joined.hours == 1.0
    assert joined.embedding.shape == (4, WIDTH)
    assert calls(joined.spans, [0, 0, 0, 0]) == 2
    assert calls(one.spans, [0, 1]) == 2
    assert calls(one.spans, [None, 1]) == 1


def test_the_bound_of_a_rate() -> None:
    assert poisson_bound(0.0) == pytest.approx(2.996, abs=1e-3)
    assert poisson_bound(3.0) == pytest.approx(7.754, abs=1e-3)
