"""What the chart promises to the operator, rendered by Helm's engine."""

from pathlib import Path
from typing import Any

import certifi
import helm_python as helm
import kubernetes_validate  # type: ignore[import-untyped]  # ships no types
import pytest
import yaml

from app import __version__
from app.settings import SettingsError, load
from tests.chart.rendering import (
    CHART,
    FULL,
    ONE_ACCOUNT,
    environment,
    manifests,
    pod,
    render,
)

pytestmark = pytest.mark.machine
each_values = pytest.mark.parametrize("values", [ONE_ACCOUNT, FULL], ids=["defaults", "full"])


def account(**changed: Any) -> dict[str, Any]:
    """Values with one account, changed in one place."""
    return {"accounts": {"eu2": ONE_ACCOUNT["accounts"]["eu2"] | changed}}


def test_engine() -> None:
    """The engine is the one that is locked: another Helm may render differently."""
    assert helm.helm_sdk_version() == "v4.2.3"


def test_versions() -> None:
    """The chart installs the version it stands beside."""
    about = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))

    assert (about["apiVersion"], about["appVersion"]) == ("v2", __version__)


@pytest.mark.parametrize("values", [{}, ONE_ACCOUNT, FULL], ids=["none", "defaults", "full"])
def test_lint(values: dict[str, Any]) -> None:
    """Helm's strict lint has nothing to say but that there is no icon."""
    told = helm.lint(str(CHART), values, strict=True, kube_version="1.36.0")

    assert [message["error"] for message in told["messages"]] == ["icon is recommended"]
    assert told["errors"] == []


@each_values
@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
def test_objects_are_valid(values: dict[str, Any], version: str) -> None:
    """Every object fits Kubernetes' own schema, unknown keys refused; an unknown kind raises."""
    objects = manifests(values)

    assert objects.keys() == {"Deployment", "Service", "ServiceAccount"}
    for found in objects.values():
        kubernetes_validate.validate(found, version, strict=True)


