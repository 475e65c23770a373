"""Every text of the pages has both languages, whole, with the same placeholders."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract_from_dir

from cloud.web.language import CATALOGUES, LANGUAGES, Words, catalogue, known
from tests.cloud.web.village import NOW

PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "mark": None, "text": None, "many": (1, 2)}
FORBIDDEN = ("线路无电", "已断电", "可以安全", "is dead", "is safe", "de-energised")


def used() -> set[str | tuple[str, ...]]:
    """Every text that a template or a module of the pages names."""
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    options = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}
    rows = extract_from_dir(CATALOGUES.parent, method_map=methods, options_map=options, keywords=KEYWORDS)
    return {row[2] for row in rows}


def texts(given: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())


def test_every_text_is_translated_and_no_translation_is_left_over() -> None:
    assert {texts(each)[0] for each in used()} == {texts(each)[0] for each in known_texts("zh_CN")}


def test_english_is_the_text_in_the_code_unless_it_must_read_otherwise() -> None:
    assert known_texts("en") <= {texts(each)[0] for each in used()}
    assert [each.id for each in catalogue("en") if each.id and each.string == each.id] == []
    assert Words("en", ZoneInfo("Asia/Shanghai")).text("Areas") == "Areas"


def known_texts(language: str) -> set[str]:
    return {texts(message.id)[0] for message in catalogue(language) if message.id}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_empty_or_fuzzy_or_loses_a_placeholder(language: str) -> None:
    for message in catalogue(language):
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        wanted = set(PLACEHOLDER.findall(texts(message.id)[-1]))
        for text in texts(message.string):
            assert text, message.id
            assert set(PLACEHOLDER.findall(text)) == wanted, message.id


def test_chinese_texts_use_chinese_marks() -> None:
    for message in catalogue("zh_CN"):
        for text in texts(message.string) if message.id else []:
            bare = PLACEHOLDER.sub("", text)
            assert not re.search(r"[\u4e00-\u9fff][,;:?!(]", bare), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_says_that_a_line_is_dead_or_safe(language: str) -> None:
    for message in catalogue(language):
        for text in texts(message.string):
            assert not any(word in text for word in FORBIDDEN), text


def test_times_are_the_stations_and_numbers_are_written_as_the_language_writes_them() -> None:
    shanghai, berlin = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
    assert Words("zh_CN", shanghai).time(NOW) == "14:20"
    assert Words("en", berlin).time(NOW) == "07:20"
    assert Words("en", shanghai).number(12345.678, 2) == "12,345.68"
    assert Words("zh_CN", shanghai).number(None) == "–"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["14:20", "Nov 22 14:20", "Oct 14, 2025 14:20"]),
        ("zh_CN", ["14:20", "11月22日 14:20", "2025年10月14日 14:20"]),
    ],
)
def test_a_moment_of_another_day_is_told_with_its_day(language: str, said: list[str]) -> None:
    words = Words(language, ZoneInfo("Asia/Shanghai"))
    assert [words.moment(NOW - timedelta(days=days), NOW) for days in (0, 1, 405)] == said


def test_an_unknown_language_becomes_the_default() -> None:
    assert known("xx") == known(None) == "zh_CN"
