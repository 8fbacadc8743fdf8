"""Opens what an engine needs to look after machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.engine.machine_desk import MachineDesk
from monitor.engine.machine_learning import MachineLearning
from monitor.engine.machine_playing import MachinePlayer
from monitor.engine.machine_teacher import MachineTeacher
from monitor.machines.profile_folder import MachineFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

    from monitor.bus.server import BusServer
    from monitor.core.types import AudioBlock
    from monitor.engine.audio_history import Histories
    from monitor.engine.models import Models
    from monitor.engine.privacy_book import PrivacyBook
    from monitor.engine.runner import Listener
    from monitor.errors import AuricleError
    from monitor.settings import MachinesSettings


def open_desk(
    settings: MachinesSettings,
    folder: Path,
    models: Models,
    report: Callable[[AuricleError], None],
    *,
    recordings: bool = False,
) -> MachineDesk | None:
    """None where the settings want no machines; in `recordings` all are heard, whatever their microphones.

    Raises StoreError when the folder cannot be read.
    """
    if not settings.enabled:
        return None
    encoder = models.machine_encoder
    return MachineDesk(
        MachineFolder(folder),
        encoder.id if encoder else None,
        report,
        names=settings.names,
        heard_by={} if recordings else settings.heard_by,
        learns_with_encoder=settings.encoder is not None,
    )


def serve_machines(
    desk: MachineDesk | None,
    folder: Path,
    models: Models,
    histories: Histories,
    server: BusServer,
    stack: ExitStack,
    privacy: PrivacyBook | None = None,
) -> Listener | None:
    """Answer what is asked about machines; returns who has to hear the audio for that, None without a desk."""
    if desk is None:
        return None
    bundle = models.machine_bundle
    teacher = MachineTeacher(folder, bundle.path if bundle else None, always=desk.learns_with_encoder)
    learning = stack.enter_context(MachineLearning(desk, teacher, histories, privacy=privacy))
    learning.serve_on(server)
    stack.enter_context(MachinePlayer(desk, folder, histories)).serve_on(server)

    def hear(source: str, block: AudioBlock) -> None:
        histories.hear(source, block)
        learning.hear(source, block)

    return hear
