"""The client by which tests speak to an ASGI application in the same process."""

import warnings

with warnings.catch_warnings():
    # it would rather have a successor of httpx, and works with httpx as well
    warnings.filterwarnings("ignore", message=".*httpx2.*")
    from starlette.testclient import TestClient

__all__ = ["TestClient"]
