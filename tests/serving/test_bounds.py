"""How many connections there may be."""

import resource

import pytest

from app.serving.bounds import descriptors


@pytest.mark.parametrize(
    ("soft", "hard", "limit", "connections"),
    [
        (1024, 1_048_576, 4256, 4000),
        (1024, 1024, 1024, 768),
        (65_536, 65_536, 65_536, 4000),
        (1024, resource.RLIM_INFINITY, 4256, 4000),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, resource.RLIM_INFINITY, 4000),
        (64, 64, 64, 1),
    ],
)
def test_descriptors(soft: int, hard: int, limit: int, connections: int) -> None:
    """Connections are bounded below the files that may be open, and those are raised if need be."""
    found, bounds = descriptors(soft, hard)

    assert (found, bounds.connections) == (limit, connections)
