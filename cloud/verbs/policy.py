"""`wattpost cloud policy …`: the station's own rules, judged before they come into force."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cloud.verbs import STYLE, Json, say

policy = typer.Typer(**STYLE, help="The station's rules as dated data: limits, deadlines, tariffs, tiers.")
Reader = Callable[[Path | None], object]


@policy.command("check", epilog="Example: wattpost cloud policy check policies/")
def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="As `policies_dir` names it.")],
    as_json: Json = False,
) -> None:
    """Judge every policy in a folder as the service would: mistakes are told with file, line and reason."""
    from cloud.kit.errors import Invalid
    from cloud.policies.added import taken

    if not folder.is_dir():
        raise Invalid(f"{folder}: no such folder")
    known = readers()
    found = {name: sorted(_in(folder, name)) for name in known}
    wrong = list(dict.fromkeys([*_strangers(folder, known), *_mistakes(folder, known, found)]))
    if wrong:
        raise Invalid(wrong[0], wrong)
    sound = [path for paths in found.values() for path in paths]
    shipped = {str(path): names for path in sound if path.parent == folder and (names := taken(path))}
    lines = [f"{path}: sound{_as_shipped(shipped.get(str(path), ()))}" for path in sound]
    told = {"sound": [str(path) for path in sound], "as_shipped": shipped}
    say(told, "\n".join(lines) or "no policy of its own", as_json)


def _as_shipped(names: Sequence[str]) -> str:
    return f"; it lacks {', '.join(names)}: as wattpost ships them" if names else ""


def readers() -> Mapping[str, Reader]:
    """What reads and judges each policy: `NAME.toml`, or the documents in the folder NAME."""
    return dict(sorted({**_of_the_chain(), **_of_service()}.items()))


def _of_the_chain() -> Mapping[str, Reader]:
    """From the meter to what is understood of it, and what is wrong."""
    from cloud.alerts import policy as alerts
    from cloud.fleet import command_rules, owners
    from cloud.insight import bands
    from cloud.insight.areas.policy import quality_policy
    from cloud.insight.forecast.policy import forecast_policy
    from cloud.insight.loss.policy import loss_policy
    from cloud.insight.profile.policy import profile_policy
    from cloud.kit.calendar import station_calendar
    from cloud.metering.ledger.policy import collection_policy
    from cloud.metering.vee.policy import vee_policy
    from cloud.workorders.deadlines import deadline_policy

    return {
        "alerts": alerts.alert_policy,
        "bands": bands.station_bands,
        "calendar": station_calendar,
        "collection": collection_policy,
        "commands": command_rules.command_policy,
        "deadlines": deadline_policy,
        "forecast": forecast_policy,
        "loss": loss_policy,
        "notices": alerts.notice_policy,
        "owners": lambda folder: owners.owners(folder, "companion"),
        "profile": profile_policy,
        "quality": quality_policy,
        "vee": vee_policy,
    }


def _of_service() -> Mapping[str, Reader]:
    """What is charged, promised, advised and offered."""
    from cloud.customers.file.contract_terms import contract_terms
    from cloud.tiers.advice import products
    from cloud.tiers.advice.equipment.policy import equipment_policy
    from cloud.tiers.advice.policy import advice_policy
    from cloud.tiers.campaigns.house import read_promotions
    from cloud.tiers.campaigns.policy import campaign_policy
    from cloud.tiers.entitlements import policy as entitlements
    from cloud.tiers.mismatch.policy import mismatch_policy
    from cloud.tiers.overload import overload_policy
    from cloud.tiers.parts import tariff_catalogue
    from cloud.tiers.rating import policy as rating
    from cloud.tiers.response.policy import response_policy

    return {
        "advice": advice_policy,
        "campaigns": campaign_policy,
        "class_profiles": mismatch_policy,
        "contracts": contract_terms,
        "entitlements": entitlements.read,
        "equipment": equipment_policy,
        "mismatch": mismatch_policy,
        "overload": overload_policy,
        "products": products.read,
        "promotions": read_promotions,
        "response": response_policy,
        "tariffs": tariff_catalogue,
        "tiers": rating.read,
    }


def _in(folder: Path, name: str) -> Iterator[Path]:
    if (file := folder / f"{name}.toml").is_file():
        yield file
    if (folder / name).is_dir():
        yield from (folder / name).glob("*.toml")


def _strangers(folder: Path, known: Mapping[str, Reader]) -> Iterator[str]:
    """A file under a name that nobody reads would be left out in silence."""
    from protocols import spelling

    for path in sorted(folder.iterdir()):
        name = path.stem if path.suffix == ".toml" else path.name if path.is_dir() else None
        if name is not None and name.startswith((".", "__")):
            continue
        if name is not None and name not in known:
            yield f"{path}: nobody reads it; {spelling.hint(name, known)}there are {', '.join(known)}"


def _mistakes(folder: Path, known: Mapping[str, Reader], found: Mapping[str, list[Path]]) -> Iterator[str]:
    from cloud.kit.errors import Invalid

    for name, read in known.items():
        if not found[name]:
            continue
        try:
            read(folder)
        except Invalid as error:
            yield from error.problems or [str(error)]
