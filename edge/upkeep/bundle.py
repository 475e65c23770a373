"""An update as one file: a tar of wheels and a manifest, and a signature over its hash (Ed25519, RFC 8032).

Nothing of a bundle is unpacked, let alone run, before its hash and signature are right.
"""

import hashlib
import json
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

MANIFEST: Final = "update.json"
MAX_BUNDLE_BYTES: Final = 256 << 20
MAX_FILES: Final = 200
_PURPOSE: Final = b"wattpost update\n"  # a signature made for something else is none for this
_VERSION: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){1,3}")
_WHEEL: Final = re.compile(r"[A-Za-z0-9_.+-]{1,200}\.whl")


class UpdateRefused(Exception):
    """This update is not taken; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose signature is right."""

    path: Path
    version: str
    sha256: str


def build(wheels: Iterable[Path], version: str, target: Path) -> str:
    """Write a bundle; its SHA-256 in hex. UpdateRefused when these can be no update."""
    _check_version(version)
    files = sorted(wheels, key=lambda each: each.name)
    if not files or not any(each.name.startswith(f"wattpost-{version}-") for each in files):
        raise UpdateRefused(f"there is no wheel wattpost-{version}-….whl among the files; build it first")
    manifest = json.dumps({"version": version, "wheels": [each.name for each in files]}).encode()
    head = tarfile.TarInfo(MANIFEST)
    head.size = len(manifest)
    with tarfile.open(target, "w") as bundle:
        bundle.addfile(head, BytesIO(manifest))
        for each in files:
            bundle.add(each, each.name)
    return digest(target)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sign(sha256: str, key: bytes) -> str:
    """The signature of a bundle's hash in hex; `key` is the 32 bytes of the signing key."""
    return SigningKey(key).sign(_PURPOSE + bytes.fromhex(sha256)).signature.hex()


def new_key() -> tuple[str, str]:
    """(signing key, key for the gateways), both as hex."""
    key = SigningKey.generate()
    return bytes(key).hex(), bytes(key.verify_key).hex()


def verified(path: Path, sha256: str, signature: str, public_key: str) -> Bundle:
    """The bundle, when hash and signature are right and its manifest can be read; else UpdateRefused."""
    if path.stat().st_size > MAX_BUNDLE_BYTES:
        raise UpdateRefused(f"{path.name} is larger than {MAX_BUNDLE_BYTES >> 20} MiB; it can be no update")
    if digest(path) != sha256.lower():
        raise UpdateRefused(
            f"{path.name} is not the file that was meant (its SHA-256 differs); send it again"
        )
    try:
        key = VerifyKey(bytes.fromhex(public_key.strip()))
        key.verify(_PURPOSE + bytes.fromhex(sha256), bytes.fromhex(signature))
    except (BadSignatureError, ValueError, TypeError):
        raise UpdateRefused(
            f"{path.name} does not bear the signature of this gateway's update key; sign it with that key"
        ) from None
    return Bundle(path, _manifest(path)["version"], sha256.lower())


def unpack(bundle: Bundle, folder: Path) -> list[Path]:
    """The wheels, as files of that folder. Names were checked: nothing lands outside of it."""
    with tarfile.open(bundle.path) as tar:
        names = _manifest(bundle.path)["wheels"]
        for name in names:
            tar.extract(name, folder, filter="data")
    return [folder / name for name in names]


def _manifest(path: Path) -> dict[str, Any]:
    try:
        with tarfile.open(path) as tar:
            member = tar.getmember(MANIFEST)
            file = tar.extractfile(member) if member.size < (1 << 20) else None
            found = json.loads(file.read()) if file else {}
    except (tarfile.TarError, KeyError, ValueError, OSError) as error:
        raise UpdateRefused(f"{path.name} is no update of ours ({error}); build it anew") from None
    names = found.get("wheels") if isinstance(found, dict) else None
    if not isinstance(names, list) or not 0 < len(names) <= MAX_FILES:
        raise UpdateRefused(f"{path.name}: its manifest names no wheels; build it anew")
    for name in names:
        if not isinstance(name, str) or not _WHEEL.fullmatch(name):
            raise UpdateRefused(f"{path.name}: {str(name)[:80]!r} is no wheel; build it anew")
    _check_version(str(found.get("version")))
    return dict(found)


def _check_version(version: str) -> None:
    if not _VERSION.fullmatch(version):
        raise UpdateRefused(f"{version[:40]!r} is no version; write one such as 1.4.0")


def later(version: str, than: str) -> bool:
    """Whether one dotted version comes after another; what is no version comes before all."""
    return _numbers(version) > _numbers(than)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split("."))) if _VERSION.fullmatch(version) else ()
