"""A faulty cloud, for the proof that the proof can fail: it says Stored first and commits afterwards.

Every few batches it stands still in between: until its word has surely left, which it says in a file, so that
a kill can be aimed there, and then until it is killed.
"""

import sys
import threading
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import cloud.app.works
from cloud.__main__ import main
from cloud.metering.ingest import Ingest
from protocols.mqtt import messages

LEAVES_S, WINDOW_S = 0.5, 5.0
EVERY = 2


class EagerIngest(Ingest):
    window: Path
    _numbers = count(1)

    def settle_many(self, group: Sequence[tuple[str, str, bytes]]) -> None:
        for gateway, _, payload in group:
            batch = messages.decode(payload, messages.Readings)
            ranges = [(batch.seq, batch.seq)]
            self.publish(messages.Stored(gateway=gateway, epoch=batch.epoch, settled=ranges))
        if group and next(self._numbers) % EVERY == 0:
            threading.Event().wait(LEAVES_S)
            with self.window.open("a") as told:
                told.write("here\n")
            threading.Event().wait(WINDOW_S)
        super().settle_many(group)


if __name__ == "__main__":
    EagerIngest.window = Path(sys.argv.pop(1))
    setattr(cloud.app.works, "Ingest", EagerIngest)  # noqa: B010
    main()
