"""Another master on the same wires: it asks its meters in turn, again and again, and listens to nobody first.

The gateway hears its requests and the meters' answers, as it would on a shared bus.
"""

import asyncio

from firmware_sim.air import Party, overhearing, until
from firmware_sim.bus import Bus
from firmware_sim.scenario import MasterPlan


class SecondMaster:
    """Runs in wire time: its cycle is real seconds, however fast the fleet's clock goes."""

    def __init__(self, plan: MasterPlan, bus: Bus) -> None:
        self.plan = plan
        self._bus = bus
        self._party = Party(lambda _data, _at_s: None)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        cycle_at = asyncio.get_running_loop().time()
        while True:
            await self._cycle()
            cycle_at = max(cycle_at + self.plan.cycle_s, asyncio.get_running_loop().time())
            await until(cycle_at)

    async def _cycle(self) -> None:
        loop = asyncio.get_running_loop()
        for number, raw in enumerate(self.plan.requests):
            if number:
                await asyncio.sleep(self.plan.gap_ms / 1000)
            if self._bus.cut:
                continue
            ear, clients = self._bus.ear(), [overhearing(client) for client in self._bus.clients]
            arrived, end_s = await self._bus.air.carry(self._party, raw, loop.time(), clients)
            for request in [*ear.hear(arrived), *ear.idle()]:
                await self._bus.exchange(request, end_s, self.plan.name, clients)
