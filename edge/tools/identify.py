"""`wattpost edge identify`: a fitter opens one breaker, and the screen shows which meter fell."""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer

from edge.clock import Clock, SystemClock
from edge.drivers.mixed import LineDriver
from edge.links import Link, LinkDown, NoReply, link_of
from edge.settings import LineSettings, MeterSettings, Settings
from edge.tools import chosen, screen
from edge.tools.asking import Asker
from edge.tools.evidence import judged
from edge.tools.proof import BASE_ROUNDS, State, Verdict, Watched, judge
from edge.tools.scanning import ENERGY
from protocols import models
from protocols.dlt645.conversations import read_request
from protocols.errors import FrameError, Refused
from protocols.readings import Value

VERB: Final = "identify"
FILE: Final = "identify.jsonl"
EXPORT_AND_POWER: Final = {"2007": ("00020000", "02030000"), "1997": ("9020", "B630")}
SIGN: Final = 0x80
T = TypeVar("T")
ACCOUNT: Final = re.compile(r"[0-9A-Za-z-]{4,32}")

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.command(
    epilog="Example: wattpost edge identify --config gateway.toml --account 3601000123 --expected A01-003"
)
def identify(
    config: chosen.Config,
    account: Annotated[str, typer.Option(help="The account number (户号) whose breaker is opened.")],
    expected: Annotated[
        str | None, typer.Option(help="The meter that the records give to this account.")
    ] = None,
    line_name: Annotated[
        str | None, typer.Option("--line", help="Watch only this line; all lines if left out.")
    ] = None,
    for_s: Annotated[float, typer.Option("--for", help="Watch at most so many seconds.")] = 300.0,
    as_json: chosen.AsJson = False,
) -> None:
    """Prove which meter serves which account: open one breaker, see which meter falls, close it again."""
    if not ACCOUNT.fullmatch(account):
        raise typer.BadParameter(
            f"{account!r} is no account number; write its digits", param_hint="--account"
        )
    settings = chosen.load(VERB, config)
    lines = [chosen.line(VERB, settings, line_name)] if line_name else list(settings.lines)
    if expected is not None:
        expected = chosen.meter(VERB, settings, expected)[1].id
    clock = SystemClock()
    with ExitStack() as loans:
        for line in lines:
            loans.enter_context(chosen.lent(VERB, settings, line.name))
        watch = Watch([one_line(line) for line in lines], clock)
        try:
            verdict = watch.run(for_s)
        finally:
            watch.close()
    record = _record(settings, account, expected, verdict, watch, clock.now_ms())
    if verdict.meter:
        _keep(settings.data_dir, record)
    _show(record, as_json)
    if not verdict.meter:
        raise typer.Exit(1)


@dataclass(slots=True)
class OneLine:
    """The meters of one line, asked one after the other by the cheapest question."""

    line: LineSettings
    link: Link
    driver: LineDriver

    def look(self, meter: MeterSettings) -> tuple[bool | None, str]:
        """Whether it answers, and the bytes; None where the line itself, or noise, leaves it open."""
        self.driver.open()
        if meter.address is None:
            return _probed(self.driver, meter)
        self.link.set_speed(*self.line.speed_of(meter))
        edition = models.load(meter.model).version
        asker = Asker(self.link, self.line.timeout_s, chosen.byte_s(self.line))
        answer = judged(asker.ask(read_request(meter.address, ENERGY[edition], edition)))
        return (None if answer.garbled and not answer.sound else answer.sound), answer.exchange.hex

    def feeds_back(self, meter: MeterSettings) -> bool:
        """Whether energy has flowed, or flows, from it into the network: it may live without its breaker."""
        self.driver.open()
        talk = self.driver.talk(meter)
        if meter.address is None:
            values: dict[str, Value] = _or_nothing(talk.values, {})
            return bool(values.get("energy_export_wh")) or values.get("power_w", 0) < 0
        export, power = EXPORT_AND_POWER[talk.model.version]
        exported = any(_or_nothing(lambda: talk.ask(export), b""))
        backwards = _or_nothing(lambda: talk.ask(power), b"")[-1:]
        return exported or bool(talk.model.version == "2007" and backwards and backwards[0] & SIGN)


def _or_nothing(ask: Callable[[], T], nothing: T) -> T:
    """What a meter does not tell is not held against it."""
    try:
        return ask()
    except (NoReply, FrameError, Refused):
        return nothing


