"""Settings: defaults, then the TOML file, then the environment (`AURICLE_CAPTURE__DEVICE`), then flags.

Parsed once at the border; every part of the program is handed its own section and trusts it. Unknown keys are errors,
and all errors come in one message.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path  # noqa: TC003 (pydantic reads the annotations)
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from monitor import paths
from monitor.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


class SpeciesSettings(Section):
    """Species that a model knows from its training, beside those that were taught."""

    enabled: bool = True
    models: tuple[str, ...] | None = None
    """Bundles of task `species`; unset: `birdnet` where it was imported (`auricle models import`), and no other."""
    run: Literal["always", "gated"] = "always"
    """`gated`: only where the gate hears a bird, which costs less and misses what the gate misses."""
    overlap_s: Annotated[float, Field(ge=0.0, le=10.0)] | None = None
    """Seconds that two windows share; unset: 0 for models that take a waveform, as birdnet; else as the bundle says."""
    sensitivity: Annotated[float, Field(ge=0.5, le=1.5)] = 1.0
    """As in BirdNET's own programs: higher finds more, and more that is not there."""
    confidence: Probability | None = None
    """Probability from which on a species is told of; unset: the bundle's own, else 0.25. A class' own goes first."""
    latitude: Annotated[float, Field(ge=-90.0, le=90.0)] | None = None
    """Degrees, north above 0; with the longitude: only species that occur there are told of (birdnet)."""
    longitude: Annotated[float, Field(ge=-180.0, le=180.0)] | None = None
    """Degrees, east above 0."""
    week: Annotated[int, Field(ge=1, le=48)] | None = None
    """Of a year of 48 weeks, four in each month; unset: species of the whole year."""
    range_threshold: Probability = 0.03
    """Probability of occurrence from which on a species is expected."""
    allow: tuple[str, ...] = ()
    """Only these are told of, wherever they occur: labels, scientific or common names; empty: all that are expected."""
    deny: tuple[str, ...] = ()
    """These never are."""

    @model_validator(mode="after")
    def _whole_place(self) -> SpeciesSettings:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude are given together")
        if self.week is not None and self.latitude is None:
            raise ValueError("a week needs latitude and longitude")
        return self


class MachinesSettings(Section):
    """The machine branch."""

    enabled: bool = True
    names: tuple[str, ...] = ()
    """Listen for these only; empty: for all that are enrolled."""
    heard_by: dict[str, str] = {}
    """Machine -> the one microphone that hears it, such as {"pump-3" = "hall-mic"}; every microphone listens for the
    others, and in recordings all are listened for."""
    encoder: str | None = None
    """Bundle whose embeddings judge them beside simple features, such as `machine-encoder`; unset: machines are learnt
    without, and those that were learnt with `machine-encoder` (`--encoder`) are judged with it."""


class ScenePolicy(Section):
    """What a scene means for the other branches. What it suppresses is logged all the same, and marked."""

    scene: Annotated[str, Field(min_length=1)]
    """Label of the scene, or `unknown`, while which it holds."""
    suppress: tuple[Literal["bird_tags", "known_species"], ...] = ()
    """Neither shown nor counted: tags of taught species, detections of known ones."""
    alarm_rarer: Annotated[float, Field(ge=1.0, le=1e6)] = 1.0
    """An alarm of a machine needs windows so many times rarer among its normals than its alarm line."""

    @model_validator(mode="after")
    def _does_something(self) -> ScenePolicy:
        if not self.suppress and self.alarm_rarer == 1.0:
            raise ValueError("a policy suppresses something, or has alarm_rarer above 1")
        return self


