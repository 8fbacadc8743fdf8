"""From the sound card to the engine, through PulseAudio, ALSA, PortAudio, the ring and the link."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.bus.audio_link import AudioReceiver, SourceBlock, SourceNote
from monitor.core.events import SourceCondition
from tests.helpers.null_sink import NullSink, why_not

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from monitor.bus.audio_link import LinkItem

ANY = "tcp://127.0.0.1:*"
PATIENCE_S = 40.0


@pytest.fixture(scope="module", autouse=True)
def possible() -> None:
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture
def sound() -> Iterator[NullSink]:
    with NullSink() as sink:
        yield sink


@contextmanager
def capture(sound: NullSink, address: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.helpers.capture_run", address, *options]
    process = subprocess.Popen(command, env=sound.environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def leave(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and what it said, after it has ended by itself."""
    _, said = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said


def hear(receiver: AudioReceiver, until: Callable[[list[LinkItem]], bool]) -> list[LinkItem]:
    items: list[LinkItem] = []
    end = time.monotonic() + PATIENCE_S
    while not until(items):
        assert time.monotonic() < end, f"waited in vain; {receiver.sources} {receiver.last_fault}"
        for item in receiver.poll(0.1):
            items.append(item)
            if isinstance(item, SourceBlock):
                receiver.acknowledge(item)
    return items


def heard(items: list[LinkItem]) -> NDArray[np.float32]:
    """All samples, after a check that they follow one another."""
    found = [item.block for item in items if isinstance(item, SourceBlock)]
    for before, block in pairwise(found):
        assert block.start == before.end + block.lost_before
    return np.concatenate([block.samples for block in found]) if found else np.zeros(0, dtype=np.float32)


def does(condition: SourceCondition) -> Callable[[list[LinkItem]], bool]:
    return lambda items: any(isinstance(item, SourceNote) and item.condition is condition for item in items)


def chirp(duration_s: float, rate: int = 48_000) -> NDArray[np.float32]:
    """Nearly full scale, 100 Hz to 12 kHz, no sample 0."""
    time_s = np.arange(round(duration_s * rate)) / rate
    wave = 0.95 * np.cos(2 * np.pi * (100.0 * time_s + (11_900.0 / (2 * duration_s)) * time_s**2))
    return np.where(wave == 0.0, 1e-4, wave).astype(np.float32)


def test_what_is_played_arrives_sample_by_sample(sound: NullSink) -> None:
    wave = chirp(4.0)
    with AudioReceiver(ANY) as receiver, capture(sound, receiver.address) as process:
        items = hear(receiver, does(SourceCondition.LISTENING))
        items += hear(receiver, lambda found: len(heard(found)) > 4_800)
        sound.play(wave)
        items += hear(receiver, lambda found: (tail := heard(found)).any() and not tail[-9_600:].any())
        process.send_signal(signal.SIGTERM)
        items += hear(receiver, does(SourceCondition.ENDED))
        code, said = leave(process)
    assert code == 0, said
    samples = heard(items)
    (sounding,) = np.nonzero(samples)
    played = samples[sounding[0] : sounding[-1] + 1]
    assert len(played) == len(wave), "neither more nor fewer samples than were played"
    np.testing.assert_allclose(played, wave, atol=1e-4)
    assert receiver.sources["mic"].lost == receiver.sources["mic"].overflows == 0


@pytest.mark.parametrize("channel", [1, 2])
def test_channels_out_of_phase_do_not_cancel(sound: NullSink, channel: int) -> None:
    wave = chirp(1.0)
    with AudioReceiver(ANY) as receiver, capture(sound, receiver.address, "--channel", str(channel)):
        hear(receiver, lambda found: len(heard(found)) > 4_800)
        sound.play(np.stack([wave, -wave], axis=1))
        items = hear(receiver, lambda found: (tail := heard(found)).any() and not tail[-9_600:].any())
    samples = heard(items)
    (sounding,) = np.nonzero(samples)
    played = samples[sounding[0] : sounding[-1] + 1]
    np.testing.assert_allclose(played, wave if channel == 1 else -wave, atol=1e-4)


def test_another_rate_keeps_the_pitch(sound: NullSink) -> None:
    rate = 44_100
    with AudioReceiver(ANY) as receiver, capture(sound, receiver.address, "--rate", str(rate)):
        hear(receiver, lambda found: len(heard(found)) > 4_410)
        tone = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(3 * 48_000) / 48_000)
        sound.play(tone.astype(np.float32))
        items = hear(receiver, lambda found: np.count_nonzero(np.abs(heard(found)) > 0.1) > rate)
        assert receiver.sources["mic"].rate == rate
    samples = heard(items)
    first = int(np.argmax(np.abs(samples) > 0.1))
    piece = samples[first + 4_096 : first + 4_096 + 8_192] * np.hanning(8_192)
    peak_hz = float(np.argmax(np.abs(np.fft.rfft(piece)))) * rate / 8_192
    assert peak_hz == pytest.approx(1_000, abs=rate / 8_192)


