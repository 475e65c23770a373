"""Updates: signed or not taken, beside the one in use, and back to it unless the cloud stores in time."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from edge.settings import UpdateSettings
from edge.upkeep import bundle as bundles
from edge.upkeep.bundle import UpdateRefused
from edge.upkeep.releases import Releases
from edge.upkeep.update import TrialWatch, Updater, fetch
from tests.edge.gateway import GatewayClock

GUARD = Path(__file__).parents[3] / "edge" / "upkeep" / "systemd" / "guard"

BUNDLE = "00" * 32


def wheel(folder: Path, version: str, program: str = "raise SystemExit(0)") -> Path:
    """A real wheel called wattpost whose command does what the text says."""
    path = folder / f"wattpost-{version}-py3-none-any.whl"
    info = f"wattpost-{version}.dist-info"
    files = {
        "wattpost.py": f"def main():\n    {program}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: wattpost\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nwattpost = wattpost:main\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(name, text)
    return path


class Signed:
    """A bundle with its hash, signature and the gateway's key."""

    def __init__(self, folder: Path, version: str, program: str = "raise SystemExit(0)") -> None:
        private, self.public = bundles.new_key()
        self.path = folder / "bundle.tar"
        self.sha256 = bundles.build([wheel(folder, version, program)], version, self.path)
        self.signature = bundles.sign(self.sha256, bytes.fromhex(private))

    def settings(self, folder: Path) -> UpdateSettings:
        key = folder / "update.key"
        key.write_text(self.public)
        return UpdateSettings(key_file=key, folder=folder / "opt")


def in_use(folder: Path, version: str) -> Releases:
    releases = Releases(folder)
    folder.mkdir(exist_ok=True)
    releases.stage(version, Path.mkdir)
    releases.begin_trial(version)
    releases.confirm()
    return releases


def test_a_signed_update_is_installed_beside_switched_to_and_on_trial(tmp_path: Path) -> None:
    signed = Signed(tmp_path, "1.1.0")
    settings = signed.settings(tmp_path)
    releases = in_use(settings.folder, "1.0.0")
    updater = Updater(settings, tmp_path / "gateway.toml")
    assert updater.take_file(signed.path, signed.sha256, signed.signature) == "1.1.0"
    assert releases.current == "1.1.0"
    trial = releases.trial
    assert trial is not None
    assert (trial.version, trial.previous) == ("1.1.0", "1.0.0")
    assert (settings.folder / "current" / "bin" / "wattpost").exists()
    assert releases.path("1.0.0").is_dir()


def test_a_release_that_cannot_read_the_settings_is_never_switched_to(tmp_path: Path) -> None:
    signed = Signed(tmp_path, "1.1.0", "raise SystemExit('gateway.toml: no such key')")
    settings = signed.settings(tmp_path)
    releases = in_use(settings.folder, "1.0.0")
    with pytest.raises(UpdateRefused, match=r"cannot read the settings .*no such key"):
        Updater(settings, tmp_path / "gateway.toml").take_file(signed.path, signed.sha256, signed.signature)
    assert releases.current == "1.0.0"
    assert releases.trial is None
    assert not releases.path("1.1.0").exists()


@pytest.mark.parametrize("flaw", ["another key", "a changed byte", "another hash", "a signature of nothing"])
def test_what_is_not_signed_with_the_gateways_key_is_not_even_unpacked(flaw: str, tmp_path: Path) -> None:
    signed = Signed(tmp_path, "1.1.0")
    public, sha256, signature = signed.public, signed.sha256, signed.signature
    match flaw:
        case "another key":
            public = bundles.new_key()[1]
        case "a changed byte":
            content = bytearray(signed.path.read_bytes())
            content[700] ^= 1
            signed.path.write_bytes(content)
        case "another hash":
            sha256 = hashlib.sha256(b"other").hexdigest()
        case _:
            signature = "00" * 64
    with pytest.raises(UpdateRefused):
        bundles.verified(signed.path, sha256, signature, public)


@pytest.mark.parametrize("name", ["../../evil.whl", "/etc/evil.whl", "evil.sh", "a/b.whl"])
def test_a_signed_bundle_cannot_write_outside_its_folder(name: str, tmp_path: Path) -> None:
    private, public = bundles.new_key()
    path = tmp_path / "bundle.tar"
    with tarfile.open(path, "w") as tar:
        for each, text in (
            (bundles.MANIFEST, f'{{"version": "1.1.0", "wheels": ["{name}"]}}'),
            (name, "x"),
        ):
            member = tarfile.TarInfo(each)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    sha256 = bundles.digest(path)
    signature = bundles.sign(sha256, bytes.fromhex(private))
    with pytest.raises(UpdateRefused, match="is no wheel"):
        bundles.verified(path, sha256, signature, public)


