"""What tariffs and their plans are called on a page; one that is not known any more goes by its id."""

from cloud.kit.errors import NotFound
from cloud.tariffs.catalogue import Catalogue
from cloud.web.language import Words


def tariff_name(known: Catalogue, tariff: str, words: Words) -> str:
    try:
        found = known.documents(tariff)[-1].name
    except NotFound:
        return tariff
    return found.zh_CN if words.language == "zh_CN" else found.en


def plan_name(known: Catalogue, tariff: str, plan: str, words: Words) -> str:
    try:
        found = known.documents(tariff)[-1].plan(plan).name
    except (NotFound, ValueError):
        return plan
    return found.zh_CN if words.language == "zh_CN" else found.en
