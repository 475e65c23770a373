"""Photographs of meters, kept by the hash of their bytes: only JPEG and PNG, and only so big."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cloud.kit.errors import Conflict, Invalid, NotFound

MAX_BYTES = 5 * 1024 * 1024
MAGIC = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}
ENDS = {"jpeg": b"\xff\xd9", "png": b"IEND\xaeB`\x82"}


@dataclass(frozen=True, slots=True)
class Photo:
    sha256: str
    kind: str
    bytes: int


def kind_of(content: bytes) -> str:
    """jpeg or png by the first bytes and the last; Invalid for anything else, whatever its name says."""
    if len(content) > MAX_BYTES:
        raise Invalid(f"a photo has at most {MAX_BYTES // (1024 * 1024)} MiB")
    for magic, kind in MAGIC.items():
        if content.startswith(magic):
            if ENDS[kind] not in content[-64:]:
                raise Invalid("the photo is cut short: take it again")
            return kind
    raise Invalid("a photo is a JPEG or PNG file")


@dataclass(frozen=True, slots=True)
class Photos:
    """In `folder`, one file each; the same picture twice is one file."""

    folder: Path

    def keep(self, content: bytes) -> Photo:
        """Written and synced when it returns."""
        photo = Photo(hashlib.sha256(content).hexdigest(), kind_of(content), len(content))
        path = self._path(photo.sha256)
        if path.exists():
            return photo
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise Conflict(f"the photo cannot be kept: {error.strerror}") from None
        return photo

    def read(self, sha256: str) -> bytes:
        """The bytes; NotFound when they are gone, or are no longer those that were kept."""
        try:
            content = self._path(sha256).read_bytes()
        except OSError:
            raise NotFound("that photo is not there") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise NotFound("that photo's file was changed: it is not shown")
        return content

    def remove(self, sha256: str) -> None:
        """For good; Conflict when the file cannot be removed, nothing when there is none."""
        try:
            self._path(sha256).unlink(missing_ok=True)
        except OSError as error:
            raise Conflict(f"photo {sha256} cannot be removed: {error.strerror}; remove it by hand") from None

    def _path(self, sha256: str) -> Path:
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise NotFound("that photo is not there")
        return self.folder / sha256
