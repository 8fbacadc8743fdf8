"""The file of a machine: plain npz with a JSON header that says which arrays belong to what, read with distrust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor.core.text import writable
from monitor.errors import AuricleError
from monitor.kept.audio import LONGEST_CLIP, LONGEST_ORIGIN, ClipReference
from monitor.kept.kind import Kind
from monitor.kept.npz import decode_npz, encode_npz, one_of
from monitor.machines.calibration import Calibration, Debounce
from monitor.machines.detectors import Detector, DetectorKind, GmmDetector, KnnDetector, LofDetector
from monitor.machines.domain import DomainClassifier, DomainDetector, DomainRule, DomainScorer
from monitor.machines.evidence import BandStatistics
from monitor.machines.name import machine_name
from monitor.machines.normals import View  # noqa: TC001 (pydantic reads the annotations)
from monitor.machines.options import Aggregator, Options
from monitor.machines.profile import MachineProfile, NormalClip, Scorer
from monitor.machines.whitening import Whitening

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from monitor.features.filterbank import Float64Array

    Arrays = dict[str, NDArray[Any]]

HEADER = "header"
NUMBERS = "<f8"
"""Of all arrays but the header (bytes) and `normals_clip` (int64)."""

_CALIBRATIONS = ("calibration", "clip_calibration")
_DETECTOR_ARRAYS: dict[DetectorKind, tuple[str, ...]] = {
    "knn": ("references",),
    "lof": ("references", "reach", "density"),
    "gmm": ("weights", "means", "precisions_cholesky"),
}

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    """Frozen, no key unknown, no silent conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Clip(_Part):
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    rate: Count
    length: Annotated[int, Field(ge=1, le=LONGEST_CLIP)]
    origin: str
    target: bool


class _Domain(_Part):
    kind: DetectorKind
    neighbours: Annotated[int, Field(ge=0)]
    """0 for a mixture."""
    centre: Finite
    spread: Positive


class _Classifier(_Part):
    bias: Finite
    kappa: Positive


class _Scorer(_Part):
    view: View
    weight: Positive
    rule: DomainRule
    source: _Domain
    target: _Domain | None
    classifier: _Classifier | None


class _Debounce(_Part):
    needed: Count
    of: Count


class _Options(_Part):
    detectors: Annotated[list[DetectorKind], Field(min_length=1)]
    neighbours: Count
    components: Count
    rule: DomainRule
    kappa: Positive
    aggregator: Aggregator
    debounce: _Debounce
    false_alarms_a_week: Positive


class _Header(_Part):
    format: Literal["auricle machine profile"] = "auricle machine profile"
    schema_version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1)]
    encoder_id: Annotated[str, Field(min_length=1)] | None
    spec_fingerprint: str
    context: Count
    gain_db: Finite
    scorers: Annotated[list[_Scorer], Field(min_length=1)]
    options: _Options
    clips: Annotated[list[_Clip], Field(min_length=1)]
    enrolled_utc_ns: Annotated[int, Field(ge=0)]
    notes: list[str]


def encode_profile(profile: MachineProfile) -> bytes:
    """The file of a machine."""
    header = _Header(
        name=profile.name,
        encoder_id=profile.encoder_id,
        spec_fingerprint=profile.spec_fingerprint,
        context=profile.context,
        gain_db=profile.gain_db,
        scorers=[_scorer_header(scorer) for scorer in profile.scorers],
        options=_options_header(profile.options),
        clips=[
            _Clip(
                sha256=clip.audio.sha256,
                rate=clip.audio.rate,
                length=clip.audio.length,
                origin=writable(clip.origin)[:LONGEST_ORIGIN],
                target=clip.target,
            )
            for clip in profile.clips
        ],
        enrolled_utc_ns=profile.enrolled_utc_ns,
        notes=[writable(note) for note in profile.notes],
    )
    arrays: Arrays = {HEADER: np.frombuffer(header.model_dump_json().encode(), dtype=np.uint8)}
    for name in _CALIBRATIONS:
        calibration: Calibration = getattr(profile, name)
        arrays |= {f"{name}_scores": calibration.scores, f"{name}_exceedance": calibration.exceedance}
    arrays |= {"bands_mean": profile.bands.mean_db, "bands_deviation": profile.bands.deviation_db}
    arrays |= {"normals": profile.normals, "normals_clip": profile.normals_clip}
    arrays |= _whitening_arrays("normals", profile.normals_whitening)
    for number, scorer in enumerate(profile.scorers):
        for domain, detector in (("source", scorer.domains.source), ("target", scorer.domains.target)):
            if detector is not None:
                arrays |= _domain_arrays(f"{number}_{domain}", detector)
        classifier = scorer.domains.classifier
        if classifier is not None:
            place = f"{number}_classifier"
            arrays |= {f"{place}_mean": classifier.mean, f"{place}_weights": classifier.weights}
    return encode_npz(arrays)


def decode_profile(content: bytes) -> MachineProfile:
    """The machine of a file. Raises ValueError, with the reason, for whatever is wrong with it."""
    header = _read_header(content)
    kinds = dict.fromkeys(_numbers(header), NUMBERS) | {HEADER: "|u1", "normals_clip": "<i8"}
    arrays = decode_npz(content, kinds)
    for name in _numbers(header):
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} holds values that are no numbers")
    try:
        if machine_name(header.name) != header.name:
            raise ValueError(f"name {header.name!a} is not as it would be kept")
        return _profile(header, arrays)
    except AuricleError as error:
        raise ValueError(f"{error.what} {error.why}") from error
    except IndexError as error:
        # What numpy says of arrays with too few dimensions.
        raise ValueError(f"holds arrays that do not fit together ({error})") from error