def test_validation_bites() -> None:
    """The validator refuses a misspelt key, so its silence means something."""
    deployment = manifests(ONE_ACCOUNT)["Deployment"]
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.30", strict=True)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"replicas": 2}, "'replicas' not allowed"),
        ({"replicaCount": "2"}, "got string, want integer"),
        ({"auth": "none"}, "/auth"),
        ({"image": {"repository": "taskgate", "digest": "sha256:abc"}}, "/image/digest"),
        (account(clientSecret="hunter2"), "'clientSecret' not allowed"),
        (account(clientId="me"), "'clientId' not allowed"),
        (account(url="http://eu2-cloud.acronis.com"), "/accounts/eu2/url"),
        (account(url="https://me:pass@eu2-cloud.acronis.com"), "/accounts/eu2/url"),
        ({"accounts": {"eu2": {"url": "https://eu2-cloud.acronis.com"}}}, "existingSecret"),
        ({"accounts": {"eu_2": {}}}, "eu_2"),
        ({"settings": {"LOG_LEVEL": "debug"}}, "LOG_LEVEL"),
        ({"settings": {"TASKGATE_UPSTREAM__TIMEOUT_S": 5}}, "want string"),
        ({"settings": {"TASKGATE_PORT": "9000"}}, "TASKGATE_PORT"),
        ({"consumers": {"bi": {"key": "tg_"}}}, "'bi' not allowed"),
        ({"settings": {"TASKGATE_CONSUMERS__BI__KEY_SHA256": "00"}}, "CONSUMERS__BI"),
        ({"settings": {"TASKGATE_VALKEY_URL": "redis://valkey"}}, "TASKGATE_VALKEY_URL"),
        ({"valkey": {"url": "redis://valkey"}}, "'url' not allowed"),
        ({"settings": {"TASKGATE_CURSOR_SECRET": "hunter2"}}, "TASKGATE_CURSOR_SECRET"),
        ({"settings": {"TASKGATE_ACCOUNTS__A__CLIENT_SECRET": "x"}}, "CLIENT_SECRET"),
        ({"topologySpreadConstraints": [{"maxSkew": 1}]}, "/topologySpreadConstraints/0"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_refused_values(values: dict[str, Any], told: str) -> None:
    """An unknown key, a wrong type or a secret written into the values stops the release."""
    with pytest.raises(helm.HelmValuesError, match=told):
        render(ONE_ACCOUNT | values)


@pytest.mark.parametrize(
    ("accounts", "told"),
    [
        ({}, "name at least one account"),
        (account()["accounts"] | {"EU2": account()["accounts"]["eu2"]}, "differ in case only"),
    ],
    ids=["none", "twice"],
)
def test_refused_accounts(accounts: dict[str, Any], told: str) -> None:
    """A release that could not serve is refused with one sentence."""
    with pytest.raises(helm.HelmRenderError, match=told):
        render({"accounts": accounts})


@each_values
def test_pod_is_locked_down(values: dict[str, Any]) -> None:
    """The pod runs as a numeric user without rights, tokens or writable files."""
    spec = pod(values)
    (container,) = spec["containers"]

    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()


@each_values
def test_selectors(values: dict[str, Any]) -> None:
    """Service and Deployment select the pods by labels that no upgrade changes."""
    objects = manifests(values)
    template = objects["Deployment"]["spec"]["template"]
    selector = objects["Deployment"]["spec"]["selector"]["matchLabels"]

    assert selector == objects["Service"]["spec"]["selector"]
    assert selector.keys() == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
    assert selector.items() <= template["metadata"]["labels"].items()
    for constraint in template["spec"].get("topologySpreadConstraints", []):
        assert constraint["labelSelector"]["matchLabels"] == selector


@each_values
def test_service_account(values: dict[str, Any]) -> None:
    """The pod runs under the account the chart makes, which mounts no token either."""
    made = manifests(values)["ServiceAccount"]

    assert made["metadata"]["name"] == pod(values)["serviceAccountName"]
    assert made["automountServiceAccountToken"] is False


def test_foreign_service_account() -> None:
    """An account that exists already is used, and none is made."""
    values = ONE_ACCOUNT | {"serviceAccount": {"create": False, "name": "gateway"}}

    assert "ServiceAccount" not in manifests(values)
    assert pod(values)["serviceAccountName"] == "gateway"


@each_values
def test_probes(values: dict[str, Any]) -> None:
    """Life is asked of the process alone, readiness of the service, both by the port's name."""
    (container,) = pod(values)["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness")}

    (port,) = container["ports"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": port["name"]}
    assert all(probe == {"path": "/healthz", "port": port["name"]} for probe in probes.values())
    (exposed,) = manifests(values)["Service"]["spec"]["ports"]
    assert exposed["targetPort"] == port["name"]
    assert environment(values)["TASKGATE_PORT"] == str(port["containerPort"])


def test_image() -> None:
    """A digest wins over the tag, and the tag over the chart's own version."""
    tagged = ONE_ACCOUNT | {"image": {"repository": "taskgate", "tag": "1.2.3"}}
    images = [pod(values)["containers"][0]["image"] for values in (ONE_ACCOUNT, tagged, FULL)]

    assert images[:2] == [f"taskgate:{__version__}", "taskgate:1.2.3"]
    assert images[2].startswith("registry.example.com/team/taskgate@sha256:0123")


@each_values
def test_no_service_links(values: dict[str, Any]) -> None:
    """Kubernetes may not announce Services by variables: one called taskgate would set our port."""
    assert pod(values)["enableServiceLinks"] is False


def test_service_link_would_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """What such a variable holds is no port, which is why the links are off."""
    monkeypatch.setenv("TASKGATE_PORT", "tcp://10.96.0.7:80")

    with pytest.raises(SettingsError, match="TASKGATE_PORT"):
        load()


def test_environment() -> None:
    """Values become the variables of the README; an alias keeps its hyphens."""
    told = environment(FULL)

    assert told["TASKGATE_AUTH"] == "off"
    assert told["TASKGATE_CONSUMERS_FILE"] == "/etc/taskgate/secrets/consumers.toml"
    assert told["TASKGATE_VALKEY_URL_FILE"] == "/etc/taskgate/secrets/valkey_url"
    assert told["TASKGATE_CACHE__MAX_BYTES"] == "134217728"
    assert told["TASKGATE_UPSTREAM__CA_FILE"] == "/etc/taskgate/secrets/upstream_ca.pem"
    assert told["TASKGATE_ACCOUNTS__EU2__CLIENT_ID"] == "acronis-eu2/id"
    assert told["TASKGATE_ACCOUNTS__US-EAST-1__CLIENT_ID"] == "acronis-us/client_id"
    assert not [name for name in told if name.endswith("SECRET")]


@each_values
def test_settings_accept_it(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The service understands every variable of the pod and finds every secret's file."""
    spec = pod(values)
    (mount,) = spec["containers"][0]["volumeMounts"]
    (volume,) = spec["volumes"]
    for source in volume["projected"]["sources"]:
        for item in source["secret"]["items"]:
            path = tmp_path / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{source['secret']['name']}/{item['key']}")
    (tmp_path / "valkey_url").write_text("redis://:pass@valkey")
    (tmp_path / "upstream_ca.pem").write_text(Path(certifi.where()).read_text(encoding="ascii"))
    for name, value in environment(values).items():
        monkeypatch.setenv(name, value.replace(mount["mountPath"], str(tmp_path)))

    settings = load()

    assert settings.accounts.keys() == {alias.lower() for alias in values["accounts"]}
    secrets = {alias: found.secret() for alias, found in settings.accounts.items()}
    assert (settings.upstream.ca_file is not None) is settings.has_valkey is (values is FULL)
    assert secrets["eu2"] in {"acronis-eu2/client_secret", "acronis-eu2/secret"}
    assert settings.auth == ("off" if values is FULL else "required")


@each_values
def test_secrets_rotate(values: dict[str, Any]) -> None:
    """Secrets come as a whole read-only volume for the group: a subPath would never change."""
    spec = pod(values)
    (mount,) = spec["containers"][0]["volumeMounts"]
    (volume,) = spec["volumes"]

    assert mount == {"name": "secrets", "mountPath": "/etc/taskgate/secrets", "readOnly": True}
    assert volume["projected"]["defaultMode"] == 0o440


def test_no_secret_in_manifest() -> None:
    """The chart makes no Secret: there is none whose value could end up in a release."""
    assert "Secret" not in manifests(FULL)
    assert "kind: Secret" not in "".join(render(FULL).values())


def test_changed_settings_roll_the_pods() -> None:
    """Another configuration is another pod; the same one is not."""
    changed = ONE_ACCOUNT | {"settings": {"TASKGATE_LOG_LEVEL": "debug"}}
    sums = [
        manifests(values)["Deployment"]["spec"]["template"]["metadata"]["annotations"]
        for values in (ONE_ACCOUNT, ONE_ACCOUNT, changed)
    ]

    assert sums[0] == sums[1] != sums[2]


def test_rollout() -> None:
    """A new version replaces a pod only when its successor is ready, and lets it finish."""
    spec = manifests(ONE_ACCOUNT)["Deployment"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    waited_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    drained_s = 25  # as long as the service lets requests finish after SIGTERM

    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert waited_s + drained_s < spec["template"]["spec"]["terminationGracePeriodSeconds"]


def test_notes() -> None:
    """The notes say how to ask, and warn when everybody may."""
    closed, opened = render(ONE_ACCOUNT)["NOTES.txt"], render(FULL)["NOTES.txt"]

    assert "port-forward service/taskgate 8080:80" in closed
    assert "auth is off" not in closed
    assert "auth is off" in opened


def test_values_are_told() -> None:
    """Each top-level value has its comment, its schema, and a place in the full example."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    schema = yaml.safe_load((CHART / "values.schema.json").read_text(encoding="utf-8"))

    assert len(values) == text.count("\n# -- ") + text.startswith("# -- ")
    assert values.keys() == schema["properties"].keys() - {"global"}
    assert values.keys() == FULL.keys()
