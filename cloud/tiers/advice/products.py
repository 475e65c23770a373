"""The products there are: documents out of TOML files, each judged whole; a mistake is told with its line."""

from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from pathlib import Path

from cloud.kit.errors import Invalid, NotFound
from cloud.kit.toml_lines import line_of
from cloud.policies import shelf
from cloud.tiers.advice.product_documents import Aim, Product
from protocols import spelling

Filed = shelf.Filed[Product]
SHELF = shelf.Shelf(Product, "products", "product", 200_000)
from_file, parsed = SHELF.from_file, SHELF.parsed


class Products:
    """Documents by id and day. Invalid: two of one id hold on the same day, or none on a day between them."""

    def __init__(self, filed: Iterable[Filed]) -> None:
        self._of: dict[str, list[Filed]] = {}
        for each in filed:
            self._of.setdefault(each.document.id, []).append(each)
        for found in self._of.values():
            found.sort(key=lambda each: each.document.from_)
            for one, other in pairwise(found):
                _unbroken(one, other)

    @property
    def ids(self) -> list[str]:
        return sorted(self._of)

    def documents(self, product: str) -> list[Product]:
        """All of one id, oldest first. NotFound names what was probably meant."""
        if product not in self._of:
            raise NotFound(f"no product {product!r}: {spelling.hint(product, self._of)}see `product list`")
        return [each.document for each in self._of[product]]

    def in_force(self, day: date) -> list[Product]:
        """All that hold on a day, by id."""
        return [each.document for name in self.ids for each in self._of[name] if each.document.holds(day)]

    def answering(self, aim: Aim, day: date) -> list[Product]:
        return [each for each in self.in_force(day) if each.answers is aim]


def read(folder: Path | None = None) -> Products:
    """What ships, and the station's own in `folder`/products. Invalid: as `Shelf.read`."""
    return Products(SHELF.read(None if folder is None else folder / "products"))


def beside(path: Path, filed: Filed) -> list[Filed]:
    """The document and the others of its id in the same folder: they must follow one another."""
    others = [from_file(each) for each in sorted(path.parent.glob("*.toml")) if not each.samefile(path)]
    return [filed, *(each for each in others if each.document.id == filed.document.id)]


def _unbroken(one: Filed, other: Filed) -> None:
    """One version ends on the day the next begins: no day has two prices, none has no price by oversight."""
    line = line_of(other.text, ["from"])
    until = one.document.to
    where = f"{other.file}:{line}: {other.document.id} from {other.document.from_}"
    if until is None or until > other.document.from_:
        raise Invalid(
            f"{where} overlaps that of {one.file}, {one.document.from_} to {until or 'further notice'}: "
            f"end the older with to = {other.document.from_}"
        )
    if until < other.document.from_:
        raise Invalid(
            f"{where} leaves a gap: that of {one.file} ends on {until}: let this one begin on that day"
        )
