"""Segments on the console: a builder with a live preview, and those that are kept."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Form, Request
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.fleet import registry
from cloud.kit.auth import User
from cloud.kit.errors import CloudError, Conflict, Invalid
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.tiers.campaigns import segment_store
from cloud.tiers.campaigns.conditions import Conditions
from cloud.tiers.campaigns.segments import Preview
from cloud.web.customers import segment_forms as forms
from cloud.web.customers.segment_forms import SegmentForm
from cloud.web.language import Words
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts

HERE = "/console/customers/segments"
Filled = Annotated[SegmentForm, Form()]


@dataclass(frozen=True, slots=True)
class _Builder:
    parts: Parts
    pages: Pages

    def show(self, request: Request, user: User, template: str, **values: Any) -> Response:
        values |= {"section": "customers", "customer_tab": "campaigns"}
        return self.pages.page(request, f"console/customers/{template}", user=user, **values)

    def form(
        self, request: Request, user: User, form: SegmentForm, of: int | None, wrong: str = ""
    ) -> Response:
        """The whole page, with what the form asks; `of` is the segment that is changed."""
        words = self.pages.words(request)
        with self.parts.database.read() as connection:
            asked, wrong = _asked(self.parts, connection, form, wrong, words)
            found = self.parts.tiers.campaigns.previewed(connection, asked)
            values = _form(self.parts, connection, asked, words)
        shown = _preview(found, words)
        return self.show(request, user, "segment.html", **values, **shown, name=form.name, id=of, wrong=wrong)

    def save(self, request: Request, user: User, form: SegmentForm, of: int | None) -> Response:
        if form.step != "save":
            return self.form(request, user, form, of)
        words, campaigns = self.pages.words(request), self.parts.tiers.campaigns
        try:
            with self.parts.database.write() as connection:
                asked = campaigns.conditions(connection, form.document())
                now = campaigns.clock.now()
                segment_store.save(connection, form.name, asked, by=user.login, at=now, id=of)
        except Conflict:
            return self.form(request, user, form, of, words.text("There is a segment of this name already."))
        except Invalid as error:
            told = words.text("Give the segment a name.") if not form.name.strip() else _wrong(error, words)
            return self.form(request, user, form, of, told)
        return back(HERE, "segment_saved")


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/customers/segments")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type
    builder = _Builder(parts, pages)

    @routes.get("")
    def kept(request: Request, user: Operator) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            areas, subs = registry.area_names(connection), subs_of(parts, words)
            rows = [
                (row, forms.told(segment_store.conditions_of(row), areas, subs, words))
                for row in segment_store.segments(connection)
            ]
        return builder.show(request, user, "segments.html", rows=rows)

    @routes.get("/new")
    def new(request: Request, user: Operator) -> Response:
        return builder.form(request, user, SegmentForm(), None)

    @routes.post("/preview")
    def preview(request: Request, user: Operator, form: Filled) -> Response:
        """The moving part of the builder alone."""
        words = pages.words(request)
        with parts.database.read() as connection:
            asked, wrong = _asked(parts, connection, form, "", words)
            shown = _preview(parts.tiers.campaigns.previewed(connection, asked), words)
        return builder.show(request, user, "segment_preview.html", **shown, wrong=wrong)

    @routes.post("")
    def add(request: Request, user: Operator, form: Filled) -> Response:
        return builder.save(request, user, form, None)

    routes.include_router(_one(parts, builder))
    return routes


def _one(parts: Parts, builder: _Builder) -> Routes:
    routes = Routes(prefix="/{id}")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.get("")
    def one(request: Request, user: Operator, id: RowId) -> Response:  # noqa: A002
        with parts.database.read() as connection:
            row = segment_store.segment(connection, id)
        return builder.form(request, user, _filled(row.name, segment_store.conditions_of(row)), id)

    @routes.post("")
    def change(request: Request, user: Operator, id: RowId, form: Filled) -> Response:  # noqa: A002
        return builder.save(request, user, form, id)

    @routes.post("/remove")
    def remove(_: Operator, id: RowId) -> Response:  # noqa: A002
        try:
            with parts.database.write() as connection:
                segment_store.remove(connection, id)
        except CloudError:
            return back(HERE, "objected")
        return back(HERE, "segment_removed")

    return routes


def subs_of(parts: Parts, words: Words) -> dict[str, str]:
    """What each sub-tier is called."""
    found = parts.tiers.campaigns.rules.tiers.value.names()
    return {key: getattr(said, words.language) for key, said in found.items()}


def _asked(
    parts: Parts, connection: Connection, form: SegmentForm, wrong: str, words: Words
) -> tuple[Conditions, str]:
    """What the form asks; what is wrong in it is told beside the preview of everybody."""
    try:
        return parts.tiers.campaigns.conditions(connection, form.document()), wrong
    except Invalid as error:
        return Conditions(), wrong or _wrong(error, words)


def _wrong(error: Invalid, words: Words) -> str:
    """Words are ticked off a list: what a person can get wrong is a limit."""
    if " is not known" in str(error) or "no such condition" in str(error):
        return str(error)
    return words.text("Of a feature say from or to, as numbers, and from not above to.")


def _form(parts: Parts, connection: Connection, asked: Conditions, words: Words) -> dict[str, Any]:
    vocabulary = parts.tiers.campaigns.vocabulary(connection)
    areas = registry.area_names(connection)
    return {
        "groups": forms.groups(vocabulary, asked.words(), areas, subs_of(parts, words), words),
        "ranges": forms.ranges(asked),
        "indicators": [(key, words.text(name)) for key, name in forms.INDICATOR_NAMES.items()],
    }


def _preview(found: Preview, words: Words) -> dict[str, Any]:
    return {
        "found": found,
        "lead": forms.lead(found, words),
        "left": forms.left_out(found.left_out, words),
        "by_class": [
            (forms.called("class", key, {}, {}, words), count)
            for key, count in (found.by_class or {}).items()
        ],
    }


def _filled(name: str, asked: Conditions) -> SegmentForm:
    rows = [each for each in forms.ranges(asked) if each[0]]
    said = {key: list(picked) for key, picked in asked.words().items()}
    columns = {"indicator": [r[0] for r in rows], "least": [r[1] for r in rows], "most": [r[2] for r in rows]}
    return SegmentForm.model_validate({"name": name, **said, **columns})
