"""News reaches every open console, a slow one is told what it missed, and the end comes at once."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from cloud.kit.errors import TooMany
from cloud.web.live import KEPT, LISTENERS, Broadcaster, Listener, News
from protocols.readings import Reading, Source


def reading(number: int) -> Reading:
    return Reading("M-1", number, Source.POLLED, {"power_w": 1.0})


async def next_of(stream: AsyncIterator[News]) -> News:
    return await asyncio.wait_for(anext(stream), 5)


def test_a_new_console_begins_with_the_newest_readings() -> None:
    async def story() -> None:
        live = Broadcaster()
        live.readings([reading(number) for number in range(KEPT + 5)])
        first = await next_of(live.listen())
        assert first.first
        assert [each.at_ms for each in first.readings] == list(range(5, KEPT + 5))

    asyncio.run(story())


def test_readings_from_another_thread_arrive_in_order() -> None:
    async def story() -> None:
        live = Broadcaster(tick_s=0)
        stream = live.listen()
        await next_of(stream)

        def tell() -> None:
            for number in range(3):
                live.readings([reading(number)])

        threading.Thread(target=tell).start()
        seen: list[int] = []
        while len(seen) < 3:
            seen += [each.at_ms for each in (await next_of(stream)).readings]
        assert seen == [0, 1, 2]

    asyncio.run(story())


def test_a_slow_console_loses_the_oldest_and_is_told_how_many() -> None:
    async def story() -> None:
        live = Broadcaster(tick_s=0)
        stream = live.listen()
        await next_of(stream)
        live.readings([reading(number) for number in range(KEPT)])
        live.readings([reading(number) for number in range(KEPT, KEPT + 7)])
        news = await next_of(stream)
        assert news.skipped == 7
        assert [each.at_ms for each in news.readings] == list(range(7, KEPT + 7))

    asyncio.run(story())


def test_a_change_without_a_reading_is_news_too() -> None:
    async def story() -> None:
        live = Broadcaster(tick_s=0)
        stream = live.listen()
        await next_of(stream)
        live.changed()
        news = await next_of(stream)
        assert news.changed
        assert not news.readings

    asyncio.run(story())


def test_a_quiet_station_gives_a_sign_of_life() -> None:
    async def story() -> None:
        live = Broadcaster(tick_s=0, heartbeat_s=0.01)
        stream = live.listen()
        await next_of(stream)
        assert await next_of(stream) == News((), 0, False)

    asyncio.run(story())


def test_closing_ends_every_stream_at_once_even_one_that_waits_out_its_tick() -> None:
    async def story() -> None:
        live = Broadcaster(tick_s=3600, heartbeat_s=3600)
        waiting, ticking = live.listen(), live.listen()
        await next_of(waiting)
        await next_of(ticking)
        live.readings([reading(1)])
        await next_of(ticking)
        ends = [asyncio.create_task(anext(stream, None)) for stream in (waiting, ticking)]
        await asyncio.sleep(0)
        live.close()
        found = await asyncio.wait_for(asyncio.gather(*ends), 5)
        assert found[1] is None
        assert live.listening <= 1
        assert await asyncio.wait_for(anext(live.listen()), 5) is not None  # who comes now gets one look

    asyncio.run(story())


def test_a_console_that_went_away_is_forgotten() -> None:
    async def story() -> None:
        live = Broadcaster()
        stream = live.listen()
        await next_of(stream)
        assert live.listening == 1
        await stream.aclose()  # type: ignore[attr-defined]
        assert live.listening == 0

    asyncio.run(story())


def test_more_consoles_than_the_limit_are_asked_to_wait() -> None:
    async def story() -> None:
        live = Broadcaster()
        streams = [live.listen() for _ in range(LISTENERS)]
        for stream in streams:
            await next_of(stream)
        with pytest.raises(TooMany):
            await next_of(live.listen())

    asyncio.run(story())


def test_telling_a_console_whose_loop_has_ended_is_no_error() -> None:
    async def listener() -> Listener:
        return Listener(())

    loop = asyncio.new_event_loop()
    orphan = loop.run_until_complete(listener())
    loop.close()
    orphan.tell([reading(1)])
