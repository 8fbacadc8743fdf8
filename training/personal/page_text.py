"""The parts of the page that are no figures."""

INTRODUCTION = """# A classifier of sound classes for one place

The classifier of sound classes (noise, music, speech, speech plus noise) has 544 numbers and cannot know every place.
Auricle can make one for the place where the monitor is, after Koppelman et al. (2023), without labels and without
sending sound: the monitor fits a mixture of Gaussians to what it hears; a back-end, which is yours, draws vectors from
that mixture, has a large network label them, keeps the labels that are certain, and trains the small classifier anew.

This page is written by the recipe named below, figures included."""

LEAVES = """## What leaves the device

Nothing, until `auricle scene personalize send` is called with an address. Then, once, these fields and no other:

| field | what |
|---|---|
| kind, version | what the message is |
| spec, basis, frames, values | which filter bank and basis the numbers belong to, and the shape of a decision: 5 x 9 |
| vectors | how many decisions of ten seconds the mixture stands for |
| weights, means, variances | float32: 1 + 45 + 45 numbers a component; 16 components are 5 824 bytes |

`auricle scene personalize send --show` prints every one of these numbers and sends nothing. No audio, no feature
vector, no time of day, no name and no place is in it, and a test takes the message apart to its last byte
(`tests/unit/scene/test_personal_message.py`).

A mean over one vector would be that vector. So a component that stands for fewer than 30 vectors (five minutes), or
whose variances are below 0.25 dB² on average, is merged with the one that loses the least by it before anything is
written or sent, and no variance that is sent is smaller than that. The file on the device, `personal/gathered` in the
data folder, holds exactly that message and two times, and nothing else; young components live in memory only.
`auricle scene personalize forget` deletes it.

A mixture still tells something: how much of the time it is quiet, that there is music, how loud things are. Send it to
a back-end that you trust. Sockets that leave the computer are encrypted and both sides have keys; without keys only the
loopback address is allowed."""

HOW = """## How it is used

```toml
[sound.personalize]
gather = true          # off unless you say so
components = 16
recordings = false     # whether replayed recordings count too
```

```sh
auricle scene personalize status                              # how much was gathered, what is in use
auricle scene personalize send --show                         # exactly what would leave
auricle scene personalize send tcp://127.0.0.1:7320           # to a back-end, which answers with a classifier
auricle scene personalize apply                               # checked, put in use, the old one kept
auricle scene personalize revert                              # and back
```

On the other side, where the training package and the recordings are:

```sh
auricle-train personalize serve                               # --bind ADDRESS --keys FOLDER for other computers
auricle-train personalize run mixture.bin --out answer.bin    # the same by file: `send --out`, `apply FILE`
```

A monitor that runs takes a classifier over within a second and loses no decision. One that is damaged, fails its
self-test, or was made for another filter bank or other classes is refused, and the one in use stays. On the screen `v`
shows what was gathered, applies and reverts.

Gathering in memory: a count, 45 means and 45 sums of squares a component; each vector is shared among the components by
their responsibilities (incremental expectation-maximisation), a vector that none explains begins one, and where that is
one too many the two whose merging costs least likelihood become one."""