def one_line(line: LineSettings) -> OneLine:
    link = link_of(line)
    return OneLine(line, link, chosen.driver(line, link=link))


def _probed(driver: LineDriver, meter: MeterSettings) -> tuple[bool | None, str]:
    try:
        driver.probe(meter)
    except NoReply:
        return False, f"unit {meter.unit}: no answer"
    except FrameError as error:
        return None, f"unit {meter.unit}: {error}"
    return True, f"unit {meter.unit}: answers"


class Watch:
    """Rounds over all meters until one breaker was opened and closed, or the time is over."""

    def __init__(self, lines: Sequence[OneLine], clock: Clock) -> None:
        self._lines, self._clock = lines, clock
        self.watched = {each.id: Watched(each.id) for one in lines for each in one.line.meters}

    def run(self, for_s: float) -> Verdict:
        try:
            self._baseline()
            began_s = time.monotonic()
            screen.talk(
                "now open the breaker of this account, and close it again once its meter is shown as fallen"
            )
            while time.monotonic() - began_s < for_s:
                self._round()
                verdict = judge(list(self.watched.values()))
                if self._is_over(verdict):
                    return verdict
        except LinkDown as down:
            screen.refuse(VERB, [f"{down}; nothing is proved; check the line and begin again"])
        return judge(list(self.watched.values()))

    def close(self) -> None:
        for one in self._lines:
            one.driver.close()

    def _baseline(self) -> None:
        """Who answers before anything is opened, and who feeds back."""
        screen.talk(f"looking at {len(self.watched)} meters; do not open anything yet")
        for one in self._lines:
            for meter in one.line.meters:
                self.watched[meter.id].feeds_back = one.feeds_back(meter)
        for _ in range(BASE_ROUNDS):
            self._round()

    def _round(self) -> None:
        for one, meter in self._meters():
            answered, shown = one.look(meter)
            if answered is None:
                continue
            turned = self.watched[meter.id].heard(answered, self._clock.now_ms(), shown)
            if turned:
                _tell(turned, meter.id)

    def _meters(self) -> Iterator[tuple[OneLine, MeterSettings]]:
        """A meter in doubt is asked at once again, so that a fall shows within seconds."""
        for one in self._lines:
            for meter in one.line.meters:
                yield one, meter
                if self.watched[meter.id].state is State.DOUBTED:
                    yield one, meter

    def _is_over(self, verdict: Verdict) -> bool:
        """All that fell are back, or what fell cannot be told apart any more."""
        fallen = [self.watched[name] for name in verdict.fell]
        return bool(fallen) and all(each.seen_back for each in fallen)


def _tell(state: State, meter: str) -> None:
    mark = {State.FELL: "▼", State.BACK: "▲", State.SILENT_BEFORE: "?"}[state]
    screen.talk(f"{mark} {meter} {state}")


def _record(
    settings: Settings, account: str, expected: str | None, verdict: Verdict, watch: Watch, at_ms: int
) -> dict[str, Any]:
    one = watch.watched.get(verdict.meter or "")
    return {
        "account": account,
        "meter": verdict.meter,
        "proved": verdict.meter is not None,
        "why": verdict.why,
        "expected": expected,
        "crossed": bool(verdict.meter and expected and verdict.meter != expected),
        "fell": list(verdict.fell),
        "fell_at_ms": one.fell_at_ms if one else None,
        "back_at_ms": one.back_at_ms if one else None,
        "bytes": one.shown if one else [],
        "watched": len(watch.watched),
        "gateway": settings.gateway,
        "at_ms": at_ms,
    }


def _keep(folder: Path, record: dict[str, Any]) -> None:
    """The proof, appended: one line is one breaker."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).touch(mode=0o600)
        with (folder / FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    except OSError as error:
        screen.refuse(VERB, [f"{folder / FILE}: the proof could not be kept ({error.strerror}); begin again"])


def _show(record: dict[str, Any], as_json: bool) -> None:
    if as_json:
        screen.show_json(record | {"warning": chosen.DARK})
        return
    if record["meter"]:
        screen.show(f"account {record['account']} is served by meter {record['meter']}: {record['why']}")
        for each in record["bytes"]:
            screen.show(f"   {each}")
    else:
        screen.show(f"account {record['account']}: not proved: {record['why']}")
    if record["crossed"]:
        screen.show(f"串户 (crossed meters): the records give this account meter {record['expected']}")
    screen.show(f"\n{chosen.DARK}\n{chosen.DARK_ZH}")