@pytest.mark.parametrize(("version", "told"), [("1.0.0", "not later than"), ("0.9.12", "not later than")])
def test_an_older_release_is_not_taken_however_well_it_is_signed(
    version: str, told: str, tmp_path: Path
) -> None:
    signed = Signed(tmp_path, version)
    settings = signed.settings(tmp_path)
    in_use(settings.folder, "1.0.0")
    with pytest.raises(UpdateRefused, match=told):
        Updater(settings, tmp_path / "gateway.toml").take_file(signed.path, signed.sha256, signed.signature)


def test_versions_are_compared_as_numbers() -> None:
    assert bundles.later("1.10.0", "1.9.9")
    assert not bundles.later("1.9", "1.9")
    assert bundles.later("0.1.0", "unknown")


def on_trial(folder: Path) -> Releases:
    releases = in_use(folder, "1.0.0")
    releases.stage("1.1.0", Path.mkdir)
    releases.begin_trial("1.1.0", BUNDLE)
    return releases


def test_the_clouds_stored_ends_the_trial_and_sweeps_what_is_older(tmp_path: Path) -> None:
    releases = on_trial(tmp_path / "opt")
    releases.path("0.9.0").mkdir()
    watch = TrialWatch(releases, GatewayClock(), 600)
    assert watch.on_trial
    watch.stored()
    assert not watch.overdue()
    assert (releases.current, releases.trial, releases.last) == ("1.1.0", None, "confirmed 1.1.0")
    assert releases.path("1.0.0").is_dir()
    assert not releases.path("0.9.0").exists()


def test_without_a_stored_in_time_the_previous_release_is_back(tmp_path: Path) -> None:
    releases = on_trial(tmp_path / "opt")
    clock = GatewayClock()
    watch = TrialWatch(releases, clock, 600)
    clock.advance(599)
    assert not watch.overdue()
    clock.advance(1)
    assert watch.overdue()
    assert not watch.overdue()
    assert (releases.current, releases.trial) == ("1.0.0", None)
    assert releases.last == "rolled back 1.1.0: the cloud stored nothing within 600 s"


def test_power_lost_before_the_switch_leaves_the_old_release_in_use(tmp_path: Path) -> None:
    releases = in_use(tmp_path / "opt", "1.0.0")
    (tmp_path / "opt" / "pending").write_text("1.1.0\n1.0.0\n")
    watch = TrialWatch(releases, GatewayClock(), 600)
    watch.stored()
    assert not watch.on_trial
    assert (releases.current, releases.trial) == ("1.0.0", None)


def test_a_release_that_cannot_start_is_replaced_at_its_fourth_start(tmp_path: Path) -> None:
    releases = on_trial(tmp_path / "opt")
    for _ in range(3):
        subprocess.run([GUARD, tmp_path / "opt"], check=True)
        assert releases.current == "1.1.0"
    subprocess.run([GUARD, tmp_path / "opt"], check=True)
    assert (releases.current, releases.trial) == ("1.0.0", None)
    assert releases.last.startswith("rolled back 1.1.0: it was started three times")
    subprocess.run([GUARD, tmp_path / "opt"], check=True)
    assert releases.current == "1.0.0"


@pytest.mark.parametrize("content", ["", "x", "08\n", "\0\0\0", "-1", "3 4\n", "$(touch hacked)"])
def test_the_guard_hinders_no_start_whatever_a_power_cut_left_behind(content: str, tmp_path: Path) -> None:
    releases = on_trial(tmp_path / "opt")
    (tmp_path / "opt" / "starts").write_text(content)
    for _ in range(4):
        subprocess.run([GUARD, tmp_path / "opt"], check=True)
    assert releases.current == "1.0.0"
    assert releases.end_of(BUNDLE).startswith("rolled back 1.1.0")
    assert not (tmp_path / "opt" / "hacked").exists()


@pytest.mark.parametrize("content", ["", "1.1.0", "1.1.0\n", "1.1.0\n0.0.1\n", "1.1.0\n../..\n", "\0"])
def test_the_guard_leads_nowhere_when_there_is_nothing_to_go_back_to(content: str, tmp_path: Path) -> None:
    releases = on_trial(tmp_path / "opt")
    (tmp_path / "opt" / "pending").write_text(content)
    for _ in range(5):
        subprocess.run([GUARD, tmp_path / "opt"], check=True)
    assert releases.current == "1.1.0"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_the_guard_starts_the_agent_on_a_full_disk(tmp_path: Path) -> None:
    releases = on_trial(tmp_path / "opt")
    for name in ("last", "starts"):
        (tmp_path / "opt" / name).unlink()
        (tmp_path / "opt" / name).symlink_to("/dev/full")
    for _ in range(5):
        subprocess.run([GUARD, tmp_path / "opt"], check=True)
    assert releases.current == "1.0.0"


