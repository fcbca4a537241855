"""The kinds of work that occur (P§10.9): who asks, who works, on what, how long, in which steps."""

from typing import NamedTuple

Step = tuple[str, str]  # type, title

_BACKING_UP: Step = ("8F01AC13-F59E-4851-9204-DE1FD77E36B4", "Backing up")
_RESOLVING: Step = ("FD79C554-B363-4DB2-97BC-1E5A94094A94", "Resolving items")
_VOLUME: Step = ("45D64182-5DF4-4AE0-9D42-55E1C3DB942B", "Volume C:")


class Kind(NamedTuple):
    """One kind of work; `seconds` bounds its run, `style` names the shape of its context.

    `zero_times` says that its times are printed before they have come, as Go's zero time, and
    `tells_by_context` that plan and resource stand in the context alone (P§10.8).
    """

    type: str
    title: str
    queue: str
    style: str
    resource: str | None
    policy: str | None
    issuer: tuple[str, str | None]
    seconds: tuple[int, int]
    steps: tuple[Step, ...] = ()
    suite: str | None = None
    zero_times: bool = False
    tells_by_context: bool = False


_POLICY_MANAGER = ("policy-manager-7d9c", "policy_management")
_C2C = ("c2c-scheduler", "c2c")


def _cloud(
    type_: str, resource: str, suite: str, title: str, seconds: tuple[int, int] = (20, 600)
) -> Kind:
    steps = (("0016750A-EE56-49E6-BF59-7C768C9869AC", "Enumerating"),)
    return Kind(type_, title, "queue_c2c", "cloud", resource, "backup", _C2C, seconds, steps, suite)


BACKUP = Kind(
    "D332948D-A7A9-4E07-B76C-253DCF6E17FB",
    "Backup plan '{policy}'",
    "backup",
    "agent",
    "machine",
    "backup",
    _POLICY_MANAGER,
    (240, 5400),
    (_RESOLVING, _BACKING_UP, _VOLUME, _VOLUME, _VOLUME),
)
# As an agent of another build reports it.
ODD_BACKUP = BACKUP._replace(zero_times=True)
RECOVERY = BACKUP._replace(
    type="F30407D6-601F-11E0-9C67-FF46DFD72085",
    title="Recovering 'C:\\Users' of \"{resource}\"",
    policy=None,
    steps=(_RESOLVING, ("45D64182-5DF4-4AE0-9D42-55E1C3DB942B", "Recovering")),
)
CLOUD = (
    _cloud("UserMailboxBackup", "mailbox", "o365", "Backing up mailbox"),
    _cloud("ODBackup", "drive", "o365", "Backing up OneDrive"),
    _cloud("SPBackup", "site", "o365", "Backing up SharePoint")._replace(tells_by_context=True),
    _cloud("GSBackupGMail", "mailbox", "google", "Backing up Gmail"),
    _cloud("GSBackupGDrive", "drive", "gworkspace", "Backing up Google Drive"),
)
CLOUD_RECOVERY = (
    _cloud("UserMailboxRestore", "mailbox", "o365", "Recovering mailbox"),
    _cloud("GSRestoreGDrive", "drive", "google", "Recovering files"),
)
SCANS = (
    Kind(
        "WinScan",
        "",
        "vapm",
        "bare",
        "machine",
        "vulnerability_assessment",
        ("scheduler", None),
        (60, 900),
    ),
    Kind(
        "TpScan",
        "",
        "vapm",
        "bare",
        "machine",
        "vulnerability_assessment",
        ("scheduler", ""),
        (20, 300),
    ),
    Kind(
        "NGMP_FullScan",
        "Full scan of '{resource}'",
        "antimalware",
        "agent",
        "machine",
        "antimalware",
        _POLICY_MANAGER,
        (600, 7200),
        (("NGMP_FullScan", "Scanning files"),),
    ),
)
MINIMAL = Kind(
    "vulnerability_assessment", "", "vapm", "bare", None, None, ("scheduler", None), (5, 60)
)
_COMPONENTS: tuple[Step, ...] = (("Download", "Downloading"), ("AddFeatures", "Installing"))
UPDATE = Kind(
    "AutoUpdateStandby",
    "Updating the agent on '{resource}'",
    "agent_update",
    "update",
    "machine",
    None,
    ("", ""),
    (90, 1200),
    _COMPONENTS,
)


def _legacy(type_: str, title: str, policy: str | None) -> Kind:
    return Kind(type_, title, "legacySync", "legacy", "machine", policy, ("", ""), (0, 0))


LEGACY = (
    _legacy(
        "A59E8BF2-39C3-42C4-B667-CB672381A214",
        "Adding agent '{resource}' to the management server",
        None,
    ),
    _legacy(
        "44328016-20D7-4799-A357-CF152C904ED0",
        "Revoking plan '{policy}' from the resource '{resource}'",
        "policy.protection.total",
    ),
    _legacy("policy.apply", "Applying plan '{policy}' to '{resource}'", "policy.protection.total"),
    _legacy(
        "F5CD89C9-3CD1-4DBC-97F3-82BF93687B46", "Editing plan '{policy}'", "policy.protection.total"
    ),
)
# Short work that always goes on, so that whoever watches sees something move.
PULSE = (
    _cloud("ODBackup", "drive", "o365", "Backing up OneDrive", (10, 35)),
    _cloud("GSBackupGMail", "mailbox", "google", "Backing up Gmail", (8, 30)),
    SCANS[1]._replace(seconds=(6, 25)),
    UPDATE._replace(type="Download", seconds=(8, 30), steps=_COMPONENTS[:1]),
)
