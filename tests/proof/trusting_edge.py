"""A faulty gateway, for the proof that the proof can fail: it takes the broker's PUBACK for `Stored`."""

from functools import partial

import edge.agent
from edge.__main__ import main
from edge.agent import Agent
from edge.outbox import BatchKey
from edge.uplink import Uplink
from protocols.mqtt.messages import Stored


class TrustingUplink(Uplink):
    def delivered(self, key: BatchKey) -> None:
        super().delivered(key)
        settled = Stored(gateway=self._gateway, epoch=key.epoch, settled=[(key.seq, key.seq)])
        self._outbox.settle(settled)


if __name__ == "__main__":
    edge.agent.Agent = partial(Agent, make_uplink=TrustingUplink)  # type: ignore[assignment,misc]
    main()
