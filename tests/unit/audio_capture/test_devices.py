from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.audio.capture import Watchdog, _columns
from monitor.audio.devices import InputDevice, channel_levels, choose_device
from monitor.core.clock import NANOSECONDS
from monitor.core.events import SourceCondition
from monitor.errors import DeviceError


def device(name: str, number: int = 0, *, default: bool = False, api: str = "ALSA", channels: int = 2) -> InputDevice:
    return InputDevice(name, api, channels, 48_000, default, number)


DEVICES = [
    device("HDA Intel PCH: ALC257 Analog (hw:0,0)", 0),
    device("USB Audio CODEC: - (hw:1,0)", 1),
    device("USB Audio Device: - (hw:2,0)", 2),
    device("pulse", 3),
    device("default", 4, default=True),
]


def test_no_name_takes_the_default() -> None:
    assert choose_device("", DEVICES).name == "default"


@pytest.mark.parametrize(("wanted", "number"), [("pulse", 3), ("codec", 1), ("HDA", 0), ("usb audio device", 2)])
def test_a_part_that_fits_one_is_enough(wanted: str, number: int) -> None:
    assert choose_device(wanted, DEVICES).number == number


def test_an_ambiguous_part_lists_what_it_fits() -> None:
    with pytest.raises(DeviceError, match="fits 2") as caught:
        choose_device("usb", DEVICES)
    assert "USB Audio CODEC" in caught.value.why
    assert "HDA" not in caught.value.why


@pytest.mark.parametrize("wanted", ["4", "nonesuch", "99"])
def test_none_lists_what_there_is(wanted: str) -> None:
    with pytest.raises(DeviceError, match="none of this name") as caught:
        choose_device(wanted, DEVICES)
    assert "USB Audio CODEC" in caught.value.why
    assert caught.value.exit_code == 2


def test_a_number_never_chooses_by_position() -> None:
    with pytest.raises(DeviceError):
        choose_device("3", [device("a"), device("b", 1), device("c", 2), device("d", 3)])


def test_the_same_name_on_two_interfaces_needs_the_interface() -> None:
    devices = [device("Mic", 0, api="MME"), device("Mic", 1, api="WASAPI")]
    with pytest.raises(DeviceError, match="fits 2"):
        choose_device("Mic", devices)
    assert choose_device("Mic, WASAPI", devices).number == 1


def test_no_device_and_no_default_say_so() -> None:
    with pytest.raises(DeviceError, match="none that can be used"):
        choose_device("", [])
    with pytest.raises(DeviceError, match="no default"):
        choose_device("", DEVICES[:2])


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, unique=True), st.randoms())
def test_order_of_the_list_never_matters(names: list[str], random: object) -> None:
    """Devices are numbered anew whenever something is plugged in."""
    devices = [device(name, number) for number, name in enumerate(names) if name.strip() == name]
    for wanted in list(devices):
        shuffled = list(devices)
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        assert choose_device(wanted.full_name, shuffled).name == wanted.name


@pytest.mark.parametrize(
    ("channel", "channels", "opened", "columns"),
    [
        (1, 1, 1, slice(0, 1)),
        (1, 2, 2, slice(0, 1)),
        (2, 2, 2, slice(1, 2)),
        (1, 32, 2, slice(0, 1)),
        (6, 8, 6, slice(5, 6)),
        (None, 4, 4, slice(0, 4)),
        (None, 32, 2, slice(0, 2)),
    ],
)
def test_channels(channel: int | None, channels: int, opened: int, columns: slice) -> None:
    assert _columns(device("x", channels=channels), channel) == (opened, columns)


@pytest.mark.parametrize(("channel", "channels"), [(0, 2), (3, 2), (9, 32), (-1, 2)])
def test_a_channel_that_is_not_there(channel: int, channels: int) -> None:
    with pytest.raises(DeviceError, match="no channel"):
        _columns(device("x", channels=channels), channel)


def test_levels_of_a_full_scale_sine_silence_and_clipping() -> None:
    time = np.arange(48_000) / 48_000
    sine = np.sin(2 * np.pi * 997 * time)
    samples = np.stack([0.5 * sine, np.zeros(48_000), np.clip(1.5 * sine, -1, 1), 1e-3 * sine], axis=1)
    levels = channel_levels(samples.astype(np.float32))
    assert [level.verdict for level in levels] == ["ok", "silent", "clipping", "ok"]
    assert [level.channel for level in levels] == [1, 2, 3, 4]
    assert levels[0].rms_dbfs == pytest.approx(-6.02, abs=0.01)
    assert levels[0].peak_dbfs == pytest.approx(-6.02, abs=0.01)
    assert levels[1].rms_dbfs == levels[1].peak_dbfs == -120.0
    assert levels[2].clipped > 1_000
    assert "muted" in levels[1].advice


def test_levels_survive_non_finite_samples() -> None:
    levels = channel_levels(np.array([[np.nan], [np.inf], [0.1]], dtype=np.float32))
    assert levels[0].clipped == 2
    assert np.isfinite(levels[0].rms_dbfs)


def test_without_portaudio_only_capture_fails_and_says_what_to_install() -> None:
    code = (
        "import ctypes.util; ctypes.util.find_library = lambda name: None\n"
        "import monitor.audio.capture, monitor.audio.devices, monitor.bus.audio_link\n"
        "from monitor.errors import DeviceError\n"
        "try: monitor.audio.devices.input_devices()\n"
        "except DeviceError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if sys.platform == "linux":
        assert "sudo apt install libportaudio2" in done.stdout


def seconds(value: float) -> int:
    return round(value * NANOSECONDS)


def test_watchdog_goes_by_frames() -> None:
    watchdog = Watchdog(3.0, seconds(100), first_frame_s=6.0)
    states = [
        (0, 105.9, SourceCondition.STARTING),
        (10, 105.95, SourceCondition.LISTENING),
        (20, 107.0, SourceCondition.LISTENING),
        (20, 107.9, SourceCondition.LISTENING),
        (20, 108.1, SourceCondition.STALLED),
        (21, 108.2, SourceCondition.LISTENING),
        (21, 109.3, SourceCondition.STALLED),
        (21, 111.2, SourceCondition.LOST),
    ]
    looked_s = 100.0
    for frames, now_s, expected in states:
        watch(watchdog, looked_s, now_s)
        assert watchdog.judge(frames, seconds(now_s)) is expected, now_s
        looked_s = now_s


def watch(watchdog: Watchdog, from_s: float, to_s: float) -> None:
    """Look ten times a second, as the capture process does, until just before `to_s`; new frames come at the end."""
    for tenth in range(1, round((to_s - from_s) * 10)):
        watchdog.judge(watchdog._frames, seconds(from_s + tenth / 10))


def test_time_in_which_nobody_looked_does_not_count() -> None:
    watchdog = Watchdog(3.0, 0, first_frame_s=6.0)
    assert watchdog.judge(10, seconds(0.1)) is SourceCondition.LISTENING
    assert watchdog.judge(10, seconds(4000.0)) is SourceCondition.LISTENING, "we were frozen, not the microphone"
    watch(watchdog, 4000.0, 4003.2)
    assert watchdog.judge(10, seconds(4003.2)) is SourceCondition.LOST, "it was watched since, and gave nothing"


def test_watchdog_gives_up_on_a_device_that_never_starts() -> None:
    watchdog = Watchdog(3.0, 0, first_frame_s=6.0)
    watch(watchdog, 0.0, 6.0)
    assert watchdog.judge(0, seconds(6.0)) is SourceCondition.LOST
