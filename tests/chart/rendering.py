"""The chart through Helm's own engine, and what the tests ask of the result."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

CHART = Path(__file__).parent.parent.parent / "helm" / "taskgate"
ONE_ACCOUNT = {
    "accounts": {"eu2": {"url": "https://eu2-cloud.acronis.com", "existingSecret": "acronis-eu2"}}
}
FULL = yaml.safe_load((Path(__file__).parent / "values_full.yaml").read_text(encoding="utf-8"))


def render(values: Mapping[str, Any]) -> dict[str, str]:
    """Render a release called `taskgate`; template name -> text."""
    with helm.Chart.load(str(CHART)) as chart:
        chart.validate_schema(dict(values))
        texts = chart.render(dict(values), name="taskgate", namespace="prod")
    return {Path(name).name: text for name, text in texts.items()}


def manifests(values: Mapping[str, Any]) -> dict[str, Any]:
    """Render and parse; kind -> object."""
    texts = (text for name, text in render(values).items() if name.endswith(".yaml"))
    objects = [loaded for text in texts for loaded in yaml.safe_load_all(text) if loaded]
    return {loaded["kind"]: loaded for loaded in objects}


def pod(values: Mapping[str, Any]) -> Any:
    """Return the pod's specification."""
    return manifests(values)["Deployment"]["spec"]["template"]["spec"]


def environment(values: Mapping[str, Any]) -> dict[str, str]:
    """Return what the container is told; a reference to a Secret reads `<secret>/<key>`."""
    (container,) = pod(values)["containers"]
    told = {}
    for variable in container["env"]:
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        told[variable["name"]] = (
            f"{reference['name']}/{reference['key']}" if reference else variable["value"]
        )
    assert len(told) == len(container["env"])
    return told
