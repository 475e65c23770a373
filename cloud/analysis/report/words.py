"""Says the report's English texts in the language asked for; what has no Chinese yet stays English."""

from cloud.analysis.report.words_zh import ZH

LANGUAGES = ("en", "zh_CN")


class Words:
    """Called with an English text and what fills its {names}."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._known = ZH if language == "zh_CN" else {}
        self.missing: set[str] = set()

    def __call__(self, text: str, **values: object) -> str:
        if self.language == "zh_CN" and text not in self._known:
            self.missing.add(text)
        return self._known.get(text, text).format(**values) if values else self._known.get(text, text)
