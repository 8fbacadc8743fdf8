"""How audio gets from a capture process to the engine: exactly once, in order, and what is missing is counted.

The sender (DEALER) reads behind the capture's ring; the receiver (ROUTER) acknowledges cumulatively what the engine has
dealt with, and at most 8 blocks are unacknowledged. Twice a second the sender sends a note, which the receiver answers
with what it has received: that finds a lost connection, a lost block and a new engine, and the sender goes back in the
ring to the first sample that is missing. What the ring no longer holds is skipped and announced as lost.

1. A capture begins with a note. Without an answer for 2 s no audio is sent.
2. Samples are numbered from the start of the capture process; losses count. A block states how many were lost since
   the last one that the engine has. One that leaves out more than it states is dropped, and sent again in its turn.
3. An engine that does not know a stream says so; the sender then goes back to the first sample that no engine has dealt
   with, and marks the block as one to begin with.
4. A source belongs to one capture process until that says goodbye or is silent for 3 s; others are refused until then.
"""

from __future__ import annotations

from monitor.bus.audio_receiver import AudioReceiver
from monitor.bus.audio_sender import AudioSender
from monitor.bus.audio_source import LinkItem, RateChange, SourceBlock, SourceNote

__all__ = ["AudioReceiver", "AudioSender", "LinkItem", "RateChange", "SourceBlock", "SourceNote"]
