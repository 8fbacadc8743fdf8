"""`auricle doctor`: what an engine would refuse at its start is told before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.commands.checks import Check, Verdict, examine_everything
from monitor.errors import SettingsError
from monitor.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURICLE_DATA_DIR", str(tmp_path / "data"))


def in_use(tmp_path: Path, written: str) -> list[Check]:
    file = tmp_path / "auricle.toml"
    file.write_text(written, encoding="utf-8")
    return [check for check in examine_everything(file) if check.what == "models in use"]


def test_what_the_settings_name_is_there(tmp_path: Path) -> None:
    (check,) = in_use(tmp_path, "")
    assert check.verdict is Verdict.GOOD


def test_everything_that_an_engine_would_refuse_is_told(tmp_path: Path) -> None:
    checks = in_use(
        tmp_path,
        '[birds]\nencoder = "parrot"\n[species]\nmodels = ["birdnet"]\n'
        '[[scene.policies]]\nscene = "vehicle_interor"\nsuppress = ["bird_tags"]\n',
    )
    assert [check.verdict for check in checks] == [Verdict.BAD] * 3
    told = " ".join(f"{check.finding} {check.remedy}" for check in checks)
    assert "model parrot: not found" in told
    assert "Import it: auricle models import birdnet" in told
    assert "vehicle_interor" in told


def test_privacy_without_anything_that_tells_speech_is_told(tmp_path: Path) -> None:
    (check,) = in_use(tmp_path, '[privacy]\nmode = "speech"\n[sound]\nenabled = false\n')
    assert check.verdict is Verdict.BAD
    assert "nothing can tell speech" in check.finding


def test_settings_that_cannot_be_read_are_told_once(tmp_path: Path) -> None:
    assert in_use(tmp_path, "[birds]\nthreshhold_on = 0.5\n") == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("[birds]\nthreshhold_on = 0.5\n", "`birds.threshhold_on` is not a setting (did you mean `threshold_on`?)"),
        ("[speces]\nrun = 'gated'\n", "`speces` is not a setting (did you mean `species`?)"),
        (
            "[sound.personalize]\ngathr = true\n",
            "`sound.personalize.gathr` is not a setting (did you mean `gather`?)",
        ),
        ("[birds]\nxyzzy = 1\n", "`birds.xyzzy` is not a setting"),
        ("[birds.gate.name]\nxyzzy = 1\n", "`birds.gate`"),
    ],
)
def test_a_misspelt_key_is_told_with_the_one_that_was_meant(tmp_path: Path, written: str, meant: str) -> None:
    file = tmp_path / "auricle.toml"
    file.write_text(written, encoding="utf-8")
    with pytest.raises(SettingsError) as fault:
        load_settings(file)
    assert meant in fault.value.why
    assert ("did you mean" in fault.value.why) == ("did you mean" in meant)
