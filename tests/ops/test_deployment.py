"""Image, compose file and manifests: valid by their schemas, and in agreement with the program and each other.

None of them is run here: there is no container engine (docs/deployment.md tells what has been tried, and how).
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from streams.settings import Settings, load, misspelt
from tests.ops.commands import check
from tests.ops.prometheus import CHECKOUT, PROMETHEUS
from tests.ops.prometheus import load as read

KUBERNETES = CHECKOUT / "ops" / "kubernetes"
MANIFESTS: dict[str, dict[str, Any]] = {path.stem: read(path) for path in sorted(KUBERNETES.glob("*.yaml"))}
OWN_SCHEMA = {name: it for name, it in MANIFESTS.items() if not it["apiVersion"].startswith(("keda.", "kustomize."))}
SETTLE, TOOLS, SCALER = MANIFESTS["statefulset"], MANIFESTS["tools"], MANIFESTS["scaledobject"]
COMPOSE = read(CHECKOUT / "docker-compose.yml")
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text("utf-8")
ENVIRONMENT = dict(
    line.split("=", 1)
    for line in (KUBERNETES / "settle.env").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
)


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def container(workload: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod(workload)["containers"]
    assert isinstance(only, dict)
    return only


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Those of the pods, with files of this machine for the secrets."""
    secret = tmp_path / "secret"
    secret.write_text("not a secret", "utf-8")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, str(secret) if value.startswith("/run/secrets/") else value)
    return load(Settings)


@pytest.mark.parametrize("version", ["1.28", "1.34"])
@pytest.mark.parametrize("name", OWN_SCHEMA)
def test_a_manifest_is_valid_by_the_schema_of_kubernetes(name: str, version: str) -> None:
    kubernetes_validate.validate(OWN_SCHEMA[name], version, strict=True)


