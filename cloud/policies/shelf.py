"""Policies of many documents: a folder of TOML files, each judged whole; a mistake is told with its line."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources import files
from operator import attrgetter
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from cloud.kit.errors import Invalid
from cloud.kit.toml_lines import told
from protocols import spelling

D = TypeVar("D", bound=BaseModel)
_id, _name = attrgetter("id"), attrgetter("name")


@dataclass(frozen=True)  # with slots, Python 3.11 cannot make one by the name of Filed[Tariff]
class Filed(Generic[D]):
    """A document and the file it stands in."""

    document: D
    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Shelf(Generic[D]):
    """Documents of one form; `folder` below cloud/policies holds those that ship, `what` is one of them.

    `written`: keys of the form as files have them, singular where that reads better.
    """

    form: type[D]
    folder: str
    what: str
    max_bytes: int
    written: Mapping[str, str] = field(default_factory=dict)

    def read(self, own: Path | None) -> list[Filed[D]]:
        """What ships, and the station's in the folder `own`, which stand in place of what ships of one id.

        Invalid names file, line and reason of the first that is wrong.
        """
        shipped = [
            self.parsed(each.read_text(encoding="utf-8"), each.name)
            for each in sorted(files("cloud.policies").joinpath(self.folder).iterdir(), key=_name)
            if each.name.endswith(".toml")
        ]
        mine = [self.from_file(path) for path in sorted(own.glob("*.toml"))] if own and own.is_dir() else []
        replaced = {_id(each.document) for each in mine}
        return [*(each for each in shipped if _id(each.document) not in replaced), *mine]

    def from_file(self, path: Path) -> Filed[D]:
        """One document. Invalid: file, line, what is wrong."""
        try:
            content = path.read_bytes()
            if len(content) > self.max_bytes:
                raise Invalid(
                    f"{path}: {len(content):,} bytes are no {self.what}; at most {self.max_bytes:,}"
                )
            return self.parsed(content.decode("utf-8"), str(path))
        except OSError as error:
            raise Invalid(f"{path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise Invalid(f"{path}:{line}: not UTF-8: save it as UTF-8") from None

    def parsed(self, text: str, file: str) -> Filed[D]:
        """Invalid: file, line, what is wrong; numbers are read as exact decimals."""
        try:
            content = tomllib.loads(text, parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            raise Invalid(f"{file}: not TOML: {error}") from None
        meant = {name: key for key, name in self.written.items()}
        try:
            document = self.form.model_validate({meant.get(key, key): each for key, each in content.items()})
        except ValidationError as error:
            mistakes = spelling.mistakes(self.form, error)
            found = [told(self.form, each, text, file, self.written) for each in mistakes]
            raise Invalid(found[0], found) from None
        return Filed(document, file, text)
