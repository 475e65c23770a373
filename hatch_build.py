"""What a gateway installs: `WATTPOST_WHEEL=gateway` leaves the service and the boards out of the wheel."""

import os
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SERVICE = ["/cloud", "/dashboards"]


class GatewayWheel(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the hook's form
        if (
            self.target_name == "wheel"
            and version == "standard"
            and os.environ.get("WATTPOST_WHEEL") == "gateway"
        ):
            config = self.build_config.target_config
            config["packages"] = [each for each in config["packages"] if f"/{each}" not in SERVICE]
