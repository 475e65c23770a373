"""What a page says, for tests: its text, and what a person who cannot see it would miss."""

from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "img", "line", "path", "rect"}


class Page(HTMLParser):
    """`text` as read aloud; `problems` are labels, names and headings that are lacking."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.controls: list[dict[str, str | None]] = []
        self.headings: list[int] = []
        self.forms: list[dict[str, str | None]] = []
        self.fields: list[str] = []
        self.language = ""
        self._parts: list[str] = []
        self._in_label = False
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._parts).split())

    @property
    def problems(self) -> list[str]:
        found = [f"id {each} is there twice" for each in set(self.ids) if self.ids.count(each) > 1]
        found += [
            f"{control.get('name')} has no label"
            for control in self.controls
            if control.get("id") not in self.labels
            and not control.get("aria-label")
            and not control.get("wrapped")
        ]
        if self.headings.count(1) != 1:
            found.append(f"{self.headings.count(1)} main headings")
        jumps = [
            (before, after)
            for before, after in zip(self.headings, self.headings[1:], strict=False)
            if after > before + 1
        ]
        return found + [f"heading {after} follows {before}" for before, after in jumps]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if "id" in given:
            self.ids.append(str(given["id"]))
        if tag == "html":
            self.language = str(given.get("lang"))
        if tag == "label":
            self.labels.add(str(given.get("for")))
            self._in_label = "for" not in given
        if tag == "form":
            self.forms.append(given)
        if tag in ("input", "select", "textarea") and given.get("type") != "hidden":
            given["wrapped"] = "yes" if self._in_label else None
            self.controls.append(given)
        if tag in ("input", "select", "textarea", "button") and given.get("name"):
            self.fields.append(str(given["name"]))
        if tag in ("h1", "h2", "h3"):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._in_label = False

    def handle_data(self, data: str) -> None:
        self._parts.append(data)
