"""What the image promises, checked on a running container."""

import json
import os
import re

import pytest

from tests.image.podman import LOCKED_DOWN, RUNTIME, Container, Podman

pytestmark = pytest.mark.machine


def test_user(podman: Podman, container: Container) -> None:
    """The user is numeric and not root, so that `runAsNonRoot` can be verified."""
    user = podman("image", "inspect", RUNTIME, "--format", "{{.Config.User}}").stdout.strip()

    assert user == "10001:10001"
    assert container.python("import os; print(os.getuid(), os.getgid())") == "10001 10001"


def test_read_only_root(container: Container) -> None:
    """It serves although no file of its system can be written, not even below /tmp."""
    told = container.python("import os; print(os.access('/', 2), os.statvfs('/tmp').f_flag & 1)")

    assert told == "False 1"


def test_no_capabilities(container: Container) -> None:
    """It serves without any capability and can not gain one."""
    status = container.python("print(open('/proc/1/status').read())")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)

    assert (facts["CapEff"], facts["NoNewPrivs"]) == ("0000000000000000", "1")


def test_ready(container: Container) -> None:
    """It reports ready once it answers."""
    assert container.fetch("/readyz")[0] == 200


def test_tasks(container: Container) -> None:
    """The main job works from inside the image, on the sandbox platform."""
    status, body = container.fetch("/v1/tasks?limit=1")

    assert status == 200
    (task,) = json.loads(body)["items"]
    assert task["account"] == "sandbox"


def test_documentation(container: Container) -> None:
    """The packaged service carries every asset its documentation names."""
    _, page = container.fetch("/docs")
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert len(assets) >= 2
    assert {container.fetch(f"/{asset}")[0] for asset in assets} == {200}


def test_health_check(podman: Podman, container: Container) -> None:
    """The image's own health check passes, without curl."""
    assert podman("healthcheck", "run", container.name).returncode == 0


def test_health_check_of_a_dead_port(podman: Podman, container: Container) -> None:
    """The health check asks the port that is set, and fails when nobody listens there."""
    told = podman("image", "inspect", RUNTIME, "--format", "{{json .HealthCheck.Test}}").stdout
    _, *check = json.loads(told)

    done = podman("exec", "--env=TASKGATE_PORT=9", container.name, *check, check=False)

    assert done.returncode == 1


@pytest.mark.parametrize("tool", ["cc", "gcc", "g++", "make", "git", "curl", "uv", "uvx"])
def test_no_tools(container: Container, tool: str) -> None:
    """No compiler, no uv and nothing to fetch more with is in the runtime stage."""
    assert container.python(f"import shutil; print(shutil.which('{tool}'))") == "None"


def test_packages(container: Container) -> None:
    """Only what serves is installed, and it is compiled: the root is not writable at run time."""
    told = container.python(
        "import app, importlib.util as u, os;"
        "print(u.find_spec('pytest'), os.path.exists(u.cache_from_source(app.__file__)))"
    )

    assert told == "None True"


def test_nothing_configured(podman: Podman) -> None:
    """The default command refuses to start without an account: status 2 and one sentence."""
    done = podman(
        "run", "--rm", "--pull=never", "--network=none", *LOCKED_DOWN, RUNTIME, check=False
    )

    assert done.returncode == 2
    assert "TASKGATE_ACCOUNTS__" in done.stderr


def test_sigterm(podman: Podman) -> None:
    """SIGTERM ends it with status 0 in under 5 s; every line it logged is JSON."""
    with podman.running(f"taskgate-{os.getpid()}-end", "taskgate", "serve", "--sandbox") as ending:
        ending.fetch("/v1/tasks?limit=1")
        # After these 5 s podman kills, and the status would be 137.
        podman("stop", "--time=5", ending.name)
        status = podman("inspect", ending.name, "--format", "{{.State.ExitCode}}").stdout.strip()
        logged = podman("logs", ending.name)

    assert status == "0"
    lines = [json.loads(line) for line in (logged.stdout + logged.stderr).splitlines()]
    assert "request_served" in {line["event"] for line in lines}
