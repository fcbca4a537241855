"""Podman on a machine without a container engine of its own: builds, networks, containers."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).parent.parent.parent
RUNTIME = "localhost/taskgate:test"
STAND_IN = "localhost/python:3.13-slim"
UV = "localhost/uv:test"

# The official Python image can not be pulled everywhere; Debian trixie has the same Python 3.13
# and is what that image is made on.
PYTHON_ON_PATH = (
    'for n in python python3; do ln -sf /usr/bin/python3 "$1/usr/local/bin/$n"; done; '
    'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED'
)
# The certificates this machine trusts, in the stand-in only: the Dockerfile stays free of them.
TRUST = (
    'cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"; mkdir -p "$1/etc/uv"; '
    'echo "system-certs = true" > "$1/etc/uv/uv.toml"; '
    'printf "[global]\\ncert = /etc/ssl/certs/ca-certificates.crt\\n" > "$1/etc/pip.conf"'
)
BOOTSTRAP = (
    "mmdebstrap",
    "--quiet",
    "--variant=minbase",
    "--include=python3,python3-venv,python3-pip,ca-certificates",
    f"--customize-hook={PYTHON_ON_PATH}",
    f"--customize-hook={TRUST}",
    "trixie",
)
LOCKED_DOWN = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=512m",
    "--pids-limit=200",
    # Without CAP_SYS_RESOURCE on the machine the default limits can not be set.
    "--ulimit=nofile=1024:1024",
    "--ulimit=nproc=4096:4096",
)


def call(*argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it said; a failure carries its error output."""
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 -- arguments are this file's own
    if check and done.returncode:
        raise AssertionError(
            f"{' '.join(argv[:8])} exited {done.returncode}\n{done.stderr[-4000:]}"
        )
    return done


def obstacle(uid: int) -> str | None:
    """Say why no image can be built and run here; None when it can."""
    if uid:
        return "needs root"
    for tool in ("podman", "runc", "mmdebstrap", "ip", "curl"):
        if shutil.which(tool) is None:
            return f"needs {tool}"
    if "ID=debian" not in Path("/etc/os-release").read_text(encoding="utf-8"):
        return "needs a Debian machine, whose mirror gives the base image"
    # Remounts `/` as podman does for every layer: a chroot refuses that even to root.
    if call("unshare", "--mount", "--net", "true", check=False).returncode:
        return "this machine does not let root make mount and network namespaces"
    return None


def mirror() -> str:
    """Return the Debian mirror this machine installs from."""
    listed = call("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
    return next(uri for uri in listed.stdout.split() if "security" not in uri)


@dataclass(frozen=True)
class Container:
    """A running container in a network of its own."""

    engine: "Podman"
    name: str

    def fetch(self, path: str) -> tuple[int, str]:
        """GET a path of the service; return status and body. Waits up to 20 s for its start."""
        told = call(
            *("ip", "netns", "exec", self.name, "curl", "-s", "-w", "\n%{http_code}"),
            *("--retry", "20", "--retry-delay", "1", "--retry-connrefused"),
            f"http://127.0.0.1:8080{path}",
        )
        body, _, status = told.stdout.rpartition("\n")
        return int(status), body

    def python(self, code: str) -> str:
        """Run Python inside the container and return what it printed."""
        return self.engine("exec", self.name, "python", "-c", code).stdout.strip()


@dataclass(frozen=True)
class Podman:
    """Podman with a store of its own, kept between runs so that a rebuild takes seconds."""

    store: Path

    @classmethod
    def keeping(cls, folder: Path) -> "Podman":
        """Open the store below `folder`; another recipe of the base gets another store."""
        recipe = hashlib.sha256(repr(BOOTSTRAP).encode()).hexdigest()[:12]
        store = folder / f"taskgate-image-{recipe}"
        store.mkdir(mode=0o700, exist_ok=True)
        if store.is_symlink() or store.owner() != "root":
            raise AssertionError(f"{store} is not ours")
        return cls(store)

    def __call__(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run podman as a machine with a hybrid cgroup tree and no systemd needs it."""
        return call(
            *("podman", "--runtime=runc", "--cgroup-manager=cgroupfs", "--storage-driver=overlay"),
            *(f"--root={self.store / 'graph'}", f"--runroot={self.store / 'run'}", *argv),
            check=check,
        )

    def close(self) -> None:
        """Leave the store as plain files: podman keeps it mounted upon itself."""
        call("umount", str(self.store / "graph" / "overlay"), check=False)

    def has(self, image: str) -> bool:
        """Say whether the store holds the image."""
        return not self("image", "exists", image, check=False).returncode

    def bootstrap(self) -> None:
        """Make the stand-in for the official Python image; about 30 s, once per store."""
        tar = self.store / "base.tar"
        call(*BOOTSTRAP, str(tar), mirror())
        path = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
        self("import", "--change", f"ENV PATH={path}", str(tar), STAND_IN)
        tar.unlink()

    def wrap(self, uv: Path) -> None:
        """Make an image of nothing but the uv binary, as its publisher does."""
        folder = self.store / "uv"
        folder.mkdir(exist_ok=True)
        shutil.copy(uv, folder / "uv")
        (folder / "Dockerfile").write_text("FROM scratch\nCOPY uv /uv\n", encoding="utf-8")
        self("build", "--pull=never", "--tag", UV, str(folder))

    def build(self) -> None:
        """Build the Dockerfile of the house."""
        self(
            *("build", "--isolation=chroot", "--pull=never", "--format=docker"),
            *(f"--build-arg=PYTHON_IMAGE={STAND_IN}", f"--build-arg=UV_IMAGE={UV}"),
            *("--tag", RUNTIME, str(HOUSE)),
        )

    @contextmanager
    def running(self, name: str, *command: str) -> Iterator[Container]:
        """Run the image locked down in its own network namespace; take both away afterwards."""
        call("ip", "netns", "add", name)
        try:
            call("ip", "-n", name, "link", "set", "lo", "up")
            self(
                *("run", "--detach", "--pull=never", "--health-interval=disable"),
                *(f"--name={name}", f"--network=ns:/run/netns/{name}", *LOCKED_DOWN),
                *(RUNTIME, *command),
            )
            yield Container(self, name)
        except AssertionError as exc:
            logged = self("logs", "--tail=20", name, check=False)
            exc.add_note(f"The container's last words:\n{logged.stdout}{logged.stderr}")
            raise
        finally:
            self("rm", "--force", "--time=1", name, check=False)
            call("ip", "netns", "del", name)
