"""The console's pages about load, under one address; every route is for operators only."""

from cloud.kit.routes import Routes
from cloud.web.load import forecasts, inspections, losses, profiles, transformers
from cloud.web.pages import Pages
from cloud.web.parts import Parts


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes()
    for each in (profiles, forecasts, losses, inspections, transformers):
        routes.include_router(each.router(parts, pages))
    return routes
