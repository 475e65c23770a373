"""A customer agrees on their own page, or no more: written into their file, where owners are asked."""

from cloud.customers.file.actions import PORTAL, CustomerFile
from cloud.customers.file.consents import Purpose
from cloud.kit.auth import User


def own(file: CustomerFile, user: User, purpose: Purpose, *, agree: bool) -> None:
    """Forbidden where another system owns consents; never for a withdrawal, which ends what rested on it."""
    customer = str(user.customer)
    if agree:
        file.give_consent(user.login, customer, purpose, PORTAL)
    else:
        file.withdraw_consent(user.login, customer, purpose)