def _profile(header: _Header, arrays: Arrays) -> MachineProfile:
    windows, clips = (Calibration(arrays[f"{name}_scores"], arrays[f"{name}_exceedance"]) for name in _CALIBRATIONS)
    return MachineProfile(
        header.name,
        header.encoder_id,
        header.spec_fingerprint,
        header.context,
        header.gain_db,
        tuple(_scorer(number, one, arrays) for number, one in enumerate(header.scorers)),
        windows,
        clips,
        _options(header.options),
        BandStatistics(arrays["bands_mean"], arrays["bands_deviation"]),
        arrays["normals"],
        _whitening("normals", arrays),
        arrays["normals_clip"],
        tuple(
            NormalClip(ClipReference(clip.sha256, clip.rate, clip.length, clip.origin), clip.target)
            for clip in header.clips
        ),
        header.enrolled_utc_ns,
        tuple(header.notes),
    )


def _options_header(options: Options) -> _Options:
    return _Options(
        detectors=list(options.detectors),
        neighbours=options.neighbours,
        components=options.components,
        rule=options.rule,
        kappa=options.kappa,
        aggregator=options.aggregator,
        debounce=_Debounce(needed=options.debounce.needed, of=options.debounce.of),
        false_alarms_a_week=options.false_alarms_a_week,
    )


def _options(header: _Options) -> Options:
    return Options(
        tuple(header.detectors),
        header.neighbours,
        header.components,
        header.rule,
        header.kappa,
        header.aggregator,
        Debounce(header.debounce.needed, header.debounce.of),
        header.false_alarms_a_week,
    )


def _read_header(content: bytes) -> _Header:
    try:
        return _Header.model_validate_json(one_of(content, HEADER, "|u1").tobytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"header: {'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}") from error


def _numbers(header: _Header) -> list[str]:
    """Names of all arrays of numbers that a file with this header has."""
    names = [f"{name}_{part}" for name in _CALIBRATIONS for part in ("scores", "exceedance")]
    names += ["bands_mean", "bands_deviation", "normals", "normals_mean", "normals_weights"]
    for number, scorer in enumerate(header.scorers):
        for place, domain in ((f"{number}_source", scorer.source), (f"{number}_target", scorer.target)):
            if domain is not None:
                names += [f"{place}_mean", f"{place}_weights"]
                names += [f"{place}_detector_{part}" for part in _DETECTOR_ARRAYS[domain.kind]]
        if scorer.classifier is not None:
            names += [f"{number}_classifier_mean", f"{number}_classifier_weights"]
    return names


def _scorer_header(scorer: Scorer) -> _Scorer:
    domains = scorer.domains
    known = domains.classifier
    return _Scorer(
        view=scorer.view,
        weight=scorer.weight,
        rule=domains.rule,
        source=_domain_header(domains.source),
        target=None if domains.target is None else _domain_header(domains.target),
        classifier=None if known is None else _Classifier(bias=known.bias, kappa=known.kappa),
    )


def _domain_header(one: DomainDetector) -> _Domain:
    detector = one.detector
    kind: DetectorKind = "knn" if isinstance(detector, KnnDetector) else "lof"
    if isinstance(detector, GmmDetector):
        return _Domain(kind="gmm", neighbours=0, centre=one.centre, spread=one.spread)
    return _Domain(kind=kind, neighbours=detector.neighbours, centre=one.centre, spread=one.spread)


def _domain_arrays(place: str, one: DomainDetector) -> Arrays:
    parts = _DETECTOR_ARRAYS[_domain_header(one).kind]
    detector: Arrays = {f"{place}_detector_{part}": getattr(one.detector, part) for part in parts}
    return _whitening_arrays(place, one.whitening) | detector


def _scorer(number: int, header: _Scorer, arrays: Arrays) -> Scorer:
    classifier = None
    if header.classifier is not None:
        place = f"{number}_classifier"
        mean, weights = arrays[f"{place}_mean"], arrays[f"{place}_weights"]
        classifier = DomainClassifier(mean, weights, header.classifier.bias, header.classifier.kappa)
    target = None if header.target is None else _domain(f"{number}_target", header.target, arrays)
    source = _domain(f"{number}_source", header.source, arrays)
    return Scorer(header.view, DomainScorer(source, target, classifier, header.rule), header.weight)


def _domain(place: str, header: _Domain, arrays: Arrays) -> DomainDetector:
    parts = [arrays[f"{place}_detector_{part}"] for part in _DETECTOR_ARRAYS[header.kind]]
    detector: Detector
    if header.kind == "knn":
        detector = KnnDetector(parts[0], header.neighbours)
    elif header.kind == "lof":
        detector = LofDetector(parts[0], header.neighbours, parts[1], parts[2])
    else:
        detector = GmmDetector(parts[0], parts[1], parts[2])
    return DomainDetector(_whitening(place, arrays), detector, header.centre, header.spread)


def _whitening_arrays(place: str, whitening: Whitening) -> Arrays:
    return {f"{place}_mean": whitening.mean, f"{place}_weights": whitening.weights}


def _whitening(place: str, arrays: Mapping[str, Float64Array]) -> Whitening:
    return Whitening(arrays[f"{place}_mean"], arrays[f"{place}_weights"])


MACHINES = Kind(
    "machine",
    "profile",
    encode_profile,
    decode_profile,
    lambda profile: profile.name,
    machine_name,
    lambda profile: tuple(clip.audio for clip in profile.clips),
)
"""Machines, as the folder of what is enrolled keeps them."""
