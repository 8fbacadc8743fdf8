"""A sound card made of software: a PulseAudio daemon of our own with a null sink, whose monitor is the microphone.

What `play` plays into the sink comes out of the microphone, through ALSA, PortAudio and sounddevice, as from a device.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import soundfile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACKAGES = ("libportaudio2", "pulseaudio", "libasound2-plugins", "pulseaudio-utils")
SINK = "auricle"
SOURCE = "auricle_microphone"


def why_not() -> str | None:
    """Why this machine cannot have a null sink, or None when it can; installs what is missing where it may."""
    if os.name != "posix" or not hasattr(os, "geteuid"):
        return "PulseAudio runs on Linux only"
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        return "not a Debian system: " + " ".join(PACKAGES) + " cannot be looked up"
    missing = [package for package in PACKAGES if not _installed(package)]
    if not missing:
        return None
    if os.geteuid() != 0:
        return f"packages are missing and this is not root: sudo apt install {' '.join(missing)}"
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-qy", "--no-install-recommends", *missing]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        if done.returncode and command[1] == "install":
            return f"apt-get could not install {' '.join(missing)}: {done.stderr.strip().splitlines()[-1:]}"
    return None


def _installed(package: str) -> bool:
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True)
    return done.stdout.strip().endswith("ok installed")


class NullSink:
    """The daemon, alive within `with`; `environment` is what a process needs to see this sound card and no other."""

    def __init__(self, channels: int = 2) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="auricle-pulse-"))
        runtime = self._folder / "run"
        runtime.mkdir(mode=0o700)
        socket = self._folder / "native"
        (self._folder / ".asoundrc").write_text(
            'pcm.!default { type pulse hint { show on description "default" } }\nctl.!default { type pulse }\n'
        )
        self.environment = os.environ | {
            "HOME": str(self._folder),
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_CONFIG_HOME": str(self._folder / "config"),
            "PULSE_SERVER": f"unix:{socket}",
            "PULSE_COOKIE": str(self._folder / "cookie"),
            "OMP_NUM_THREADS": "1",
        }
        self._log = (self._folder / "pulseaudio.log").open("wb")
        command = ["pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "-n", "--use-pid-file=no", "--realtime=no"]
        command += ["--high-priority=no", "--disallow-exit=yes", "--log-target=stderr"]
        for module in (
            f"module-native-protocol-unix auth-anonymous=1 socket={socket}",
            f"module-null-sink sink_name={SINK} rate=48000 channels={channels} format=float32le",
            f"module-remap-source source_name={SOURCE} master={SINK}.monitor source_properties=device.description=mic",
        ):
            command += ["-L", module]
        self._daemon = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        self._players: list[subprocess.Popen[bytes]] = []
        self._wait_until_up()
        self._pactl("set-default-source", SOURCE)

    def _wait_until_up(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            done = subprocess.run(["pactl", "list", "short", "sources"], env=self.environment, capture_output=True)
            if done.returncode == 0 and SOURCE.encode() in done.stdout:
                return
            if self._daemon.poll() is not None:
                break
            time.sleep(0.1)
        self.close()
        raise RuntimeError(f"pulseaudio did not come up: {self.log}")

    def _pactl(self, *arguments: str) -> str:
        done = subprocess.run(["pactl", *arguments], env=self.environment, capture_output=True, text=True, timeout=20)
        if done.returncode:
            raise RuntimeError(f"pactl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    @property
    def log(self) -> str:
        """What the daemon wrote."""
        path = Path(self._log.name)
        return path.read_text(errors="replace") if path.exists() else ""

    def play(self, samples: NDArray[np.float32], rate: int = 48_000) -> subprocess.Popen[bytes]:
        """Play float32 `(n,)` or `(n, channels)` into the sink; returns the running player."""
        path = self._folder / f"play-{len(self._players)}.wav"
        soundfile.write(path, samples, rate, subtype="FLOAT")
        player = subprocess.Popen(["paplay", f"--device={SINK}", str(path)], env=self.environment)
        self._players.append(player)
        return player

    def suspend(self, suspended: bool) -> None:
        """Stop or resume the delivery of audio, while the device stays there."""
        self._pactl("suspend-source", SOURCE, str(int(suspended)))

    def kill(self) -> None:
        """The sound card vanishes."""
        self._daemon.kill()
        self._daemon.wait()

    def close(self) -> None:
        """End everything that was started."""
        for process in [*self._players, self._daemon]:
            if process.poll() is None:
                process.kill()
            process.wait()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
