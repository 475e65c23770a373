"""Certificates for tests, made by openssl: a CA, and what it signs for a broker and for gateways."""

import subprocess
from pathlib import Path


class Certificates:
    def __init__(self, folder: Path, openssl: Path) -> None:
        self._folder, self._openssl = folder, openssl
        self.ca = folder / "ca.pem"
        self._make_ca()
        for name in ("127.0.0.1", "gw-a01"):
            self.issue(name, days=365)

    def cert(self, name: str) -> Path:
        return self._folder / f"{name}.pem"

    def key(self, name: str) -> Path:
        return self._folder / f"{name}.key"

    def issue(self, name: str, days: int) -> Path:
        """A certificate of the CA for that name or address, good for so many days."""
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        kind = "IP" if name[0].isdigit() else "DNS"
        extensions.write_text(f"subjectAltName={kind}:{name}\n")
        key = (
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            self.key(name),
        )
        self._run("req", *key, "-subj", f"/CN={name}", "-out", request)
        by = ("-CA", self.ca, "-CAkey", self.key("ca"), "-CAcreateserial", "-days", str(days))
        self._run("x509", "-req", "-in", request, *by, "-extfile", extensions, "-out", self.cert(name))
        self.key(name).chmod(0o600)
        return self.cert(name)

    def _make_ca(self) -> None:
        key = (
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            self.key("ca"),
        )
        may = (
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        )
        subject = ("-subj", "/CN=wattpost test CA", "-days", "365")
        self._run("req", "-x509", *key, *subject, *may, "-out", self.ca)

    def _run(self, *words: str | Path) -> None:
        subprocess.run([self._openssl, *words], check=True, capture_output=True)
