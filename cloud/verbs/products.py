"""`wattpost cloud products …`: what saving advice may recommend, and a station's own document judged."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloud.verbs import STYLE, Json, say, talk

if TYPE_CHECKING:
    from cloud.tiers.advice.product_documents import Product

Own = Annotated[
    Path | None,
    typer.Option("--policies", help="The station's own policies; its products/*.toml come before ours."),
]
products = typer.Typer(**STYLE, help="Saving products: dated documents with price, fit and payback.")


@products.command("list", epilog="Example: wattpost cloud products list")
def listed(policies: Own = None, as_json: Json = False) -> None:
    """The products there are, for whom, and at which price."""
    from cloud.tiers.advice.products import read

    found = read(policies)
    rows = [_about(each) for name in found.ids for each in found.documents(name)]
    lines = [
        f"{row['id']:<26} {row['price'] or 'free':>9} CNY/{row['unit']:<8} {', '.join(row['classes'])}"
        for row in rows
    ]
    say({"products": rows}, "\n".join(lines), as_json)


@products.command("check", epilog="Example: wattpost cloud products check policies/products/led.toml")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A product document, TOML.")],
    as_json: Json = False,
) -> None:
    """Judge a document: an unknown class or fact, no price, conditions that nobody can meet …"""
    from cloud.tiers.advice.products import Products, beside, from_file

    judged = from_file(file)
    Products(beside(file, judged))
    if not judged.document.certain:
        talk(f"{file}: note: not compared with offers of the station's own: certain = false")
    say(_about(judged.document), f"{file}: {judged.document.id} is sound", as_json)


def _about(product: "Product") -> dict[str, Any]:
    return {
        "id": product.id,
        "name": product.name.zh_CN,
        "answers": product.answers.value,
        "kind": product.kind.value,
        "classes": sorted(product.for_.classes),
        "sub_tiers": list(product.for_.sub_tiers),
        "price": None if product.price is None else f"{product.price:f}",
        "unit": product.unit.en,
        "life_years": product.life_years,
        "from": product.from_.isoformat(),
        "to": product.to.isoformat() if product.to else None,
        "source": product.source,
        "certain": product.certain,
    }
