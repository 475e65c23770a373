"""Errors named for the decision they call for: problem+json in the API, one line in a command."""

from collections.abc import Sequence


class CloudError(Exception):
    """What a person may be told; never raised itself. `status` and `title` are its face in HTTP."""

    status = 500
    title = "Failed"


class Invalid(CloudError):
    """What was sent is wrong: mend it and send again. `problems` says where, one line each."""

    status = 422
    title = "Invalid"

    def __init__(self, detail: str, problems: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.problems = tuple(problems)


class NotFound(CloudError):
    """It is not there, or not yours: the two are told apart by nobody."""

    status = 404
    title = "Not found"


class Unauthenticated(CloudError):
    """Nobody is signed in, or the sign-in is no longer good."""

    status = 401
    title = "Sign in first"


class Forbidden(CloudError):
    """You are known, and this is not yours to do."""

    status = 403
    title = "Forbidden"


class Conflict(CloudError):
    """It collides with what is there: another state, another process."""

    status = 409
    title = "Conflict"


class TooMany(CloudError):
    """Wait `retry_after_s` and try again."""

    status = 429
    title = "Too many attempts"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
