"""What every response and request must obey, whoever wrote the route: headers, body size, no foreign page."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.kit.guard import SAFE_METHODS
from cloud.kit.problems import Problem, response

MAX_BODY = 1024 * 1024
LARGER = {"/field-reads": 8 * 1024 * 1024}
"""By the end of the path: there a photo comes along."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class BodyTooLarge(HTTPException):
    """Raised into the route that reads on; whichever application it is answers in its own way."""

    def __init__(self, most: int) -> None:
        super().__init__(413, f"a body has at most {most} bytes")


class Shield:
    """ASGI middleware; `secure` adds the word that this name is spoken to over https only."""

    def __init__(self, app: ASGIApp, *, secure: bool, max_body: int = MAX_BODY) -> None:
        self._app = app
        self._max_body = max_body
        self._headers = HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(scope, MutableHeaders(scope=message))
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await response(refusal)(scope, receive, dressed)
            return
        await self._app(scope, self._counted(receive, self._most(scope)), dressed)

    def _dress(self, scope: Scope, headers: MutableHeaders) -> None:
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        if not scope["path"].startswith("/static/"):
            headers.setdefault("Cache-Control", "no-store")

    def _refusal(self, scope: Scope) -> Problem | None:
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            return Problem(title="Bad Request", status=400, detail="an address holds no zero byte")
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        most = self._most(scope)
        if not length.isdigit() or int(length) > most:
            return Problem(title="Content Too Large", status=413, detail=BodyTooLarge(most).detail)
        foreign = headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
        if scope["method"] not in SAFE_METHODS and foreign and "authorization" not in headers:
            return Problem(title="Forbidden", status=403, detail="this request came from another site's page")
        return None

    def _most(self, scope: Scope) -> int:
        larger = (most for end, most in LARGER.items() if scope["path"].endswith(end))
        return max(larger, default=self._max_body)

    def _counted(self, receive: Receive, most: int) -> Receive:
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise BodyTooLarge(most)
            return message

        return counted
