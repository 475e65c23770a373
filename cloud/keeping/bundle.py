"""A backup as a file: a tar of members, whose last one, `manifest.json`, says what each must be.

Nothing of a bundle is used before all of it was read and found to be what its manifest says.
"""

import gzip
import hashlib
import json
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, Self, cast

from cloud.kit.errors import Conflict, Invalid

FORMAT: Final = "wattpost-backup 1"
MANIFEST: Final = "manifest.json"
_MOST_MANIFEST: Final = 64 << 20
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    bytes: int
    sha256: str


class Writer:
    """Writes a bundle beside its place and moves it there when whole; it is for this user's eyes only."""

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise Conflict(f"{path} is there already: name another file")
        self._path, self._part = path, path.with_name(path.name + ".part")
        try:
            handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise Invalid(f"{path}: cannot be written: {error.strerror}") from None
        self._file = os.fdopen(handle, "wb")
        self._packed = gzip.GzipFile(fileobj=self._file, mode="wb", compresslevel=1)
        self._tar = tarfile.open(fileobj=self._packed, mode="w|")  # noqa: SIM115
        self._members: list[Member] = []

    def __enter__(self) -> Self:
        return self

    def add(self, name: str, source: Path) -> None:
        """Put a file in under `name`, as it is now. FileNotFoundError: it is gone; Conflict: it shrank."""
        with source.open("rb") as file:
            info = tarfile.TarInfo(name)
            info.size, info.mode = os.fstat(file.fileno()).st_size, 0o600
            hashed = _Hashed(file)
            try:
                self._tar.addfile(info, cast("IO[bytes]", hashed))
            except OSError as error:
                raise Conflict(
                    f"{source}: changed while it was read, or the disk is full: {error}"
                ) from error
        self._members.append(Member(name, info.size, hashed.digest.hexdigest()))

    def finish(self, told: dict[str, Any], scratch: Path) -> None:
        """Write the manifest: what is told of the station, and every member with its hash."""
        members = [{"name": each.name, "bytes": each.bytes, "sha256": each.sha256} for each in self._members]
        manifest = scratch / MANIFEST
        manifest.write_text(json.dumps({"format": FORMAT, **told, "members": members}, ensure_ascii=False))
        self.add(MANIFEST, manifest)
        self._tar.close()
        self._packed.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._packed.close()
            self._file.close()
            self._part.unlink(missing_ok=True)


class _Hashed:
    """Hashes the very bytes that are written: a file may grow meanwhile."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, size: int) -> bytes:
        content = self._file.read(size)
        self.digest.update(content)
        return content


@contextmanager
def unpacked(path: Path, scratch: Path, progress: Callable[[int], object]) -> Iterator[dict[str, Any]]:
    """Every member as a file in `scratch`, checked; gives the manifest. Invalid names what is wrong."""
    found: dict[str, Member] = {}
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|gz") as tar:
            before = 0
            for info in tar:
                found[info.name] = _extract(tar, info, scratch)
                progress(file.tell() - before)
                before = file.tell()
    except FileNotFoundError:
        raise Invalid(f"{path}: no such file") from None
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise Invalid(f"{path}: is damaged or no backup: {error}") from None
    manifest = _manifest(path, scratch / MANIFEST)
    _compare(path, manifest, found)
    yield manifest


def _extract(tar: tarfile.TarFile, info: tarfile.TarInfo, scratch: Path) -> Member:
    name = PurePosixPath(info.name)
    source = tar.extractfile(info) if info.isfile() else None
    if source is None or name.is_absolute() or ".." in name.parts:
        raise tarfile.TarError(f"{info.name!r} is none of ours")
    target = scratch / name
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return Member(info.name, info.size, digest.hexdigest())


def _manifest(path: Path, manifest: Path) -> dict[str, Any]:
    if not manifest.is_file():
        raise Invalid(f"{path}: has no manifest: it was not written to its end")
    if manifest.stat().st_size > _MOST_MANIFEST:
        raise Invalid(f"{path}: its manifest is too large")
    try:
        found = dict(json.loads(manifest.read_bytes()))
    except (ValueError, TypeError) as error:
        raise Invalid(f"{path}: its manifest cannot be read: {error}") from None
    if found.get("format") != FORMAT:
        raise Invalid(f"{path}: its format is {found.get('format')!r}, this program knows {FORMAT!r}")
    return found


def _compare(path: Path, manifest: dict[str, Any], found: dict[str, Member]) -> None:
    wanted = {each["name"]: Member(**each) for each in manifest["members"]}
    found = {name: member for name, member in found.items() if name != MANIFEST}
    wrong = [
        f"{name}: {'lacks' if name not in found else 'is not what was written'}"
        for name, member in wanted.items()
        if found.get(name) != member
    ]
    wrong += [f"{name}: is not in the manifest" for name in found if name not in wanted]
    if wrong:
        raise Invalid(f"{path}: {wrong[0]}", wrong)
