from __future__ import annotations

import numpy as np
import pytest

from monitor.core.types import AudioBlock, Span
from monitor.features.spectrum import BANDS, COLUMN, TOP_HZ, SpectrumColumns


def columns_of(samples: np.ndarray, start: int = 0) -> list:
    stage = SpectrumColumns()
    stage.reset(start)
    return list(stage.push(AudioBlock(samples.astype(np.float32), start)))


def sine(hz: float, level: float = 1.0, length: int = 2 * COLUMN) -> np.ndarray:
    return level * np.sin(2 * np.pi * hz * np.arange(length) / 48_000)


@pytest.mark.parametrize("band", [2, 12, 40, 63])
def test_a_full_scale_sine_reads_0_db_in_its_band_and_little_elsewhere(band: int) -> None:
    for column in columns_of(sine((band + 0.5) * TOP_HZ / BANDS)):
        assert column.levels_db.shape == (BANDS,)
        assert column.levels_db.argmax() == band
        assert column.levels_db[band] == pytest.approx(0.0, abs=0.3)
        assert np.delete(column.levels_db, [band - 1, band, min(band + 1, 63)]).max() < -40.0
        assert column.top_hz == TOP_HZ


def test_levels_follow_the_sine_and_stay_in_range() -> None:
    assert columns_of(sine(3_100.0, 0.01))[0].levels_db[12] == pytest.approx(-40.0, abs=0.3)
    assert (columns_of(np.zeros(COLUMN))[0].levels_db == -90.0).all()
    assert columns_of(sine(3_100.0, 50.0))[0].levels_db.max() == 0.0


@pytest.mark.parametrize("hz", [16_100.0, 20_000.0])
def test_what_lies_above_the_top_is_not_shown(hz: float) -> None:
    assert columns_of(sine(hz))[0].levels_db.max() < -20.0


def test_the_loudest_frame_of_a_column_counts() -> None:
    """A click of 20 ms anywhere inside a column is seen nearly at its full level."""
    for at in range(0, COLUMN - 960, 480):
        samples = np.zeros(COLUMN)
        samples[at : at + 960] = sine(3_100.0, 1.0, 960)
        assert columns_of(samples)[0].levels_db[12] > -8.0


def test_columns_lie_on_the_grid_after_a_reset() -> None:
    at = 100 * COLUMN + 3
    assert [column.span for column in columns_of(np.zeros(3 * COLUMN), at)] == [
        Span(101 * COLUMN, 102 * COLUMN),
        Span(102 * COLUMN, 103 * COLUMN),
    ]


def test_a_block_of_another_rate_or_place_is_refused() -> None:
    stage = SpectrumColumns()
    samples = np.zeros(10, dtype=np.float32)
    with pytest.raises(ValueError, match="48000 Hz"):
        stage.push(AudioBlock(samples, 0, 16_000))
    with pytest.raises(ValueError, match="a gap needs reset"):
        stage.push(AudioBlock(samples, 3))
