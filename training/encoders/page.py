"""`docs/encoders.md`: which encoder to choose, and every figure behind the advice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.encoders.measure import SHOTS
from training.fewshot.tables import markdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from training.encoders.candidates import Candidate
    from training.encoders.cost import Cost
    from training.encoders.known import Known, SpeciesNamed
    from training.encoders.measure import EncoderFigures, Shots

COMMAND = "auricle-train encoders configs/training/fewshot/default.toml"


def page(compared: Sequence[Candidate], figures: Sequence[EncoderFigures], known: Known, costs: Sequence[Cost]) -> str:
    """Markdown."""
    parts = [_choice(figures, costs), _taught(figures), _own_names(known), _gated(known), _cost(compared, costs)]
    return "\n\n".join(parts) + "\n"


def _choice(figures: Sequence[EncoderFigures], costs: Sequence[Cost]) -> str:
    ours, birdnet = figures
    cost = {one.name: one for one in costs}
    both, default = cost["birdnet for both"], cost["bird-encoder, and birdnet names what it knows"]
    alone = cost["bird-encoder"]
    return f"""# Which encoder

Species that you teach are told apart by an encoder. There are two: `{ours.name}`, which comes with Auricle, and
BirdNET V2.4, which your machine fetches (`auricle models import birdnet`) and which besides names 6 522 species and
sounds by itself. Every figure below was written by `{COMMAND}`.

- **A species that BirdNET knows need not be taught.** Import BirdNET and leave `birds.encoder` as it is: BirdNET
  names what it knows, `{ours.name}` tells what you taught, both on one screen ({default.real_time_factor:.0f} times
  real time on one core, {default.memory_mb:.0f} MB).
- **To teach call types, individuals, or species that BirdNET lacks**: `birds.encoder = "birdnet"`, then
  `auricle species update`. Of five species taught from one clip each it names {_recall(birdnet, 5, 1):.0f} % of other
  people's recordings, `{ours.name}` {_recall(ours, 5, 1):.0f} %; from three clips {_recall(birdnet, 5, 3):.0f} and
  {_recall(ours, 5, 3):.0f} %. It has met most of these species in its training, `{ours.name}` has met none: for what
  neither has met, the two are nearer to each other than these figures say, and there is no recording here to tell by
  how much.
- **Where nothing may be fetched, memory is short, or the processor is weak**: `{ours.name}` alone
  ({alone.real_time_factor:.0f} times real time, {alone.memory_mb:.0f} MB; BirdNET for both
  {both.real_time_factor:.0f} times, {both.memory_mb:.0f} MB). Neither model's weights are for commercial use: both
  are under CC BY-NC-SA 4.0.
- **Teach from three clips of different birds, whichever it is**: that is worth as much as the other encoder. With more
  species taught, more strangers get a name; `auricle species threshold` makes one species stricter.
- After a change of encoder, `auricle species update` embeds the kept audio anew; `auricle doctor` says when that is
  due."""


def _taught(figures: Sequence[EncoderFigures]) -> str:
    ours, birdnet = figures
    first = ours.each[0]
    known = f"{ours.known:.3f} for `{ours.name}` {ours.version}, {birdnet.known:.3f} for BirdNET"
    return f"""## Species that you teach

Test species of `configs/training/fewshot/species.csv`: {first.asked.species} species, none of which trained, chose or
calibrated anything of ours; **BirdNET, which is also the teacher of `{ours.name}`, has met most of them.** Clips to
learn from and to ask about never share a recording nor a recordist. Sets of species and clips are drawn at random,
the same for both; every clip of another recordist is asked about, of taught species and of all others. Each clip is
enrolled as `auricle species enroll` does it, and named from the encoder's own threshold on ({known}).

- *recall*: clips of taught species that get their name; *wrong*: that get another taught one's; *stranger*: clips of
  species that were not taught, and get a name. Percent, with 95 % intervals over species and recordists.
- *false tags*: an hour, in {ours.each[0].false_tags[0].hours:.2f} h of sound without birds that chose nothing (ESC-50
  fold 4 without animals, machines, office, speech, street, vehicle): behind the gate as it listens, and with the gate
  held open, when every ten seconds are asked about. The gate has been trained on such sound, so the first is what you
  will see and the second what the encoder itself would do. In so few hours, none counted means up to
  {3.0 / ours.each[0].false_tags[0].hours:.1f} an hour (95 %).

{_shots_table(ours.each, birdnet.each)}

Few species have ten clips: {_able(ours.each)}. Rows with more clips are thus of other species than those with fewer.
The same {ours.same[0].drawn_from} species in every row:

