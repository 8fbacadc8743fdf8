from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitor.inference.manifest import FINGERPRINT_KEY, SCHEMA_VERSION, Manifest, WaveformInput
from monitor.inference.manifest_file import manifest_text, onnx_metadata, parse_manifest, write_manifest
from tests.helpers.tiny_bundle import gate_manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    model = tmp_path_factory.mktemp("model") / "model.onnx"
    model.write_bytes(b"any")
    return gate_manifest(model, "bird-gate", "1.0.0", {"on": 0.5, "off": 0.3})


def faults_after(manifest: Manifest, edit: Callable[[dict[str, Any]], object]) -> list[str]:
    content = json.loads(manifest_text(manifest))
    edit(content)
    parsed, faults = parse_manifest(json.dumps(content))
    assert (parsed is None) == bool(faults)
    return [str(fault) for fault in faults]


def test_writing_and_reading_give_the_same(manifest: Manifest, tmp_path: Path) -> None:
    text = write_manifest(manifest, tmp_path).read_text(encoding="utf-8")
    again, faults = parse_manifest(text)
    assert faults == []
    assert again == manifest
    assert manifest_text(again) == text
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_text_is_sorted_short_lists_on_one_line_and_free_axes_kept(manifest: Manifest) -> None:
    text = manifest_text(manifest)
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert '"shape": [null, 50, 128]' in text
    assert text.endswith("}\n")
    assert "encoder" not in text


def test_manifest_is_frozen(manifest: Manifest) -> None:
    with pytest.raises(ValidationError):
        manifest.name = "other"  # type: ignore[misc]


def test_what_derives_from_it(manifest: Manifest) -> None:
    assert manifest.id == "bird-gate@1.0.0"
    assert (manifest.window.frames, manifest.window.hop) == (50, 25)
    assert onnx_metadata(manifest) == {FINGERPRINT_KEY: manifest.input.fingerprint}  # type: ignore[union-attr]


def test_a_waveform_is_the_other_kind_of_input(manifest: Manifest) -> None:
    waveform = WaveformInput(rate=48_000, window=144_000, hop=48_000)
    changed = manifest.model_copy(update={"input": waveform})
    parsed, faults = parse_manifest(manifest_text(changed))
    assert faults == []
    assert parsed is not None
    assert parsed.input == waveform
    assert onnx_metadata(parsed) == {}


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda m: m.pop("task"), "manifest.json: task: is missing"),
        (lambda m: m.update(lables=[]), "manifest.json: lables: unknown key; did you mean `labels`?"),
        (lambda m: m["input"].update(colour=1), "manifest.json: input.colour: unknown key"),
        (lambda m: m["input"].pop("window"), "manifest.json: input.window: is missing"),
        (lambda m: m["input"].update(window="50"), "manifest.json: input.window: input should be a valid integer"),
        (lambda m: m["input"].update(window=0), "manifest.json: input.window: input should be greater than or equal"),
        (lambda m: m["input"].update(kind="video"), "manifest.json: input"),
        (lambda m: m["model"].update(sha256="123"), "manifest.json: model.sha256: string should match"),
        (lambda m: m["model"].update(file="../x.onnx"), "manifest.json: model.file: string should match"),
        (lambda m: m.update(name="Bird Gate"), "manifest.json: name: string should match"),
        (lambda m: m.update(runtime="pickle"), "manifest.json: runtime: input should be 'onnx'"),
        (lambda m: m["inputs"][0].update(shape=[None, 50]), "manifest.json: inputs.0: 3 axes are named"),
        (lambda m: m["inputs"][0].update(shape=[1, 50, 128]), "the first axis must be `batch`"),
        (lambda m: m["thresholds"].pop("off"), "manifest.json: a gate needs the thresholds `on` and `off`"),
        (lambda m: m.update(labels=["bird", "bird"]), "manifest.json: a label occurs twice"),
        (lambda m: m.update(outputs=m["outputs"] * 2), "manifest.json: two outputs have the same name"),
        (lambda m: m.update(outputs=[]), "manifest.json: outputs: none is described"),
        (lambda m: m["metrics"][0].update(value=float("nan")), "manifest.json: metrics.0.value"),
        (lambda m: m.update(schema_version=True), "manifest.json: schema_version"),
        (
            lambda m: m.update(calibration={"levels": [0.1, 0.9], "scores": [2.0, 1.0], "data": "d"}),
            "manifest.json: calibration: levels and scores must ascend",
        ),
    ],
)
def test_each_fault_is_told_in_the_users_words(manifest: Manifest, edit: Any, expected: str) -> None:
    told = faults_after(manifest, edit)
    assert len(told) == 1
    assert expected in told[0]


def test_all_faults_are_told_at_once(manifest: Manifest) -> None:
    def spoil(content: dict[str, Any]) -> None:
        content.pop("licence")
        content["input"]["hop"] = 0.5
        content["training"]["extra"] = 1
        content["version"] = "1"

    told = faults_after(manifest, spoil)
    assert len(told) == 4
    assert {line.split(": ")[1] for line in told} == {"licence", "input.hop", "training.extra", "version"}


def test_a_newer_schema_is_told_as_such_and_nothing_else(manifest: Manifest) -> None:
    told = faults_after(manifest, lambda m: m.update(schema_version=SCHEMA_VERSION + 1, news=1))
    assert len(told) == 1
    assert "newer Auricle" in told[0]


def test_a_key_that_occurs_twice_is_refused(manifest: Manifest) -> None:
    text = manifest_text(manifest).replace('"name": "bird-gate"', '"name": "other",\n  "name": "bird-gate"')
    parsed, faults = parse_manifest(text)
    assert parsed is None
    assert [str(fault) for fault in faults] == ["manifest.json: name: the key occurs twice"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"a": 1', "[" * 100_000, '{"schema_version": ' + "9" * 5000 + "}"]
)
def test_what_is_no_manifest_is_one_fault(text: str) -> None:
    parsed, faults = parse_manifest(text)
    assert parsed is None
    assert len(faults) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(key=st.sampled_from(sorted(Manifest.model_fields)), value=JSON)
def test_any_value_anywhere_gives_a_manifest_or_faults(manifest: Manifest, key: str, value: Any) -> None:
    content = json.loads(manifest_text(manifest))
    content[key] = value
    parsed, faults = parse_manifest(json.dumps(content))
    assert (parsed is None) == bool(faults)
    assert all(str(fault).startswith("manifest.json") for fault in faults)


@given(st.text())
def test_any_text_gives_faults(text: str) -> None:
    parsed, faults = parse_manifest(text)
    assert parsed is None
    assert faults
