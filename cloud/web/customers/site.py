"""The console's pages about customers, under one address; every route is for operators only."""

from cloud.kit.routes import Routes
from cloud.web.customers import (
    accounts,
    advice,
    agreeing,
    campaigns,
    mismatch,
    offers,
    plans_own,
    products,
    promises,
    report,
    response,
    response_own,
    segments,
    service_own,
)
from cloud.web.pages import Pages
from cloud.web.parts import Parts


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes()
    routes.include_router(response.router(parts, pages))
    routes.include_router(products.router(parts, pages))
    routes.include_router(advice.router(parts, pages))
    routes.include_router(report.router(parts, pages))
    for each in (campaigns, segments, mismatch, promises, accounts):  # whose address is any word comes last
        routes.include_router(each.router(parts, pages))
    return routes


def portal(parts: Parts, pages: Pages) -> Routes:
    """What a customer sees of it: each route finds whose pages they are by itself."""
    routes = Routes()
    routes.include_router(response_own.router(parts, pages))
    routes.include_router(offers.router(parts, pages))
    routes.include_router(products.portal(parts, pages))
    routes.include_router(advice.portal(parts, pages))
    routes.include_router(report.portal(parts, pages))
    for each in (plans_own, agreeing, service_own):  # whose address is any word comes last
        routes.include_router(each.router(parts, pages))
    return routes
