"""Image, compose file and manifests: valid by their schemas, and in agreement with the program and each other.

None of them is run here: there is no container engine (docs/deployment.md tells what has been tried, and how).
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeVar

import kubernetes_validate
import pytest

from streams.settings import ProcessSettings, Settings, WatchSettings, load, misspelt
from tests.ops.commands import check
from tests.ops.prometheus import CHECKOUT, PROMETHEUS, alerts
from tests.ops.prometheus import load as read

KUBERNETES = CHECKOUT / "ops" / "kubernetes"
MANIFESTS: dict[str, dict[str, Any]] = {path.stem: read(path) for path in sorted(KUBERNETES.glob("*.yaml"))}
OWN_SCHEMA = {name: it for name, it in MANIFESTS.items() if not it["apiVersion"].startswith(("keda.", "kustomize."))}
SETTLE, TOOLS, SCALER = MANIFESTS["statefulset"], MANIFESTS["tools"], MANIFESTS["scaledobject"]
WATCH = MANIFESTS["watch-statefulset"]
PASSWORD = "PETCT_KAFKA_SASL_PASSWORD_FILE"
WORKLOADS = pytest.mark.parametrize("workload", [SETTLE, TOOLS, WATCH], ids=["settle", "tools", "watch"])
COMPOSE = read(CHECKOUT / "docker-compose.yml")
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text("utf-8")

S = TypeVar("S", bound=ProcessSettings)


def shared(name: str) -> dict[str, str]:
    """What the pods of a role have alike."""
    lines = (KUBERNETES / f"{name}.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


ENVIRONMENT, WATCH_ENVIRONMENT = shared("settle"), shared("watch")


def known(kind: type[ProcessSettings]) -> set[str]:
    return {f"PETCT_{name.upper()}" for name in kind.model_fields}


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
    return _load(Settings, ENVIRONMENT, monkeypatch, tmp_path)


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WatchSettings:
    """Those of the pod `watch-0`."""
    return _load(WatchSettings, WATCH_ENVIRONMENT | _of_its_own("watch-0"), monkeypatch, tmp_path)


def _load(kind: type[S], given: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> S:
    for name, value in given.items():
        secret = tmp_path / value.replace("/", "-")
        if value.startswith("/run/secrets/"):
            secret.write_text(f"not a secret: {name}", "utf-8")
        monkeypatch.setenv(name, str(secret) if value.startswith("/run/secrets/") else value)
    return load(kind)


def _of_its_own(pod_name: str) -> dict[str, str]:
    """What Kubernetes makes of the `env` of a watch pod: fields first, then `$(NAME)` of what stands above."""
    made: dict[str, str] = {}
    for given in container(WATCH)["env"]:
        if "valueFrom" in given:
            assert given["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
            made[given["name"]] = pod_name
        else:
            made[given["name"]] = re.sub(r"\$\((\w+)\)", lambda found: made[found[1]], given["value"])
    return made


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
    assert kustomization["configMapGenerator"] == [
        {"name": name, "envs": [f"{name}.env"]} for name in ("settle", "watch")
    ]
    for workload, name in ((SETTLE, "settle"), (TOOLS, "settle"), (WATCH, "watch")):
        assert container(workload)["envFrom"] == [{"configMapRef": {"name": name}}]


def test_the_settings_of_the_pods_are_settings_and_fit_together(settings: Settings) -> None:
    assert settings.http_host == "0.0.0.0"
    assert not misspelt(ENVIRONMENT)
    assert ENVIRONMENT.keys() <= known(Settings)
    for name, service in COMPOSE["services"].items():
        given = {name for name in service.get("environment", {}) if name.startswith("PETCT_")}
        assert given <= known(WatchSettings if name == "watch" else Settings), name


def test_the_settings_of_watch_pods_are_settings_and_fit_together(watching: WatchSettings) -> None:
    assert watching.http_host == watching.watch_api_host == "0.0.0.0"
    assert not misspelt(WATCH_ENVIRONMENT, WatchSettings)
    assert WATCH_ENVIRONMENT.keys() <= known(WatchSettings)
    assert _of_its_own("watch-0").keys() == {"PETCT_WATCH_INSTANCE_ID", "PETCT_WATCH_API_URL"}
    for name in ("PETCT_KAFKA_BOOTSTRAP_SERVERS", "PETCT_KAFKA_SECURITY_PROTOCOL", "PETCT_TOPIC_PREFIX"):
        assert WATCH_ENVIRONMENT.get(name) == ENVIRONMENT.get(name), "of one cluster"


def test_secrets_are_files_of_the_mounted_secret() -> None:
    document = (CHECKOUT / "docs" / "deployment.md").read_text("utf-8")
    for workload, given in ((SETTLE, ENVIRONMENT), (TOOLS, ENVIRONMENT), (WATCH, WATCH_ENVIRONMENT)):
        (mount,) = [mount for mount in container(workload)["volumeMounts"] if mount["name"] == "secrets"]
        (volume,) = [volume for volume in pod(workload)["volumes"] if volume["name"] == "secrets"]
        assert mount["readOnly"]
        assert f"create secret generic {volume['secret']['secretName']} " in document
        for name, value in given.items():
            if name.endswith("_FILE"):
                assert str(Path(value).parent) == mount["mountPath"]
    keys = {Path(value).name for name, value in ENVIRONMENT.items() if name.endswith("_FILE")}
    asked = {target["key"] for target in MANIFESTS["triggerauthentication"]["spec"]["secretTargetRef"]}
    assert {key for key in keys | asked if f"--from-literal={key}=" not in document} == set()


def test_watch_is_a_user_of_its_own_and_never_sees_the_disclosure_secret(watching: WatchSettings) -> None:
    assert watching.kafka_sasl_username != ENVIRONMENT["PETCT_KAFKA_SASL_USERNAME"]
    assert not {name for name in WATCH_ENVIRONMENT if "DISCLOSURE" in name}
    (volume,) = [volume for volume in pod(WATCH)["volumes"] if "secret" in volume]
    assert volume["secret"]["secretName"] not in {
        volume["secret"]["secretName"] for volume in pod(SETTLE)["volumes"] if "secret" in volume
    }
    document = (CHECKOUT / "docs" / "deployment.md").read_text("utf-8")
    (made,) = re.findall(rf"create secret generic {volume['secret']['secretName']} (.+)", document)
    given = [Path(WATCH_ENVIRONMENT[name]).name for name in (PASSWORD, "PETCT_SURVEILLANCE_SECRET_FILE")]
    assert re.findall(r"--from-literal=([\w-]+)=", made) == given
    for role in ("watch", "surveillance"):
        assert f"petct topics acls {role} --user {watching.kafka_sasl_username}" in document
    assert "PETCT_DISCLOSURE_SECRET" not in COMPOSE["services"]["watch"]["environment"]


@WORKLOADS
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
    for workload in (SETTLE, TOOLS, WATCH):
        assert policy <= workload["spec"]["template"]["metadata"]["labels"].items()
    assert SETTLE["spec"]["serviceName"] == MANIFESTS["service"]["metadata"]["name"]


def test_selectors_meet_the_labels_of_the_watch_pods_and_of_no_others() -> None:
    selected = [
        WATCH["spec"]["selector"]["matchLabels"],
        MANIFESTS["watch-poddisruptionbudget"]["spec"]["selector"]["matchLabels"],
        MANIFESTS["watch-networkpolicy"]["spec"]["podSelector"]["matchLabels"],
        MANIFESTS["watch-members"]["spec"]["selector"],
        MANIFESTS["watch-service"]["spec"]["selector"],
    ]
    for selector in selected:
        assert selector.items() <= WATCH["spec"]["template"]["metadata"]["labels"].items()
        for other in (SETTLE, TOOLS):
            assert not selector.items() <= other["spec"]["template"]["metadata"]["labels"].items()


def test_a_watch_pod_is_a_member_of_its_pods_name_and_reached_by_it(watching: WatchSettings) -> None:
    """Another pod with the same name or address would be thrown out of the group, or asked for what it has not."""
    members = MANIFESTS["watch-members"]
    assert WATCH["spec"]["serviceName"] == members["metadata"]["name"]
    assert members["spec"]["clusterIP"] == "None"
    assert members["spec"]["publishNotReadyAddresses"]
    assert watching.watch_instance_id == "watch-0"
    assert watching.api_url == f"http://watch-0.{members['metadata']['name']}:{watching.watch_api_port}"
    assert not WATCH_ENVIRONMENT.keys() & {"PETCT_WATCH_INSTANCE_ID", "PETCT_WATCH_API_URL"}, "shared by all"


def test_readers_find_the_read_api_where_they_look(watching: WatchSettings) -> None:
    service = MANIFESTS["watch-service"]
    (port,) = service["spec"]["ports"]
    url = f"http://{service['metadata']['name']}:{port['port']}"
    assert (port["targetPort"], port["port"]) == ("api", watching.watch_api_port)
    assert container(TOOLS)["env"] == [{"name": "PETCT_BOARD_URL", "value": url}]
    assert not misspelt({"PETCT_BOARD_URL": url})
    assert COMPOSE["services"]["watch"]["environment"]["PETCT_WATCH_API_URL"] == url
    assert COMPOSE["services"]["watch"]["ports"] == [f"127.0.0.1:{watching.watch_api_port}:{watching.watch_api_port}"]


def test_each_watch_process_has_a_folder_that_it_may_write_and_nobody_shares(watching: WatchSettings) -> None:
    folder = str(watching.watch_folder)
    mounts = {mount["mountPath"]: mount["name"] for mount in container(WATCH)["volumeMounts"]}
    (claim,) = WATCH["spec"]["volumeClaimTemplates"]
    assert mounts[folder] == claim["metadata"]["name"]
    assert pod(WATCH)["securityContext"]["fsGroup"] == pod(WATCH)["securityContext"]["runAsGroup"]
    runbook = (CHECKOUT / "ops" / "runbooks" / "WatchDown.md").read_text("utf-8")
    assert f"delete pvc {claim['metadata']['name']}-watch-0 " in runbook
    composed = COMPOSE["services"]["watch"]
    assert composed["environment"]["PETCT_WATCH_FOLDER"] == folder
    assert [mount.partition(":")[2] for mount in composed["volumes"]] == [folder]
    uid = pod(WATCH)["securityContext"]["runAsUser"]
    made = f"\nRUN install -d -o {uid} -g {uid} -m 0750 {folder}\n"
    assert made in DOCKERFILE, "a new named volume would be root's"
    assert DOCKERFILE.index(made) < DOCKERFILE.index("\nUSER ")


def test_the_network_lets_through_the_scraper_and_the_way_to_the_brokers(settings: Settings) -> None:
    spec = MANIFESTS["networkpolicy"]["spec"]
    served = [settings.http_port, settings.replay_http_port]
    assert [port["port"] for rule in spec["ingress"] for port in rule["ports"]] == served
    brokers = {int(address.rpartition(":")[2]) for address in settings.kafka_bootstrap_servers.split(",")}
    assert brokers <= {port["port"] for rule in spec["egress"] for port in rule["ports"]}


def test_the_network_lets_watch_pods_the_web_and_tools_through_to_the_read_api(watching: WatchSettings) -> None:
    ((allowed,), (asking,)) = (
        MANIFESTS["watch-networkpolicy"]["spec"]["ingress"],
        MANIFESTS["watch-readers"]["spec"]["egress"],
    )
    for rule in (allowed, asking):
        assert [port["port"] for port in rule["ports"]] == [watching.watch_api_port]
    readers = MANIFESTS["watch-readers"]["spec"]["podSelector"]
    assert [peer["podSelector"] for peer in allowed["from"]] == [readers]
    assert [peer["podSelector"] for peer in asking["to"]] == [MANIFESTS["watch-networkpolicy"]["spec"]["podSelector"]]
    (chosen,) = readers["matchExpressions"]
    names = {workload["spec"]["template"]["metadata"]["labels"][chosen["key"]] for workload in (WATCH, TOOLS)}
    assert set(chosen["values"]) == names | {"web"}
    assert watching.http_port in {
        port["port"] for rule in MANIFESTS["networkpolicy"]["spec"]["ingress"] for port in rule["ports"]
    }


def test_scrapers_are_told_the_ports_that_are_served(settings: Settings) -> None:
    for workload, port in (
        (SETTLE, settings.http_port),
        (TOOLS, settings.replay_http_port),
        (WATCH, load(WatchSettings).http_port),
    ):
        told = workload["spec"]["template"]["metadata"]["annotations"]
        assert (told["prometheus.io/scrape"], told["prometheus.io/port"]) == ("true", str(port))


@pytest.mark.parametrize("workload", [SETTLE, WATCH], ids=["settle", "watch"])
def test_probes_ask_for_what_is_served(workload: dict[str, Any], watching: WatchSettings) -> None:
    only = container(workload)
    served = {"http": watching.http_port} | ({"api": watching.watch_api_port} if workload is WATCH else {})
    assert {port["name"]: port["containerPort"] for port in only["ports"]} == served
    assert only["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert only["startupProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert only["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_a_worker_is_given_the_time_it_takes_to_stop(settings: Settings) -> None:
    for workload, name in ((SETTLE, "settle"), (WATCH, "watch")):
        budget = (load(WatchSettings) if name == "watch" else settings).shutdown_seconds
        assert pod(workload)["terminationGracePeriodSeconds"] > budget
        assert int(COMPOSE["services"][name]["stop_grace_period"].removesuffix("s")) > budget


def test_a_restart_in_order_is_over_before_the_session_is(settings: Settings, watching: WatchSettings) -> None:
    """Else each pod of a rolling update costs two rebalances, and the StatefulSet would be for nothing."""
    assert watching.session_timeout_ms >= 1_000 * (watching.shutdown_seconds + 10)
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
    for workload in (SETTLE, WATCH):
        check([*words, *container(workload)["args"]])
    for service in COMPOSE["services"].values():
        if service["image"] == "petct-settlement:local":
            check([*words, *service.get("command", ["worker", "settle"])])


def test_what_runs_on_in_compose_is_looked_after_and_starts_in_order() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        if name not in ("topics", "rulebook", "settle", "watch"):
            assert service["healthcheck"]["test"], name
        for before, how in service.get("depends_on", {}).items():
            once = services[before].get("healthcheck", {}).get("disable", False)
            assert how["condition"] == ("service_completed_successfully" if once else "service_healthy")
    for name in ("settle", "watch"):
        assert services[name]["read_only"]
        assert "healthcheck" not in services[name], "that of the image"
        assert services[name]["depends_on"].keys() == {"rulebook"}
        assert not {"PETCT_HTTP_HOST", "PETCT_HTTP_PORT"} & services[name]["environment"].keys(), "the image's"


def test_compose_mounts_what_there_is_and_prometheus_scrapes_the_workers(
    settings: Settings, watching: WatchSettings
) -> None:
    for service in COMPOSE["services"].values():
        for source in (mount.partition(":")[0] for mount in service.get("volumes", ())):
            assert source in COMPOSE["volumes"] or (CHECKOUT / source).is_dir(), source
    configuration = read(PROMETHEUS / "prometheus.yml")
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in configuration["scrape_configs"]}
    assert targets == {"petct": [f"settle:{settings.http_port}"], "petct-watch": [f"watch:{watching.http_port}"]}
    assert 'up{job="petct-watch"}' in alerts()["WatchDown"]["expr"]
    source = read(CHECKOUT / "ops" / "grafana" / "provisioning" / "datasources" / "prometheus.yml")["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == configuration["global"]["scrape_interval"]
    boards = read(CHECKOUT / "ops" / "grafana" / "provisioning" / "dashboards" / "petct.yml")["providers"][0]
    mounted = dict(mount.split(":")[:2] for mount in COMPOSE["services"]["grafana"]["volumes"])
    assert mounted["./ops/grafana/dashboards"] == boards["options"]["path"]
