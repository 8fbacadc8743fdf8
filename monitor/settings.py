"""Settings: defaults, then the TOML file, then the environment (`AURICLE_CAPTURE__DEVICE`), then flags.

Parsed once at the border; every part of the program is handed its own section and trusts it. Unknown keys are errors,
and all errors come in one message.
"""

from __future__ import annotations

import tomllib
from pathlib import Path  # noqa: TC003 (pydantic reads the annotations)
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from monitor import paths
from monitor.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CaptureSettings(Section):
    """The microphone."""

    device: str = ""
    """Name of the input device, or a part of it that fits one only; empty: the system's default."""
    rate: Annotated[int, Field(ge=8_000, le=384_000)] = 48_000
    """Wanted samples a second; a device that cannot do it is opened at its own rate, and the screen says so."""
    channel: Annotated[int, Field(ge=1, le=8)] = 1
    """Which channel to listen to, from 1."""
    ring_s: Annotated[float, Field(ge=5.0, le=600.0)] = 60.0
    """Seconds that the ring buffer holds: the longest outage of the engine that loses nothing."""
    watchdog_s: Annotated[float, Field(ge=0.5, le=60.0)] = 3.0
    """Seconds without a frame after which a microphone counts as gone."""
    record: Path | None = None
    """Folder that keeps the raw audio as FLAC files of ten minutes; unset: none is kept."""


class BusSettings(Section):
    """Addresses of the engine. Anything but loopback needs `keys`."""

    audio: str = "tcp://127.0.0.1:7310"
    """Where captures send their audio."""
    readings: str = "tcp://127.0.0.1:7311"
    """Where readings are published."""
    commands: str = "tcp://127.0.0.1:7312"
    """Where screens ask; the address that `auricle watch` takes."""
    keys: Path | None = None
    """Folder of CURVE keys, made by `auricle keys new`."""


class BirdsSettings(Section):
    """The bird branch."""

    enabled: bool = True
    gate: str = "bird-gate"
    """Bundle that says whether a bird is audible."""
    threshold_on: Probability | None = None
    """Probability from which on an activity begins; unset: the bundle's own, chosen on validation data."""
    threshold_off: Probability | None = None
    """Probability below which it ends; unset: the bundle's own."""
    tagging: bool = True
    """Whether activities are compared with the enrolled species."""
    encoder: str | None = None
    """Bundle that compares them; unset: `bird-encoder` where there is one, and without it nothing is tagged."""
    known: Probability | None = None
    """Probability from which on a tag names a species; unset: the bundle's own. A species' own goes first."""

    @model_validator(mode="after")
    def _ordered(self) -> BirdsSettings:
        if self.threshold_on is not None and self.threshold_off is not None and self.threshold_off > self.threshold_on:
            raise ValueError("threshold_off must not exceed threshold_on")
        return self


class EngineSettings(Section):
    """The engine."""

    threads: Annotated[int, Field(ge=1, le=2)] = 1
    """Threads of one model."""
    overload_s: Annotated[float, Field(ge=0.5, le=60.0)] = 5.0
    """Seconds of lag from which on whole windows are dropped (and counted) until the engine has caught up."""


class StoreSettings(Section):
    """What stays on disk."""

    log: Path | None = None
    """Event log of the live engine; unset: `events.sqlite` in the data folder."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="AURICLE_", env_nested_delimiter="__")

    capture: CaptureSettings = CaptureSettings()
    bus: BusSettings = BusSettings()
    birds: BirdsSettings = BirdsSettings()
    engine: EngineSettings = EngineSettings()
    store: StoreSettings = StoreSettings()


def load_settings(file: Path | None = None, flags: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
    """Read the settings; `flags` are `{section: {key: value}}`, None means not given, and they win over everything.

    Raises SettingsError, once, with every fault.
    """
    chosen = file or paths.config_file()
    written = _read(chosen, required=file is not None)

    class Sourced(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, written)

    given = {
        section: {key: value for key, value in values.items() if value is not None}
        for section, values in (flags or {}).items()
    }
    try:
        return Sourced(**given)  # pyright: ignore[reportArgumentType] (pydantic parses the plain values)
    except ValidationError as fault:
        raise SettingsError(str(chosen), _sentences(fault), REMEDY) from fault


REMEDY = "`auricle config show` prints every key with its value; `auricle config init` writes a commented file"


def _read(file: Path, *, required: bool) -> dict[str, Any]:
    if not file.exists() and not required:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as fault:
        raise SettingsError(
            str(file), "no such configuration file", "Check the path, or run `auricle config init`"
        ) from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SettingsError(str(file), f"not valid TOML: {fault}", "Mend that line, or move the file away") from fault
    except OSError as fault:
        raise SettingsError(str(file), f"cannot be read: {fault.strerror}", "Check its permissions") from fault


def _sentences(fault: ValidationError) -> str:
    return "; ".join(_sentence(error) for error in fault.errors(include_url=False))


def _sentence(error: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"`{place}` is not a setting"
    return f"`{place}` = {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"
