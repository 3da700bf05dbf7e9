"""A throw-away PostgreSQL cluster on a free port of 127.0.0.1; `python -m tests.postgres` keeps one until Ctrl-C.

It trusts every local connection and does not force its files to the disk, so a killed process loses nothing, but a
machine that loses power does: for tests, drills and benches only.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "clarion"
SECONDS_TO_START = 60.0
SERVER_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "log_min_messages": "warning",
}


class PostgresUnavailable(RuntimeError):
    """The server's programs are missing, or the cluster did not come up."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_programs() -> Path:
    """Return the folder with `initdb` and `postgres`, newest version first. Raises PostgresUnavailable."""

    def version(folder: Path) -> float:
        name = folder.parent.name
        return float(name) if name.replace(".", "", 1).isdigit() else 0.0

    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)
    on_path = [Path(found).parent for found in [shutil.which("initdb")] if found]
    for folder in [*on_path, *debian]:
        if all((folder / program).exists() for program in ("initdb", "postgres")):
            return folder
    message = (
        "PostgreSQL's server programs (initdb, postgres) were found neither on PATH nor in /usr/lib/postgresql/*/bin; "
        "install them (Debian: apt-get install postgresql), or run without the tests that need them"
    )
    raise PostgresUnavailable(message)


def _account() -> str | None:
    """Return the account to run as: the server refuses to run as root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known:
            return name
    message = "PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody"
    raise PostgresUnavailable(message)


@dataclass(slots=True)
class PostgresCluster:
    """A cluster in a folder of its own; `kill` and `start` again to see how a client takes it."""

    folder: Path
    programs: Path
    account: str | None
    port: int = field(default_factory=free_port)
    _server: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """Return SQLAlchemy's address of a database of this cluster."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{database}"

    @property
    def log(self) -> Path:
        """The server's own words."""
        return self.folder / "server.log"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._server.pid if self._server else None

    def create(self) -> None:
        """Lay the cluster's files. Raises PostgresUnavailable with what initdb said."""
        if self.account is not None:
            shutil.chown(self.folder, self.account)
        done = subprocess.run(
            [
                str(self.programs / "initdb"),
                *("--pgdata", str(self.folder / "data"), "--username", USER, "--auth", "trust"),
                *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
            ],
            user=self.account,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            message = f"initdb failed: {done.stderr.strip() or done.stdout.strip()}"
            raise PostgresUnavailable(message)

    def start(self) -> None:
        """Start the server and wait until it answers. Raises PostgresUnavailable with its last words."""
        options = {**SERVER_OPTIONS, "port": str(self.port), "unix_socket_directories": str(self.folder)}
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data")]
        with self.log.open("ab") as log:
            self._server = subprocess.Popen(
                [*command, *(f"--{name}={value}" for name, value in options.items())],
                user=self.account,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C meant for the tests must not stop it before they are done with it
            )
        deadline = time.monotonic() + SECONDS_TO_START
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                message = f"PostgreSQL did not start on port {self.port}: {self.log.read_text()[-500:].strip()}"
                self.kill()
                raise PostgresUnavailable(message)
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            psycopg.connect(host="127.0.0.1", port=self.port, user=USER, dbname="postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End the server in good order, clients cut off."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End the server and its backends at once, as a crash of the machine would: no checkpoint, no goodbye."""
        backends = self._backends()
        self._end(signal.SIGKILL)
        for backend in backends:  # an orphan holds the shared memory and would keep the next start from using it
            with contextlib.suppress(ProcessLookupError):
                os.kill(backend, signal.SIGKILL)

    def _backends(self) -> list[int]:
        listing = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in listing.read_text().split()] if listing.exists() else []

    def _end(self, how: signal.Signals) -> None:
        if self._server is None:
            return
        if self._server.poll() is None:
            self._server.send_signal(how)
        self._server.wait(timeout=30)
        self._server = None

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Lend a fresh, empty database and yield its address."""
        name = f"t_{uuid.uuid4().hex}"
        self._administer(f'CREATE DATABASE "{name}"')
        try:
            yield self.url(name)
        finally:
            self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _administer(self, statement: str) -> None:
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())


@contextlib.contextmanager
def throwaway_cluster() -> Iterator[PostgresCluster]:
    """Run a new cluster and remove it afterwards. Raises PostgresUnavailable."""
    programs, account = find_programs(), _account()
    folder = Path(tempfile.mkdtemp(prefix="clarion-pg-"))
    cluster = PostgresCluster(folder, programs, account)
    try:
        cluster.create()
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Print the address of a new cluster and keep it until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with throwaway_cluster() as cluster:
            sys.stdout.write(f"{cluster.url()}\n")
            sys.stdout.flush()
            signal.pause()
    except PostgresUnavailable as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
