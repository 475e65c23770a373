"""What others wrote is here byte for byte, named, licensed, and nothing else lies beside it."""

import hashlib
import tomllib
from typing import Any

from cloud.web.pages import STATIC

VENDOR = STATIC / "vendor"


def listed() -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = tomllib.loads((VENDOR / "VENDOR.toml").read_text())["file"]
    return files


def test_every_vendored_file_has_the_hash_that_is_written_down() -> None:
    for file in listed():
        digest = hashlib.sha256((VENDOR / file["name"]).read_bytes()).hexdigest()
        assert digest == file["sha256"], file["name"]


def test_no_vendored_file_is_unlisted_and_each_package_comes_with_its_licence() -> None:
    names = {file["name"] for file in listed()}
    assert {path.name for path in VENDOR.iterdir()} == names | {"VENDOR.toml"}
    licensed = {file["package"] for file in listed() if file["name"].endswith(".LICENSE.txt")}
    assert licensed == {file["package"] for file in listed()}


def test_nothing_that_a_browser_loads_names_a_foreign_host() -> None:
    for path in [*STATIC.glob("*.css"), *STATIC.glob("*.js"), *VENDOR.glob("*.css")]:
        text = path.read_text()
        assert "http:" not in text, path
        assert "https:" not in text, path
        assert "@import" not in text, path


def test_no_template_holds_inline_script_or_style() -> None:
    """But the file that a customer keeps: it stands alone, its style is our own report.css."""
    for path in (STATIC.parent / "templates").rglob("*.html"):
        text = path.read_text()
        if path.name == "document.html":
            text = text.replace("<style>{{ css }}</style>", "")
        assert " style=" not in text, path
        assert "<style" not in text, path
        assert "onclick" not in text, path
        assert text.count("<script") == text.count("<script src="), path
