"""What goes wrong, in the shapes errors come in (P§10.5): agents' chains, plain ones, bare ones."""

from random import Random
from typing import Any

_OUTER_TAG = 10166417142673676000  # beyond int64, as older answers have it
_CAUSES = (
    ("Access is denied", 2147942405),
    ("The network path was not found", 2147942453),
    ('The file "C:\\Users\\büro\\data.pst" is locked', 2147942432),
    ("Insufficient disk space at \\\\nas-01\\backups", 2147942512),
)
_CUMULATED = "2 activities have not succeeded. One of them is displayed."
_CHAIN = (
    ("Failed to execute the command.", "SafeExecute", 20119593, 16607351687905075000),
    (_CUMULATED, "CreateCumulativeError", 20250677, 3350288995759143000),
    ("TOL: Failed to execute the command. Backing up", "MakeFailResult", 20250646, _OUTER_TAG),
)
_VAULT = "0F8CA93A-E22D-40F2-9D29-49E2FB88BE2E"
_PLAIN: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("VaultManager", "VaultUnavailable", {"vaultId": _VAULT, "attempts": 3}),
    ("Licensing", "QuotaHardLimit", {"usage": "104%", "offering": "pw_base_storage"}),
    ("PolicyManager", "PolicyNotFound", None),
)
_DEBUG = (
    "dial tcp 203.0.113.7:443: i/o timeout",
    "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
)
_DEEPEST = 17  # as deep as one public post goes


def fault(rng: Random, title: str, tenant: str) -> dict[str, Any]:
    """Return a domainError; three in five are chains of an agent."""
    shape = rng.randrange(5)
    if shape == 0:
        domain, code, context = rng.choice(_PLAIN)
        return {"domain": domain, "code": code, "reason": code} | (
            {} if context is None else {"context": context}
        )
    if shape == 1:
        debug = {"msg": rng.choice(_DEBUG), "requestId": f"{rng.getrandbits(32):08x}"}
        return {"domain": "TaskManager", "code": "ExecutorFailure", "debug": debug}
    return _agent_error(rng, title, tenant)


def warning(rng: Random) -> dict[str, Any]:
    """Return a domainError that did not stop the work."""
    if rng.random() < 0.3:  # noqa: PLR2004
        return {"domain": "Licensing", "code": "QuotaSoftLimit", "context": {"usage": "92%"}}
    chain = _link(
        458785, "InitSnapshotBitmap", "0xe24f93d0b8d8c99f", "Failed to create volume snapshot.", {}
    )
    return {
        "domain": "environment",
        "code": "MemoVssProviderDoesNotSupportVolume",
        "reason": "MemoVssProviderDoesNotSupportVolume",
        "context": {
            "_src": chain,
            "cause_str": "The request is not supported",
            "effect_str": "Failed to process the shadow copy operation.",
            "os_error_code": "0x80070032",
        },
        "kbLink": _kb_link(rng, "0x015D06B1+0x00070021"),
    }


def _agent_error(rng: Random, title: str, tenant: str) -> dict[str, Any]:
    cause, result = rng.choice(_CAUSES)
    chain = _link(65520, "Common::Error::AddWindowsError", "0xbd28fdbd64edb8f8", cause, {})
    chain["fields"]["code"] = result
    chain["types"]["code"] = "N"
    depth = _DEEPEST if rng.random() < 0.1 else rng.randint(2, 6)  # noqa: PLR2004
    for _ in range(depth - 2):
        text, function, code, tag = rng.choice(_CHAIN)
        chain = _link(code, function, tag, text, chain)
    effect = f"TOL: Failed to execute the command. {title}"
    chain = _link(20250646, "MakeFailResult", _OUTER_TAG, effect, chain)
    context: dict[str, Any] = {
        "$module": "gtob_backup_command_addon_vsa64_31771",
        "_src": chain,
        "account": tenant,
        "commandid": "8F01AC13-F59E-4851-9204-DE1FD77E36B4",
        "failcount": 2,
        "effect_str": effect,
    }
    if rng.random() < 0.7:  # noqa: PLR2004
        context["cause_str"] = cause
    return {
        "domain": "Common",
        "code": "InternalError",
        "reason": "InternalError",
        "context": context,
        "kbLink": _kb_link(rng, f"0x01350016+0x01330029+0x0000FFF0+0x{result:08X}"),
        "debug": {"msg": cause, "requestId": f"{rng.getrandbits(32):08x}"},
    }


def _link(
    code: int, function: str, tag: int | str, text: str, inner: dict[str, Any]
) -> dict[str, Any]:
    return {
        "code": code,
        "fields": {"$module": "mms_vsa64_31771"},
        "src": {
            "file": "d:\\1108\\core\\common\\error.cpp",
            "func": function,
            "line": 314,
            "tag": tag,
        },
        "suberror": inner,
        "text": text,
        "types": {"$module": "A"},
    }


def _kb_link(rng: Random, chain: str) -> dict[str, Any]:
    return {
        "build": rng.choice((20567, "20567")),  # integer in the reference, string in a library
        "lineTag": "0xBD28FDBD64EDB8F8",
        "os": "Windows",
        "product": rng.choice(("cloud", "")),
        "serCode": chain,
        "version": "15.0",
    }