def test_a_manifest_with_a_misspelt_field_is_not() -> None:
    wrong = {**SETTLE, "spec": {**SETTLE["spec"], "minReadySecond": 15}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.34", strict=True)


def test_the_compose_file_is_valid_by_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*command, CHECKOUT / "docker-compose.yml"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_kustomize_is_told_of_every_manifest() -> None:
    kustomization = MANIFESTS["kustomization"]
    assert {f"{name}.yaml" for name in MANIFESTS} - {"kustomization.yaml"} == set(kustomization["resources"])
    assert kustomization["configMapGenerator"] == [{"name": "settle", "envs": ["settle.env"]}]
    for workload in (SETTLE, TOOLS):
        assert container(workload)["envFrom"] == [{"configMapRef": {"name": "settle"}}]


def test_the_settings_of_the_pods_are_settings_and_fit_together(settings: Settings) -> None:
    assert settings.http_host == "0.0.0.0"
    assert not misspelt(ENVIRONMENT)
    known = {f"PETCT_{name.upper()}" for name in Settings.model_fields}
    assert ENVIRONMENT.keys() <= known
    for service in COMPOSE["services"].values():
        assert {name for name in service.get("environment", {}) if name.startswith("PETCT_")} <= known


def test_secrets_are_files_of_the_mounted_secret() -> None:
    for workload in (SETTLE, TOOLS):
        (mount,) = [mount for mount in container(workload)["volumeMounts"] if mount["name"] == "secrets"]
        assert mount["readOnly"]
        for name, value in ENVIRONMENT.items():
            if name.endswith("_FILE"):
                assert str(Path(value).parent) == mount["mountPath"]
    keys = {Path(value).name for name, value in ENVIRONMENT.items() if name.endswith("_FILE")}
    asked = {target["key"] for target in MANIFESTS["triggerauthentication"]["spec"]["secretTargetRef"]}
    document = (CHECKOUT / "docs" / "deployment.md").read_text("utf-8")
    assert {key for key in keys | asked if f"--from-literal={key}=" not in document} == set()


@pytest.mark.parametrize("workload", [SETTLE, TOOLS], ids=["settle", "tools"])
def test_a_pod_runs_without_root_on_a_root_it_cannot_write(workload: dict[str, Any]) -> None:
    context = container(workload)["securityContext"]
    assert pod(workload)["securityContext"]["runAsNonRoot"]
    assert context["readOnlyRootFilesystem"]
    assert not context["allowPrivilegeEscalation"]
    assert context["capabilities"]["drop"] == ["ALL"]
    assert not pod(workload)["automountServiceAccountToken"]
    assert "/tmp" in {mount["mountPath"] for mount in container(workload)["volumeMounts"]}
    assert container(workload)["resources"]["limits"].keys() == {"memory"}


def test_selectors_meet_the_labels_of_the_pods() -> None:
    labels = SETTLE["spec"]["template"]["metadata"]["labels"].items()
    assert SETTLE["spec"]["selector"]["matchLabels"].items() <= labels
    assert MANIFESTS["poddisruptionbudget"]["spec"]["selector"]["matchLabels"].items() <= labels
    assert MANIFESTS["service"]["spec"]["selector"].items() <= labels
    policy = MANIFESTS["networkpolicy"]["spec"]["podSelector"]["matchLabels"].items()
    assert policy <= labels
    assert policy <= TOOLS["spec"]["template"]["metadata"]["labels"].items()
    assert SETTLE["spec"]["serviceName"] == MANIFESTS["service"]["metadata"]["name"]


def test_the_network_lets_through_the_scraper_and_the_way_to_the_brokers(settings: Settings) -> None:
    spec = MANIFESTS["networkpolicy"]["spec"]
    served = [settings.http_port, settings.replay_http_port]
    assert [port["port"] for rule in spec["ingress"] for port in rule["ports"]] == served
    brokers = {int(address.rpartition(":")[2]) for address in settings.kafka_bootstrap_servers.split(",")}
    assert brokers <= {port["port"] for rule in spec["egress"] for port in rule["ports"]}


def test_scrapers_are_told_the_ports_that_are_served(settings: Settings) -> None:
    for workload, port in ((SETTLE, settings.http_port), (TOOLS, settings.replay_http_port)):
        told = workload["spec"]["template"]["metadata"]["annotations"]
        assert (told["prometheus.io/scrape"], told["prometheus.io/port"]) == ("true", str(port))


def test_probes_ask_for_what_is_served(settings: Settings) -> None:
    only = container(SETTLE)
    assert {port["name"]: port["containerPort"] for port in only["ports"]} == {"http": settings.http_port}
    assert only["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert only["startupProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert only["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_a_worker_is_given_the_time_it_takes_to_stop(settings: Settings) -> None:
    assert pod(SETTLE)["terminationGracePeriodSeconds"] > settings.shutdown_seconds
    assert int(COMPOSE["services"]["settle"]["stop_grace_period"].removesuffix("s")) > settings.shutdown_seconds


def test_a_restart_in_order_is_over_before_the_session_is(settings: Settings) -> None:
    """Else each pod of a rolling update costs two rebalances, and the StatefulSet would be for nothing."""
    assert settings.session_timeout_ms >= 1_000 * (settings.shutdown_seconds + 10)
    assert "PETCT_GROUP_INSTANCE_ID" not in ENVIRONMENT, "shared by all: two workers of one name fence each other"


def test_workers_are_added_on_the_lag_of_their_own_group_up_to_one_a_partition(settings: Settings) -> None:
    spec = SCALER["spec"]
    target = spec["scaleTargetRef"]
    assert (target["apiVersion"], target["kind"], target["name"]) == ("apps/v1", "StatefulSet", "settle")
    assert "replicas" not in SETTLE["spec"], "applying the manifest would undo what the scaler did"
    (trigger,) = spec["triggers"]
    asked = trigger["metadata"]
    assert asked["bootstrapServers"] == settings.kafka_bootstrap_servers
    assert asked["consumerGroup"] == settings.group_id
    assert asked["topic"] == settings.topic("settlement.events")
    assert asked["offsetResetPolicy"] == settings.offset_reset
    assert asked["allowIdleConsumers"] == "false"
    assert trigger["authenticationRef"]["name"] == MANIFESTS["triggerauthentication"]["metadata"]["name"]
    document = (CHECKOUT / "docs" / "deployment.md").read_text("utf-8")
    assert f"--partitions {spec['maxReplicaCount']} " in document
    assert 1 < spec["minReplicaCount"] < spec["maxReplicaCount"]


def test_images_are_pinned_and_the_kafka_is_the_tested_one() -> None:
    images = [service["image"] for service in COMPOSE["services"].values()]
    for image in [*images, *re.findall(r"^ARG PYTHON=(.+)$", DOCKERFILE, re.MULTILINE)]:
        assert re.search(r":v?\d+\.\d+\.\d+|:local$", image), image
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON}"}
    pom = (CHECKOUT / "ops" / "kafka" / "pom.xml").read_text("utf-8")
    assert COMPOSE["services"]["kafka"]["image"].rpartition(":")[2] in pom


def test_the_image_is_built_of_what_the_build_may_see() -> None:
    ignored = (CHECKOUT / ".dockerignore").read_text("utf-8").split()
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = line.split()
        for source in sources:
            assert (CHECKOUT / source).exists(), source
            assert f"!{source}" in ignored, source


def test_the_image_runs_as_nobody_and_serves_where_the_probe_looks(settings: Settings) -> None:
    uid = pod(SETTLE)["securityContext"]["runAsUser"]
    assert f"\nUSER {uid}:{uid}\n" in DOCKERFILE
    assert f"\nEXPOSE {settings.http_port}\n" in DOCKERFILE
    assert f"http://127.0.0.1:{settings.http_port}/livez" in DOCKERFILE
    build = re.findall(r"constraints.txt (.+)$", DOCKERFILE, re.MULTILINE)[1].split()
    pinned = (CHECKOUT / "constraints.txt").read_text("utf-8")
    assert [name for name in build if f"\n{name}==" in pinned] == ["build", "hatchling"]


def test_commands_of_image_compose_file_and_pods_are_commands_of_petct() -> None:
    (entry,) = re.findall(r"^ENTRYPOINT \[(.+)\]$", DOCKERFILE, re.MULTILINE)
    (command,) = re.findall(r"^CMD \[(.+)\]$", DOCKERFILE, re.MULTILINE)
    words = [word.rstrip(",") for word in shlex.split(entry)]
    check([*words, *(word.rstrip(",") for word in shlex.split(command))])
    check([*words, *container(SETTLE)["args"]])
    for service in COMPOSE["services"].values():
        if service["image"] == "petct-settlement:local":
            check([*words, *service.get("command", ["worker", "settle"])])


def test_what_runs_on_in_compose_is_looked_after_and_starts_in_order() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        if name not in ("topics", "rulebook", "settle"):
            assert service["healthcheck"]["test"], name
        for before, how in service.get("depends_on", {}).items():
            once = services[before].get("healthcheck", {}).get("disable", False)
            assert how["condition"] == ("service_completed_successfully" if once else "service_healthy")
    assert services["settle"]["read_only"]
    assert "healthcheck" not in services["settle"], "that of the image"


def test_compose_mounts_what_there_is_and_prometheus_scrapes_the_worker(settings: Settings) -> None:
    for service in COMPOSE["services"].values():
        for source in (mount.partition(":")[0] for mount in service.get("volumes", ())):
            assert source in COMPOSE["volumes"] or (CHECKOUT / source).is_dir(), source
    configuration = read(PROMETHEUS / "prometheus.yml")
    targets = [target for job in configuration["scrape_configs"] for target in job["static_configs"][0]["targets"]]
    assert targets == [f"settle:{settings.http_port}"]
    source = read(CHECKOUT / "ops" / "grafana" / "provisioning" / "datasources" / "prometheus.yml")["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == configuration["global"]["scrape_interval"]
    boards = read(CHECKOUT / "ops" / "grafana" / "provisioning" / "dashboards" / "petct.yml")["providers"][0]
    mounted = dict(mount.split(":")[:2] for mount in COMPOSE["services"]["grafana"]["volumes"])
    assert mounted["./ops/grafana/dashboards"] == boards["options"]["path"]
