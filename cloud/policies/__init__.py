"""The station's rules as dated data; each slice reads and checks its own file at start."""

import tomllib
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from cloud.kit.errors import Invalid
from cloud.kit.toml_lines import Place, line_of, told
from cloud.policies.added import completed
from protocols import spelling

P = TypeVar("P", bound=BaseModel)


def read(
    name: str,
    model: type[P],
    folder: Path | None = None,
    check: Callable[[P], Iterable[tuple[Place, str]]] = lambda _: (),
) -> P:
    """The policy `name`.toml: the station's own in `folder` when it is there, else the one that ships.
    What has been added to it since (`added`) a file of the station's own may lack.

    `check` names what of the whole does not go together: the place in the file, and what is wrong with it.
    """
    if folder is not None and not folder.is_dir():
        raise Invalid(f"policies_dir: {folder} is no folder")
    own = folder / f"{name}.toml" if folder is not None else None
    source = own if own is not None and own.is_file() else files("cloud.policies") / f"{name}.toml"
    try:
        text = source.read_text(encoding="utf-8")
        content, _ = completed(name, tomllib.loads(text))
        policy = model.model_validate(content)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"policy {source}: not TOML: {error}") from None
    except ValidationError as error:
        found = [told(model, each, text, f"policy {source}") for each in spelling.mistakes(model, error)]
        raise Invalid(found[0], found) from None
    if wrong := [f"policy {source}:{line_of(text, place)}: {said}" for place, said in check(policy)]:
        raise Invalid(wrong[0], wrong)
    return policy