{_shots_table(ours.same, birdnet.same)}"""


def _own_names(known: Known) -> str:
    always, gated = known.clips["always"], known.clips["gated"]
    groups: dict[str, list[str]] = {}
    for one in sorted(always, key=lambda one: (-one.right / one.clips, -one.clips, one.species)):
        groups.setdefault(f"{one.right} of {one.clips}", []).append(f"*{one.species}*")
    all_right = [name for share, names in groups.items() if _whole(share) for name in names]
    rows = [(share, ", ".join(names)) for share, names in groups.items() if not _whole(share)]
    unknown = f"; it has no label for {', '.join(f'*{name}*' for name in known.unknown)}" if known.unknown else ""
    return f"""## Species that BirdNET names by itself

`auricle replay` of the {_clips(always)} clips of {len(always)} test and validation species{unknown}: the most
probable label of a clip, at a confidence of {0.1:g} or more, is right in **{_share(always):.1f} %** of the clips, and
behind the gate (`species.run = "gated"`) in {_share(gated):.1f} %; averaged over species, {_by_species(always):.1f}
and {_by_species(gated):.1f} %. No place or week was given. These clips were cut where BirdNET hears their label best,
from recordings that it may have been trained on: expect less of your garden.

All clips right: {len(all_right)} species. The others:

{markdown(("clips right", "species"), rows)}"""


def _gated(known: Known) -> str:
    rows = [
        (
            f'`run = "{one.run}"`',
            f"{one.bird} of {one.calls}",
            f"{one.right} of {one.calls}",
            f"{one.elsewhere}",
            f"{one.classifier_ms:.1f}",
        )
        for one in known.minutes
    ]
    header = (
        "",
        "a bird named at a marked call",
        "the right species",
        "detections elsewhere",
        "ms for a second of audio",
    )
    return f"""## Always, or only behind the gate

Nine annotated field minutes of one site ({known.hours * 60:.0f} minutes, {known.minutes[0].calls} marked calls, most
of them distant), windows 1.5 s apart, confidence 0.1. Where only the genus is marked, the genus counts. The marks are
not complete, so a detection elsewhere need not be wrong.

{markdown(header, rows)}

`always` is the default; `gated` saves most of the cost where little sings, and misses what the gate misses."""


def _cost(compared: Sequence[Candidate], costs: Sequence[Cost]) -> str:
    rows = [
        (
            one.name,
            f"{one.real_time_factor:.0f}",
            f"{one.memory_mb:.0f}",
            f"{one.encoder_ms:.1f}" if one.encoder_ms else "",
            f"{one.classifier_ms:.1f}" if one.classifier_ms else "",
        )
        for one in costs
    ]
    header = ("", "times real time", "MB resident", "encoder, ms", "BirdNET's names, ms")
    sizes = "; ".join(
        f"`{one.name}` {one.bundle.manifest.version} {one.size / 1e6:.1f} MB, {one.embedder.dimension} values, "
        f"{one.bundle.manifest.licence}"
        for one in compared
    )
    return f"""## What it costs

The whole pipeline on one core of the machine that wrote this page, in memory, on a field minute (`auricle bench
--minutes 2 --recording`), every branch on as it is by default, and the encoder on a window every second, bird or
not: the most that it can cost. In use it runs where the gate hears a bird, and only if something was taught.
Milliseconds are for a second of audio. Where BirdNET does both, a window that the tagger and the classifier both want
is run once.

{markdown(header, rows)}

Model files: {sizes}."""


def _shots_table(ours: Sequence[Shots], birdnet: Sequence[Shots]) -> str:
    header = ["taught, from", "drawn from", "encoder", "recall", "wrong", "stranger", "false tags", "gate open"]
    rows: list[list[str]] = []
    for pair in zip(ours, birdnet, strict=True):
        for one in pair:
            asked = one.asked
            clips = f"{asked.shots} {'clip' if asked.shots == 1 else 'clips'}"
            rows.append(
                [
                    f"{asked.enrolled} species, {clips}" if one is pair[0] else "",
                    f"{one.drawn_from}" if one is pair[0] else "",
                    asked.name,
                    asked.recall.percent(),
                    asked.misnamed.percent(),
                    asked.unknown_named.percent(),
                    *(f"{figure.per_hour:.2f}" for figure in one.false_tags),
                ]
            )
    return markdown(header, rows)


def _recall(figures: EncoderFigures, enrolled: int, shots: int) -> float:
    found = next(one.asked for one in figures.each if (one.asked.enrolled, one.asked.shots) == (enrolled, shots))
    return 100 * found.recall.value


def _able(rows: Sequence[Shots]) -> str:
    counts = {one.asked.shots: one.drawn_from for one in rows}
    return ", ".join(f"{counts[shots]} can be taught from {shots}" for shots in SHOTS if shots in counts)


def _whole(share: str) -> bool:
    right, _, clips = share.partition(" of ")
    return right == clips


def _clips(named: Iterable[SpeciesNamed]) -> int:
    return sum(one.clips for one in named)


def _share(named: Sequence[SpeciesNamed]) -> float:
    return 100 * sum(one.right for one in named) / _clips(named)


def _by_species(named: Sequence[SpeciesNamed]) -> float:
    return 100 * sum(one.right / one.clips for one in named) / len(named)
