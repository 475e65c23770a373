"""`wattpost cloud tariff …`: the tariffs there are, a document judged, and what a use costs, line by line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloud.verbs import STYLE, Json, say, talk
from cloud.verbs.tariff_price import EXAMPLES, Own, price, tariffs_in
from cloud.verbs.words import Language, words_of

if TYPE_CHECKING:
    from cloud.tariffs.documents import Tariff
    from cloud.web.language import Words

tariff = typer.Typer(**STYLE, help="Tariffs: dated documents, and what a use costs under them.")


@tariff.command("list", epilog="Example: wattpost cloud tariff list")
def listed(policies: Own = None, language: Language = None, as_json: Json = False) -> None:
    """The tariffs there are, with their plans and the days they hold."""
    from cloud.tariffs.catalogue import read

    catalogue = read(tariffs_in(policies))
    found = [each for name in catalogue.ids for each in catalogue.documents(name)]
    words = words_of(language)
    lines = [line for each in found for line in _lines(each, words)]
    say({"tariffs": [_about(each) for each in found]}, "\n".join(lines), as_json)


def _lines(document: "Tariff", words: "Words") -> list[str]:
    """The tariff and the days it holds; below it each plan by id and name."""
    from cloud.web.tariff_words import name

    held = f"{document.from_} – {document.to or '…'}"
    plans = [f"  {each.id:<12} {name(each.name, words)}" for each in document.plans]
    return [f"{document.id:<20} {held:<24} {name(document.name, words)}", *plans]


@tariff.command("check", epilog="Example: wattpost cloud tariff check policies/tariffs/own.toml")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A tariff document, TOML.")],
    as_json: Json = False,
) -> None:
    """Judge a document: gaps and contradictions are refused, what is hardly meant is told with its line."""
    from cloud.tariffs.catalogue import from_file, remarks, warnings

    filed = from_file(file)
    judged, odd = filed.document, warnings(filed)
    said = remarks(judged)
    for each in odd:
        place, _, what = each.partition(": ")
        talk(f"{place}: warning: {what}")
    for each in said:
        talk(f"{file}: note: {each}")
    text = f"{file}: {judged.id} is sound" + (f", with {len(odd)} to look at" if odd else "")
    say(_about(judged) | {"remarks": said, "warnings": odd}, text, as_json)


tariff.command("price", epilog=EXAMPLES)(price)


def _about(document: "Tariff") -> dict[str, Any]:
    return {
        "id": document.id,
        "name": document.name.zh_CN,
        "from": document.from_.isoformat(),
        "to": document.to.isoformat() if document.to else None,
        "notice": document.notice,
        "source": document.source,
        "certain": document.certain,
        "plans": [each.id for each in document.plans],
    }