def test_a_stalled_sender_loses_nothing_that_the_ring_holds(sound: NullSink) -> None:
    wave = chirp(8.0)
    with AudioReceiver(ANY) as receiver, capture(sound, receiver.address, "--stall-sender-s", "5") as process:
        items = hear(receiver, lambda found: len(heard(found)) > 4_800)
        sound.play(wave)
        items += hear(receiver, lambda found: (tail := heard(found)).any() and not tail[-9_600:].any())
        assert any(isinstance(item, SourceNote) and item.condition is SourceCondition.LOST for item in items)
        process.send_signal(signal.SIGINT)
        items += hear(receiver, does(SourceCondition.ENDED))
        code, said = leave(process)
    assert code == 0, said
    samples = heard(items)
    (sounding,) = np.nonzero(samples)
    np.testing.assert_allclose(samples[sounding[0] : sounding[-1] + 1], wave, atol=1e-4)
    assert receiver.sources["mic"].lost == 0


def test_a_device_that_vanishes_ends_the_process_with_a_reason(sound: NullSink) -> None:
    with AudioReceiver(ANY) as receiver, capture(sound, receiver.address, "--watchdog-s", "3") as process:
        hear(receiver, lambda found: len(heard(found)) > 4_800)
        sound.kill()
        items = hear(receiver, does(SourceCondition.LOST))
        code, said = leave(process)
    assert code == 1
    assert "microphone 'default'" in said
    assert "Traceback" not in said
    note = next(item for item in items if isinstance(item, SourceNote) and item.condition is SourceCondition.LOST)
    assert "gone" in note.detail or "no audio" in note.detail


def test_a_device_that_falls_silent_is_stalled_then_lost(sound: NullSink) -> None:
    with AudioReceiver(ANY) as receiver, capture(sound, receiver.address, "--watchdog-s", "3") as process:
        hear(receiver, lambda found: len(heard(found)) > 4_800)
        sound.suspend(True)
        hear(receiver, does(SourceCondition.STALLED))
        hear(receiver, does(SourceCondition.LOST))
        code, said = leave(process)
    assert code == 1
    assert "no audio has come from it for 3 s" in said


def test_a_frozen_process_catches_up_and_claims_no_loss(sound: NullSink) -> None:
    """The sound server keeps what nobody takes; frames that come late, in a burst, are not lost ones."""
    wave = chirp(8.0)
    with AudioReceiver(ANY) as receiver, capture(sound, receiver.address) as process:
        items = hear(receiver, lambda found: len(heard(found)) > 4_800)
        sound.play(wave)
        items += hear(receiver, lambda found: heard(found).any())
        process.send_signal(signal.SIGSTOP)
        time.sleep(4.0)
        process.send_signal(signal.SIGCONT)
        items += hear(receiver, lambda found: (tail := heard(found)).any() and not tail[-9_600:].any())
        process.send_signal(signal.SIGTERM)
        items += hear(receiver, does(SourceCondition.ENDED))
        assert leave(process)[0] == 0
    samples = heard(items)
    (sounding,) = np.nonzero(samples)
    np.testing.assert_allclose(samples[sounding[0] : sounding[-1] + 1], wave, atol=1e-4)
    assert receiver.sources["mic"].lost == 0


def test_what_a_suspended_device_missed_is_estimated(sound: NullSink) -> None:
    with AudioReceiver(ANY) as receiver, capture(sound, receiver.address, "--watchdog-s", "20") as process:
        items = hear(receiver, lambda found: len(heard(found)) > 24_000)
        sound.suspend(True)
        time.sleep(4.0)
        sound.suspend(False)
        items += hear(receiver, lambda found: any(i.block.lost_before for i in found if isinstance(i, SourceBlock)))
        process.send_signal(signal.SIGTERM)
        items += hear(receiver, does(SourceCondition.ENDED))
        leave(process)
    heard(items)
    gaps = [item for item in items if isinstance(item, SourceBlock) and item.block.lost_before]
    assert all(gap.block.lost_estimated and "device" in gap.loss_reason for gap in gaps)
    assert receiver.sources["mic"].lost == pytest.approx(4 * 48_000, rel=0.25)


@pytest.mark.parametrize(("options", "words"), [(["--device", "nonesuch"], "pulse"), (["--channel", "9"], "channel")])
def test_a_device_or_channel_that_is_not_there(sound: NullSink, options: list[str], words: str) -> None:
    with capture(sound, "tcp://127.0.0.1:9", *options) as process:
        code, said = leave(process)
    assert code == 2
    assert words in said
    assert "Traceback" not in said


def test_no_sound_system_at_all(sound: NullSink) -> None:
    sound.kill()
    with capture(sound, "tcp://127.0.0.1:9") as process:
        code, said = leave(process)
    assert code == 2
    assert "microphone" in said
    assert "Traceback" not in said


def test_levels_of_each_channel(sound: NullSink) -> None:
    tone = np.sin(2 * np.pi * 1_000 * np.arange(20 * 48_000) / 48_000)
    sound.play(np.stack([0.5 * tone, np.zeros_like(tone)], axis=1).astype(np.float32))
    code = (
        "from monitor.audio.capture import input_devices, measure_levels\n"
        "import time; time.sleep(1)\n"
        "device, levels = measure_levels(duration_s=2.0)\n"
        "print(device.name, *(level.verdict for level in levels), round(levels[0].peak_dbfs))\n"
        "print([d.name for d in input_devices(probe_rates=True) if d.default and 48_000 in d.rates])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=sound.environment, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["default ok silent -6", "['default']"], done.stderr
