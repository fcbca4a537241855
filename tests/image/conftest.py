"""Fixtures of the image: built once, run hardened on the sandbox platform."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.podman import STAND_IN, Container, Podman, obstacle


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    """An engine that holds the image, freshly built from the tree."""
    reason = obstacle(os.getuid())
    # `uv run` names its binary here; what is on PATH may be a shim, which no image can run.
    uv = os.environ.get("UV")  # noqa: TID251 -- set by uv, not by an operator
    if reason or not uv:
        pytest.skip(reason or "needs `uv run`, as in `make image`")
    engine = Podman.keeping(Path(tempfile.gettempdir()))
    if not engine.has(STAND_IN):
        engine.bootstrap()
    engine.wrap(Path(uv))
    engine.build()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def container(podman: Podman) -> Iterator[Container]:
    """The service on the sandbox platform, up and answering."""
    with podman.running(f"taskgate-{os.getpid()}", "taskgate", "serve", "--sandbox") as running:
        assert running.fetch("/healthz")[0] == 200
        yield running
