"""The front door: the `wattpost` command hands each verb to its program; nothing else lives here."""

import sys
from importlib import import_module, util
from pathlib import Path
from types import ModuleType

VERBS = {
    "demo": ("cloud.demo", "a whole station on this machine, with simulated meters"),
    "edge": ("edge.__main__", "the gateway agent: poll meters, keep every reading, publish"),
    "cloud": ("cloud.__main__", "the service: ingest, store, alerts, work orders, console and portal"),
    "sim": ("firmware_sim.__main__", "simulated meters on TCP and serial lines"),
    "doctor": (
        "edge.doctor.__main__",
        "look a gateway over: settings, disk, clock, ports, broker, certificate",
    ),
    "frame": ("edge.frame", "explain a DL/T 645 frame"),
    "grafana": ("dashboards.__main__", "dashboards for the control room: write them, push them"),
}
OURS = ("protocols", "edge", "cloud", "firmware_sim", "dashboards")
LEFT_OUT = ("cloud", "dashboards")
"""A gateway's wheel is without them (hatch_build.py)."""
USAGE = """\
Usage: wattpost VERB [ARGUMENTS]   (wattpost VERB --help tells more)

{verbs}

Example: wattpost demo
"""


def usage() -> str:
    return USAGE.format(verbs="\n".join(f"  {verb:<8} {text}" for verb, (_, text) in VERBS.items()))


def main() -> None:
    verb = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if verb in ("-h", "--help"):
        sys.stdout.write(usage())
        return
    if verb not in VERBS:
        sys.stderr.write(f"wattpost: there is no verb {verb!r}.\n\n{usage()}")
        raise SystemExit(2)
    module, _ = VERBS[verb]
    sys.argv = [f"wattpost {verb}", *sys.argv[2:]]
    try:
        import_module(module).main()
    except ModuleNotFoundError as missing:
        if missing.name is None or (missing.name.split(".")[0] in OURS and missing.name not in LEFT_OUT):
            raise
        extra = {"cloud": "cloud", "demo": "all", "sim": "sim", "grafana": "dashboards"}.get(verb, "all")
        sys.stderr.write(
            f"wattpost {verb}: {missing.name!r} is not installed; run: pip install 'wattpost[{extra}]'\n"
        )
        raise SystemExit(1) from None


def __getattr__(name: str) -> ModuleType:
    """`pytest_plugin` from its own file: a stranger's `firmware_sim` or `protocols` is not in its way."""
    if name != "pytest_plugin":
        raise AttributeError(name)
    file = Path(__file__).with_name("firmware_sim") / "pytest_plugin.py"
    spec = util.spec_from_file_location("wattpost_pytest_plugin", file)
    assert spec is not None
    assert spec.loader is not None
    plugin = util.module_from_spec(spec)
    sys.modules[spec.name] = plugin
    spec.loader.exec_module(plugin)
    return plugin


if __name__ == "__main__":
    main()
