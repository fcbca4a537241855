"""Who calls the platform."""

from app.calling import create_platforms
from app.settings import Settings
from tests.support.serving import network
from tests.support.upstream import FakeUpstream


async def test_platforms(settings: Settings) -> None:
    """There is one client for each account; it needs neither an app nor a listener."""
    upstream = FakeUpstream()
    platforms = create_platforms(settings, transport=network({"eu2": upstream}))
    await platforms["eu2"].login()
    await platforms["eu2"].aclose()

    assert upstream.calls("/token") == 1