def test_a_release_with_none_to_go_back_to_stays(tmp_path: Path) -> None:
    releases, clock = on_trial(tmp_path / "opt"), GatewayClock()
    releases.path("1.0.0").rmdir()
    watch = TrialWatch(releases, clock, 600)
    clock.advance(600)
    assert not watch.overdue()
    assert (releases.current, releases.trial) == ("1.1.0", None)
    assert releases.last.startswith("kept 1.1.0, for there is no release to go back to")


def test_a_release_put_in_place_by_hand_ends_a_trial_and_is_not_rolled_back(tmp_path: Path) -> None:
    releases = on_trial(tmp_path / "opt")
    releases.stage("1.2.0", Path.mkdir)
    releases.use("1.2.0")
    TrialWatch(releases, GatewayClock(), 600)
    assert (releases.current, releases.trial) == ("1.2.0", None)


def test_on_a_full_disk_a_trial_still_comes_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases, clock = on_trial(tmp_path / "opt"), GatewayClock()
    watch = TrialWatch(releases, clock, 600)
    clock.advance(600)
    with monkeypatch.context() as full:
        full.setattr("edge.upkeep.releases.Releases._write", _disk_full)
        assert watch.overdue()
    assert (releases.current, releases.trial) == ("1.0.0", None)


def _disk_full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_an_update_that_would_fill_the_disk_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = Signed(tmp_path, "1.1.0")
    settings = signed.settings(tmp_path)
    releases = in_use(settings.folder, "1.0.0")
    monkeypatch.setattr("edge.upkeep.update.ROOM_BYTES", 1 << 60)
    with pytest.raises(UpdateRefused, match="free some space first"):
        Updater(settings, tmp_path / "gateway.toml").take_file(signed.path, signed.sha256, signed.signature)
    assert releases.current == "1.0.0"


def test_what_was_being_fetched_when_the_power_went_is_swept(tmp_path: Path) -> None:
    signed = Signed(tmp_path, "1.1.0")
    settings = signed.settings(tmp_path)
    in_use(settings.folder, "1.0.0")
    (settings.folder / "update-abc").mkdir()
    with pytest.raises(UpdateRefused):
        Updater(settings, tmp_path / "gateway.toml").take("http://x/y", signed.sha256, signed.signature)
    assert not (settings.folder / "update-abc").exists()


@pytest.mark.parametrize(
    "url", ["https://[x/u.tar", "https:///u.tar", "https://li:secret@127.0.0.1:1/u.tar?key=secret"]
)
def test_a_url_that_leads_nowhere_is_refused_without_its_secrets(url: str, tmp_path: Path) -> None:
    with pytest.raises(UpdateRefused) as told:
        fetch(url, tmp_path / "bundle.tar")
    assert "secret" not in str(told.value)


def test_an_update_is_fetched_by_https_only(tmp_path: Path) -> None:
    for url in ("http://updates.example/a.tar", "file:///etc/passwd", "ftp://x/y"):
        with pytest.raises(UpdateRefused, match="https only"):
            fetch(url, tmp_path / "bundle.tar")


def test_a_bundle_without_the_program_itself_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(UpdateRefused, match=r"no wheel wattpost-2\.0\.0"):
        bundles.build([wheel(tmp_path, "1.1.0")], "2.0.0", tmp_path / "bundle.tar")


def test_by_hand_key_build_take_and_status_follow_one_another(tmp_path: Path) -> None:
    (tmp_path / "update.key").write_text(edge("update", "key", tmp_path / "secret"))
    made = wheel(tmp_path, "1.1.0")
    built = edge(
        "update", "build", made, "--version", "1.1.0", "--key", tmp_path / "secret", "--to", tmp_path / "b"
    )
    told = json.loads(built)
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0
    bundles.verified(tmp_path / "b", told["sha256"], told["signature"], (tmp_path / "update.key").read_text())
    on_trial(tmp_path / "opt")
    status = json.loads(edge("update", "status", "--folder", tmp_path / "opt"))
    assert status == {
        "current": "1.1.0",
        "on_trial": True,
        "previous": "1.0.0",
        "last": "begun 1.1.0: it is in place, on trial",
    }


def test_installing_writes_unit_guard_and_settings_and_leaves_settings_alone(tmp_path: Path) -> None:
    (tmp_path / "etc" / "wattpost").mkdir(parents=True)
    (tmp_path / "etc" / "wattpost" / "gateway.toml").write_text("mine")
    for _ in range(2):
        assert "systemctl enable" in edge("install", "--root", tmp_path)
    assert (tmp_path / "etc" / "wattpost" / "gateway.toml").read_text() == "mine"
    assert (
        (tmp_path / "etc/systemd/system/wattpost-edge.service").read_text().startswith("# The gateway agent")
    )
    assert os.access(tmp_path / "opt" / "wattpost" / "guard", os.X_OK)
    assert (tmp_path / "opt" / "wattpost" / "current").resolve() == Path(sys.prefix).resolve()


def edge(*words: str | Path) -> str:
    command = [sys.executable, "-m", "edge", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
