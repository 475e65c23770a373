"""The products there are: documents out of TOML files, each judged whole; a mistake is told with its line."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from cloud.kit.errors import Invalid, NotFound
from cloud.kit.toml_lines import line_of, told
from cloud.tiers.advice.product_documents import Aim, Product
from protocols import spelling

MAX_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Filed:
    """A document and the file it stands in."""

    product: Product
    file: str
    text: str


class Products:
    """Documents by id and day. Invalid: two of one id hold on the same day, or none on a day between them."""

    def __init__(self, filed: Iterable[Filed]) -> None:
        self._of: dict[str, list[Filed]] = {}
        for each in filed:
            self._of.setdefault(each.product.id, []).append(each)
        for found in self._of.values():
            found.sort(key=lambda each: each.product.from_)
            for one, other in pairwise(found):
                _unbroken(one, other)

    @property
    def ids(self) -> list[str]:
        return sorted(self._of)

    def documents(self, product: str) -> list[Product]:
        """All of one id, oldest first. NotFound names what was probably meant."""
        if product not in self._of:
            raise NotFound(f"no product {product!r}: {spelling.hint(product, self._of)}see `product list`")
        return [each.product for each in self._of[product]]

    def in_force(self, day: date) -> list[Product]:
        """All that hold on a day, by id."""
        return [each.product for name in self.ids for each in self._of[name] if each.product.holds(day)]

    def answering(self, aim: Aim, day: date) -> list[Product]:
        return [each for each in self.in_force(day) if each.answers is aim]


def read(folder: Path | None = None) -> Products:
    """What ships, and the station's own in `folder`/products, in place of what ships of one id.

    Invalid names file, line and reason of the first that is wrong.
    """
    shipped = [
        parsed(each.read_text(encoding="utf-8"), each.name)
        for each in files("cloud.policies").joinpath("products").iterdir()
        if each.name.endswith(".toml")
    ]
    place = None if folder is None else folder / "products"
    own = [from_file(path) for path in sorted(place.glob("*.toml"))] if place and place.is_dir() else []
    replaced = {each.product.id for each in own}
    return Products([*(each for each in shipped if each.product.id not in replaced), *own])


def from_file(path: Path) -> Filed:
    """One document. Invalid: file, line, what is wrong."""
    try:
        content = path.read_bytes()
        if len(content) > MAX_BYTES:
            raise Invalid(f"{path}: {len(content):,} bytes are no product; at most {MAX_BYTES:,}")
        return parsed(content.decode("utf-8"), str(path))
    except OSError as error:
        raise Invalid(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Invalid(f"{path}:{line}: not UTF-8: save it as UTF-8") from None


def beside(path: Path, filed: Filed) -> list[Filed]:
    """The document and the others of its id in the same folder: they must follow one another."""
    others = [from_file(each) for each in sorted(path.parent.glob("*.toml")) if not each.samefile(path)]
    return [filed, *(each for each in others if each.product.id == filed.product.id)]


def parsed(text: str, file: str) -> Filed:
    """Invalid: file, line, what is wrong; numbers are read as exact decimals."""
    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{file}: not TOML: {error}") from None
    try:
        return Filed(Product.model_validate(content), file, text)
    except ValidationError as error:
        found = [told(Product, each, text, file) for each in spelling.mistakes(Product, error)]
        raise Invalid(found[0], found) from None


def _unbroken(one: Filed, other: Filed) -> None:
    """One version ends on the day the next begins: no day has two prices, none has no price by oversight."""
    line = line_of(other.text, ["from"])
    until = one.product.to
    where = f"{other.file}:{line}: {other.product.id} from {other.product.from_}"
    if until is None or until > other.product.from_:
        raise Invalid(
            f"{where} overlaps that of {one.file}, {one.product.from_} to {until or 'further notice'}: "
            f"end the older with to = {other.product.from_}"
        )
    if until < other.product.from_:
        raise Invalid(
            f"{where} leaves a gap: that of {one.file} ends on {until}: let this one begin on that day"
        )