class SceneSettings(Section):
    """The scene branch."""

    enabled: bool = True
    model: str | None = None
    """Bundle that tells scenes; unset: `scene` where there is one."""
    known: Probability | None = None
    """Probability from which on a scene is known; unset: the bundle's own."""
    time_constant_s: Annotated[float, Field(ge=0.5, le=600.0)] = 4.5
    """Of the smoothing, seconds; 4.5 averages as ten seconds do, for which the bundle's threshold was chosen."""
    hold_s: Annotated[float, Field(ge=0.0, le=600.0)] = 3.0
    """Seconds for which another scene must be the likeliest until it counts."""
    margin: Probability = 0.1
    """By how much another scene, or the line of `known`, must be better than the scene that settled."""
    policies: tuple[ScenePolicy, ...] = ()
    """What scenes mean for the others, such as [{scene = "vehicle_interior", suppress = ["bird_tags"]}]."""


class PersonalizeSettings(Section):
    """A classifier of sound classes for the place where this monitor is."""

    gather: bool = False
    """Whether a mixture is fitted to the features of what is heard; neither audio nor features are ever kept."""
    components: Annotated[int, Field(ge=1, le=64)] = 16
    """Of the mixture, at most."""
    recordings: bool = False
    """Whether recordings that are replayed count too, and not only a microphone."""


class SoundSettings(Section):
    """The sound-class branch."""

    enabled: bool = True
    model: str | None = None
    """Bundle that tells noise, music and speech; unset: `sound-class` where there is one."""
    time_constant_s: Annotated[float, Field(ge=1.0, le=600.0)] = 20.0
    """Of the average behind the smoothed class, seconds."""
    personalize: PersonalizeSettings = PersonalizeSettings()
    """Gathering for a classifier of this place: `gather`, `components`, and whether `recordings` count."""


class PrivacySettings(Section):
    """What is kept to the engine while people speak: audio clips, the spectrogram. Readings go on."""

    mode: Literal["off", "speech"] = "off"
    """`speech`: neither clip nor spectrogram of a stretch in which somebody speaks, or which is not judged."""
    threshold: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    """Probability of speech, alone or in noise, from which on ten seconds count as speech."""
    voice: Annotated[float, Field(gt=0.0, le=1.0)] = 0.25
    """Probability from which on a human sound counts that a classifier of known species hears, such as birdnet."""
    hold_s: Annotated[float, Field(ge=0.0, le=3600.0)] = 20.0
    """Seconds after the last speech for which it goes on."""


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
    species: SpeciesSettings = SpeciesSettings()
    machines: MachinesSettings = MachinesSettings()
    scene: SceneSettings = SceneSettings()
    sound: SoundSettings = SoundSettings()
    privacy: PrivacySettings = PrivacySettings()
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
        return _consistent(Sourced(**given))  # pyright: ignore[reportArgumentType] (pydantic parses the plain values)
    except ValidationError as fault:
        places = [error["loc"] for error in fault.errors(include_url=False)]
        by_flags = all(len(place) > 1 and str(place[1]) in given.get(str(place[0]), {}) for place in places)
        raise SettingsError("command line" if by_flags else str(chosen), _sentences(fault), REMEDY) from fault


def _consistent(settings: Settings) -> Settings:
    """The same settings. Raises SettingsError where two sections contradict each other."""
    if settings.capture.record is not None and settings.privacy.mode != "off":
        why = "raw audio would be kept whether somebody speaks or not, and the privacy mode keeps none"
        raise SettingsError("capture.record", why, "Leave --record out, or set privacy.mode to off")
    return settings


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
        near = get_close_matches(str(error["loc"][-1]), _keys_beside(error["loc"]), n=1)
        return f"`{place}` is not a setting" + (f" (did you mean `{near[0]}`?)" if near else "")
    return f"`{place}` = {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _keys_beside(place: Sequence[str | int]) -> list[str]:
    """The keys of the section that a key was written into; none where that is no section."""
    section: type[BaseModel] = Settings
    for part in place[:-1]:
        field = section.model_fields.get(str(part))
        if field is None or not isinstance(field.default, BaseModel):
            return []
        section = type(field.default)
    return list(section.model_fields)
