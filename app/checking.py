"""Whether the configuration works: each account is logged in to, and Valkey is asked."""

from collections.abc import Mapping
from contextlib import aclosing

from app.errors import ServiceError, UpstreamAuthFailedError
from app.platform.client import PlatformClient
from app.settings import Settings


async def check(configured: Settings, platforms: Mapping[str, PlatformClient]) -> int:
    """Log in to each account, read one task of it, ask Valkey; print what was found, no secret.

    Returns 1 when one of them failed, else 0; closes `platforms`.
    """
    failed = await _check_accounts(configured, platforms)
    alone = configured.has_valkey and not await _check_valkey(configured)
    told = [f"{failed} of {len(configured.accounts)} accounts failed"] if failed else []
    if alone:
        told.append("each replica would limit rates by itself")
    print("; ".join(told) or "ok")
    return 1 if told else 0


async def _check_accounts(configured: Settings, platforms: Mapping[str, PlatformClient]) -> int:
    """Return how many accounts failed."""
    failed = 0
    for alias, platform in platforms.items():
        print(f"{alias}: {configured.accounts[alias].url}")
        try:
            await _check_account(platform)
        except ServiceError as exc:
            failed += 1
            print(f"  {exc.slug}: {exc.detail}")
            if isinstance(exc, UpstreamAuthFailedError):
                prefix = f"TASKGATE_ACCOUNTS__{alias.upper()}__"
                print(f"  look at {prefix}CLIENT_ID and {prefix}CLIENT_SECRET")
        finally:
            await platform.aclose()
    return failed


async def _check_valkey(configured: Settings) -> bool:
    # Only here: who has no Valkey does not carry its client.
    from app.api.shared_buckets import Buckets  # noqa: PLC0415

    buckets = Buckets(configured.valkey)
    print(f"valkey: {buckets.host}")
    try:
        await buckets.probe()
    except Exception as exc:  # noqa: BLE001  # its words may hold anything
        print(f"  does not answer: {type(exc).__name__}; look at TASKGATE_VALKEY_URL")
        return False
    finally:
        await buckets.aclose()
    print("  answers")
    return True


async def _check_account(platform: PlatformClient) -> None:
    await platform.login()
    print("  logged in")
    pages = platform.task_pages((("order", "desc(enqueuedAt)"),), limit=1)
    async with aclosing(pages):
        async for page in pages:
            for reading in page.readings:
                task = reading.item
                print(f"  newest task: {task.id}, {task.status}, created {task.created_at}")
                return
    print("  no task is visible: has the client the role of a viewer in the tenant?")
