"""`manifest.json` on disk: every mistake collected when read, stable and readable when written."""

from __future__ import annotations

import hashlib
import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ValidationError

from monitor.inference.faults import Fault
from monitor.inference.manifest import (
    FINGERPRINT_KEY,
    MANIFEST_FILE,
    SCHEMA_VERSION,
    CohortFile,
    ExtraFile,
    FeatureInput,
    LabelsFile,
    Manifest,
    ModulationInput,
    WaveformInput,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

_LINE = 100
"""Columns up to which a list of plain values is written on one line."""


_KINDS = ("features", "modulation", "waveform")
_MODELS: tuple[type[BaseModel], ...] = (
    Manifest,
    FeatureInput,
    ModulationInput,
    WaveformInput,
    CohortFile,
    LabelsFile,
    ExtraFile,
)
_KEYS: list[str] = sorted({key for model in _MODELS for key in model.model_fields})


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal; OSError as it comes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def onnx_metadata(manifest: Manifest) -> dict[str, str]:
    """What the exporter must write into the ONNX file's `metadata_props`."""
    if isinstance(manifest.input, FeatureInput | ModulationInput):
        return {FINGERPRINT_KEY: manifest.input.fingerprint}
    return {}


def parse_manifest(text: str) -> tuple[Manifest | None, list[Fault]]:
    """The manifest in `text`, or None and everything that is wrong with it."""
    faults: list[Fault] = []

    def refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        faults.extend(Fault(f"{MANIFEST_FILE}: {key}", "the key occurs twice") for key in _repeated(keys))
        return dict(pairs)

    try:
        content: object = json.loads(text, object_pairs_hook=refuse_twins)
    except json.JSONDecodeError as error:
        return None, [Fault(MANIFEST_FILE, f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}")]
    except ValueError as error:
        return None, [Fault(MANIFEST_FILE, f"not JSON: {error}")]
    except RecursionError:
        return None, [Fault(MANIFEST_FILE, "not a manifest: nested too deeply")]
    if not isinstance(content, dict):
        return None, [Fault(MANIFEST_FILE, "not a JSON object")]
    fields = cast("dict[str, object]", content)
    schema = fields.get("schema_version")
    if type(schema) is int and schema > SCHEMA_VERSION:
        why = f"made for a newer Auricle (schema {schema}, this one reads {SCHEMA_VERSION})"
        return None, [*faults, Fault(f"{MANIFEST_FILE}: schema_version", why)]
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        faults.extend(_in_words(detail) for detail in error.errors(include_url=False))
    else:
        if not faults:
            return manifest, []
    return None, faults


def manifest_text(manifest: Manifest) -> str:
    """The JSON of a manifest: keys sorted, two spaces, short lists on one line, newline at the end."""
    return _render(manifest.model_dump(mode="json", exclude_none=True), "") + "\n"


def write_manifest(manifest: Manifest, folder: Path) -> Path:
    """Write `folder/manifest.json` whole or not at all; its path."""
    path = folder / MANIFEST_FILE
    scratch = path.with_suffix(".json.part")
    scratch.write_text(manifest_text(manifest), encoding="utf-8")
    scratch.replace(path)
    return path


def _repeated(keys: list[str]) -> list[str]:
    return sorted({key for key in keys if keys.count(key) > 1})


def _in_words(detail: ErrorDetails) -> Fault:
    # The tag of the input union stands in the location, but not in the file.
    location = [
        part for i, part in enumerate(detail["loc"]) if not (i == 1 and detail["loc"][0] == "input" and part in _KINDS)
    ]
    where = ".".join(str(part) for part in location)
    kind = detail["type"]
    if kind == "missing":
        why = "is missing"
    elif kind == "extra_forbidden":
        near = get_close_matches(str(location[-1]), _KEYS, n=1)
        why = "unknown key" + (f"; did you mean `{near[0]}`?" if near else "")
    elif kind == "value_error":
        why = str(detail.get("ctx", {}).get("error", detail["msg"]))
    else:
        why = detail["msg"][:1].lower() + detail["msg"][1:]
        given = repr(detail["input"])
        why += f", got {given if len(given) <= 60 else given[:57] + '...'}"
    return Fault(f"{MANIFEST_FILE}: {where}" if where else MANIFEST_FILE, why)


def _render(value: Any, indent: str) -> str:
    if isinstance(value, dict) and value:
        inner = indent + "  "
        items = sorted(cast("dict[str, Any]", value).items())
        rows = ",\n".join(
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {_render(item, inner)}" for key, item in items
        )
        return f"{{\n{rows}\n{indent}}}"
    plain = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, list) or not value:
        return plain
    elements = cast("list[Any]", value)
    if len(plain) + len(indent) <= _LINE and not any(isinstance(item, dict | list) for item in elements):
        return plain
    inner = indent + "  "
    rows = ",\n".join(inner + _render(item, inner) for item in elements)
    return f"[\n{rows}\n{indent}]"
