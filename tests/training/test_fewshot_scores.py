from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monitor.errors import UsageError
from tests.helpers.clips import Made, made_recordings
from training.data.episodes import Apart, EpisodeSampler, Protocol
from training.data.species_parts import recordist_of
from training.fewshot.episodes_score import EpisodeSet, Method, answer_shares, points
from training.fewshot.figures import Interval
from training.fewshot.resampling import QuestionSampler


def by_hand(rows: np.ndarray, support: np.ndarray, query: np.ndarray, method: Method) -> np.ndarray:
    """Scores `(queries, ways)` of one episode, computed from the vectors themselves."""
    learnt, asked = rows[support], rows[query]
    if method is Method.SUPPORT_CENTRED:
        mean = learnt.reshape(-1, rows.shape[1]).mean(axis=0)
        learnt, asked = learnt - mean, asked - mean
        learnt = learnt / np.linalg.norm(learnt, axis=-1, keepdims=True)
        asked = asked / np.linalg.norm(asked, axis=-1, keepdims=True)
    prototypes = learnt.mean(axis=1)
    if method in (Method.PROTONET, Method.SIMPLESHOT):
        return -((asked[:, None] - prototypes[None]) ** 2).sum(axis=2)
    cosine = asked @ prototypes.T
    return cosine / np.linalg.norm(prototypes, axis=1) / np.linalg.norm(asked, axis=1, keepdims=True)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 6),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(2, 9),
    st.sampled_from(Method),
    st.integers(0, 99),
)
def test_answers_equal_those_computed_from_the_vectors(
    ways: int, shots: int, queries: int, width: int, method: Method, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    rows = points(generator.standard_normal((40, width)) + 0.5, method, np.full(width, 0.3))
    drawn = np.stack([generator.permutation(40)[: ways * shots + queries] for _ in range(3)])
    support, query = drawn[:, : ways * shots].reshape(3, ways, shots), drawn[:, ways * shots :]
    shares = answer_shares(rows @ rows.T, support, query, method)
    for episode in range(3):
        expected = by_hand(rows, support[episode], query[episode], method)
        ordered = np.sort(expected, axis=1)
        assume((ordered[:, -1] - ordered[:, -2] > 1e-9).all())
        assert (shares[episode].argmax(axis=1) == expected.argmax(axis=1)).all()
        assert (shares[episode].max(axis=1) == 1.0).all()


def test_an_embedding_that_tells_nothing_scores_by_chance() -> None:
    episodes = EpisodeSet(made_recordings(8, 4), Protocol(5, 1), episodes=50, replicates=3, questions=50)
    for method in Method:
        figure = episodes.measure(np.ones((32, 4)), method).figure
        assert figure.accuracy.value == pytest.approx(0.2)


def test_perfect_and_useless_embeddings() -> None:
    recordings = made_recordings(10, 4)
    episodes = EpisodeSet(recordings, Protocol(5, 1), episodes=400, replicates=50, questions=200)
    labels = np.unique([one.label for one in recordings], return_inverse=True)[1]
    perfect = episodes.measure(np.eye(10)[labels] + 0.01)
    assert perfect.figure.accuracy == Interval(1.0, 1.0, 1.0)
    noise = episodes.measure(np.random.default_rng(0).standard_normal((40, 64)))
    assert noise.figure.accuracy.low < 0.2 < noise.figure.accuracy.high
    better = perfect.better_than(noise)
    assert better.value == pytest.approx(perfect.figure.accuracy.value - noise.figure.accuracy.value)
    assert better.low > 0.5
    assert perfect.better_than(perfect) == Interval(0.0, 0.0, 0.0)


def test_simpleshot_of_one_clip_equals_the_frozen_mean() -> None:
    recordings = made_recordings(8, 4)
    episodes = EpisodeSet(recordings, Protocol(5, 1), episodes=200, replicates=5, questions=50)
    rows = np.random.default_rng(1).standard_normal((32, 6)) + 2.0
    values = [
        episodes.measure(rows, method, rows.mean(axis=0)).figure.accuracy.value
        for method in (Method.NEAREST, Method.SIMPLESHOT)
    ]
    assert values[0] == values[1]


def test_wrong_rows_are_refused() -> None:
    episodes = EpisodeSet(made_recordings(5, 3), Protocol(2, 1), episodes=5, replicates=1, questions=5)
    with pytest.raises(ValueError, match="15 clips"):
        episodes.measure(np.ones((14, 3)))
    with pytest.raises(ValueError, match="finite"):
        episodes.measure(np.full((15, 3), np.nan))
    with pytest.raises(UsageError):
        EpisodeSet(made_recordings(3, 3), Protocol(5, 1))


def test_the_interval_covers_the_spread_over_species() -> None:
    # Each species is either told apart always or never: the figure hangs on how many of them were met.
    recordings = made_recordings(40, 3)
    generator = np.random.default_rng(0)
    labels = np.unique([one.label for one in recordings], return_inverse=True)[1]
    centres = generator.standard_normal((40, 32))
    easy = labels % 2 == 0
    rows = np.where(easy[:, None], centres[labels], generator.standard_normal((120, 32)))
    accuracy = EpisodeSet(recordings, Protocol(5, 1), episodes=2000).measure(rows).figure.accuracy
    # Half of 40 species: the deviation of the share is sqrt(.25 / 40) = 0.08, times 0.8 above chance.
    assert 0.15 < accuracy.high - accuracy.low < 0.45


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.sampled_from(Apart), st.integers(1, 3))
def test_questions_keep_query_and_support_apart(seed: int, apart: Apart, shots: int) -> None:
    made = Made(seed)
    recordings = made.recordings(species=8, clips=8, people=12)
    protocol = Protocol(3, shots, apart=apart)
    try:
        sampler = EpisodeSampler(recordings, protocol, seed)
    except UsageError:
        assume(False)
    asker = QuestionSampler(sampler, len(recordings))
    generator = np.random.default_rng(seed)
    questions = asker.draw(200, asker.weights(generator), generator)
    for (query,), support in zip(questions.query, questions.support, strict=True):
        assert query not in support
        labels = [{recordings[row].label for row in rows} for rows in support]
        assert all(len(own) == 1 for own in labels)
        assert len(set.union(*labels)) == 3
        assert labels[0] == {recordings[query].label}
        assert all(len(set(rows)) == shots for rows in support)
        for row in support.ravel():
            assert not sampler.keys(query) & sampler.keys(row)
            if apart is Apart.RECORDIST:
                assert recordist_of(recordings[query]) != recordist_of(recordings[row])


def test_equal_weights_ask_what_episodes_ask() -> None:
    recordings = Made(3).recordings(species=12, clips=7, people=30)
    protocol = Protocol(5, 1)
    generator = np.random.default_rng(0)
    labels = np.unique([one.label for one in recordings], return_inverse=True)[1]
    rows = generator.standard_normal((12, 16))[labels] + 1.5 * generator.standard_normal((len(recordings), 16))
    rows = points(rows, Method.NEAREST)
    sampler = EpisodeSampler(recordings, protocol, 0)
    asker = QuestionSampler(sampler, len(recordings))
    questions = asker.draw(20_000, asker.equal(), generator)
    asked = answer_shares(rows @ rows.T, questions.support, questions.query, Method.NEAREST)[:, 0, 0].mean()
    episodes = EpisodeSet(recordings, protocol, episodes=4_000, replicates=1, questions=10)
    assert asked == pytest.approx(episodes.measure(rows).figure.accuracy.value, abs=0.02)
