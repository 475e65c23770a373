"""The console's pages about customers, under one address; every route is for operators only."""

from fastapi import APIRouter

from cloud.web.pages import Pages
from cloud.web.parts import Parts


def router(parts: Parts, pages: Pages) -> APIRouter:  # noqa: ARG001
    return APIRouter()


def portal(parts: Parts, pages: Pages) -> APIRouter:  # noqa: ARG001
    """What a customer sees of it: each route finds whose pages they are by itself."""
    return APIRouter()
