"""The village of the alerts, for what customers see of its orders."""

from tests.cloud.alerts.conftest import village

__all__ = ["village"]
