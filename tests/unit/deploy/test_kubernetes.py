"""The Kubernetes manifests: no cluster runs here, so what can be proved from the files is proved from the files."""

import json
import re
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import yaml

from lakehouse.cli.settings_table import documented
from lakehouse.contracts.job_process import POOLS
from lakehouse.settings import project_root

Object = dict[str, Any]

ROOT = project_root()
FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION: Object = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
SERVICES: Object = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OBJECTS: list[Object] = [
    found
    for name in KUSTOMIZATION["resources"]
    for found in yaml.safe_load_all((FOLDER / name).read_text())
    if found is not None
]
WORKLOADS: dict[str, Object] = {
    found["metadata"]["name"]: found for found in OBJECTS if found["kind"] in {"Deployment", "StatefulSet", "Job"}
}
LONG_RUNNING = {name for name, found in WORKLOADS.items() if found["kind"] != "Job"}
SINGLE = {
    *("quotes", "signals", "feed", "mail", "broker", "hot"),
    *("spark-connect", "spark-master", "mlflow", "airflow-scheduler"),
}
"""Two of one of these would fight over the same work or schema."""
READS_NO_SETTINGS = {"spark-master", "spark-worker"}
PATH = "/usr/bin:/bin"
EMBEDDED_ONLY = ("TIDEMARK_STACK__", "TIDEMARK_HOME")
SECRETS_OF = {
    "bootstrap": {"S3", "POSTGRES", "CLICKHOUSE"},
    "landing": {"S3"},
    "outbox": {"POSTGRES"},
    "quotes": {"POSTGRES", "REDIS"},
    "hot": {"POSTGRES", "REDIS"},
    "feed": {"POSTGRES"},
    "mail": {"POSTGRES"},
    "broker": {"POSTGRES"},
    "signals": {"POSTGRES"},
    "api": {"S3", "POSTGRES", "REDIS", "CLICKHOUSE", "AIRFLOW"},
    "airflow-api": {"AIRFLOW"},
    "airflow-scheduler": {"S3", "POSTGRES", "CLICKHOUSE"},
}
"""Least privilege: the engines whose keys a process gets under our settings' names."""

every_workload = pytest.mark.parametrize("name", sorted(WORKLOADS))
every_server = pytest.mark.parametrize("name", sorted(LONG_RUNNING))


def _of_kind(kind: str) -> dict[str, Object]:
    return {found["metadata"]["name"]: found for found in OBJECTS if found["kind"] == kind}


def _pod(name: str) -> Object:
    pod: Object = WORKLOADS[name]["spec"]["template"]["spec"]
    return pod


def _containers(name: str) -> list[Object]:
    pod = _pod(name)
    return [*pod.get("initContainers", []), *pod["containers"]]


def _labels(name: str) -> dict[str, str]:
    labels: dict[str, str] = WORKLOADS[name]["spec"]["template"]["metadata"]["labels"]
    return labels


def _configured(container: Object) -> dict[str, str]:
    """The variables that a container takes from ConfigMaps, with their values."""
    maps = _of_kind("ConfigMap")
    sources = [source["configMapRef"]["name"] for source in container.get("envFrom", []) if "configMapRef" in source]
    return {key: value for source in sources for key, value in maps[source]["data"].items()}


def _secret_references(container: Object) -> dict[str, Object]:
    """Variables that come from Secrets."""
    return {
        variable["name"]: variable["valueFrom"]["secretKeyRef"]
        for variable in container.get("env", [])
        if "secretKeyRef" in variable.get("valueFrom", {})
    }


def _words(container: Object) -> list[str]:
    return [*container.get("command", []), *container.get("args", [])]


def _probes(container: Object) -> Iterator[Object]:
    return (container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness") if f"{kind}Probe" in container)


def test_every_file_is_part_of_the_kustomization() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == set(KUSTOMIZATION["resources"])


def test_names_are_unique_a_kind() -> None:
    names = [(found["kind"], found["metadata"]["name"]) for found in OBJECTS]
    assert len(set(names)) == len(names)


def test_all_processes_of_the_platform_are_there() -> None:
    ours = {name for name, service in SERVICES.items() if service["image"].startswith("tidemark/platform")}
    assert ours - {"spark"} <= set(WORKLOADS)
    assert {"spark-connect", "spark-master", "spark-worker"} <= set(WORKLOADS)


def test_no_engine_and_no_secret_value_is_in_the_files() -> None:
    kinds = {found["kind"] for found in OBJECTS}
    assert kinds == {
        *("Namespace", "ServiceAccount", "ConfigMap", "Service", "Deployment", "StatefulSet", "Job"),
        *("NetworkPolicy", "PodDisruptionBudget"),
    }
    secret = {doc.variable for doc in documented() if doc.secret} | {"TIDEMARK_S3__ACCESS_KEY"}
    for found in _of_kind("ConfigMap").values():
        assert not secret & set(found["data"])


def test_the_image_is_that_of_compose() -> None:
    image, _, tag = SERVICES["api"]["image"].rpartition(":")
    assert KUSTOMIZATION["images"] == [{"name": image, "newTag": tag}]
    assert {container["image"] for name in WORKLOADS for container in _containers(name)} == {image}


def test_the_namespace_refuses_what_is_not_restricted() -> None:
    assert _of_kind("Namespace")["tidemark"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@every_workload
def test_a_pod_is_not_root_and_knows_nothing_of_the_cluster(name: str) -> None:
    pod = _pod(name)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    # MLFLOW_PORT and SPARK_MASTER_PORT, as Kubernetes sets them for Services, mean something else to those programs.
    assert pod["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)


@every_workload
def test_a_container_writes_only_to_its_volumes_and_has_no_privileges(name: str) -> None:
    for container in _containers(name):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}


@every_workload
def test_volumes_are_bounded_and_all_mounts_have_one(name: str) -> None:
    claims = {claim["metadata"]["name"] for claim in WORKLOADS[name]["spec"].get("volumeClaimTemplates", [])}
    volumes = {volume["name"]: volume for volume in _pod(name)["volumes"]}
    for volume in volumes.values():
        assert "hostPath" not in volume
        assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": ""})
        if "configMap" in volume:
            assert volume["configMap"]["name"] in _of_kind("ConfigMap")
    mounted = {mount["name"] for container in _containers(name) for mount in container["volumeMounts"]}
    assert mounted == set(volumes) | claims


@every_workload
def test_a_container_has_requests_and_limits(name: str) -> None:
    for container in _containers(name):
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert set(container["resources"]["limits"]) == {"cpu", "memory"}


@every_workload
def test_labels_tell_the_name_and_the_selector_finds_the_pods(name: str) -> None:
    found = WORKLOADS[name]
    assert found["metadata"]["labels"]["app.kubernetes.io/name"] == name
    assert _labels(name)["app.kubernetes.io/name"] == name
    if name in LONG_RUNNING:
        assert found["spec"]["selector"]["matchLabels"] == {"app.kubernetes.io/name": name}
    assert KUSTOMIZATION["labels"][0]["pairs"] == {"app.kubernetes.io/part-of": "tidemark"}


@every_server
def test_a_server_has_all_three_probes_on_ports_that_it_has(name: str) -> None:
    (container,) = _pod(name)["containers"]
    probes = list(_probes(container))
    assert len(probes) == 3
    ports = {port["name"] for port in container.get("ports", [])}
    for probe in probes:
        targets = [probe[kind] for kind in ("httpGet", "tcpSocket") if kind in probe]
        assert len(targets) + ("exec" in probe) == 1
        assert all(target["port"] in ports for target in targets)


@pytest.mark.parametrize("name", sorted(LONG_RUNNING & set(SERVICES)))
def test_probes_ask_what_compose_asks(name: str) -> None:
    healthcheck = SERVICES[name]["healthcheck"]["test"]
    (container,) = _pod(name)["containers"]
    liveness = container["livenessProbe"]
    if "exec" in liveness:
        assert liveness["exec"]["command"] == healthcheck[1:]
    else:
        assert healthcheck[-1].endswith(liveness["httpGet"]["path"])


@pytest.mark.parametrize("name", ["api", "mlflow"])
def test_servers_that_check_the_host_header_are_probed_under_a_name_that_they_admit(name: str) -> None:
    (container,) = _pod(name)["containers"]
    assert all(
        probe["httpGet"]["httpHeaders"] == [{"name": "Host", "value": "localhost"}] for probe in _probes(container)
    )
    admitted = _configured(container)["TIDEMARK_SERVING__ALLOWED_HOSTS"]
    assert "localhost" in json.loads(admitted)


STARTED_OTHERWISE = {"airflow-migrate", "mlflow", "landing"}


@pytest.mark.parametrize("name", sorted(set(SERVICES) & set(WORKLOADS) - STARTED_OTHERWISE))
def test_a_process_is_started_as_in_compose(name: str) -> None:
    assert SERVICES[name]["command"] == _pod(name)["containers"][0]["args"]


def test_every_setting_that_the_code_reads_is_passed_and_no_other() -> None:
    read = {doc.variable for doc in documented() if not doc.variable.startswith(EMBEDDED_ONLY)}
    passed = set(_of_kind("ConfigMap")["tidemark-settings"]["data"])
    referenced = {
        variable
        for name in WORKLOADS
        for container in _containers(name)
        for variable in _secret_references(container)
        if variable.startswith("TIDEMARK_")
    }
    # Keys of providers, of an SMTP server and of a broker come from a Secret as a whole: a cluster may have none.
    optional = {doc.variable for doc in documented() if doc.secret and doc.section in {"providers", "alerts", "broker"}}
    assert passed | referenced == read - optional, sorted((passed | referenced) ^ (read - optional))
    assert not passed & referenced


@pytest.mark.parametrize("name", sorted(set(WORKLOADS) - READS_NO_SETTINGS))
def test_a_process_gets_the_settings(name: str) -> None:
    for container in _containers(name):
        assert {"configMapRef": {"name": "tidemark-settings"}} in container["envFrom"]


@every_workload
def test_a_process_gets_the_secrets_that_it_needs_and_no_others(name: str) -> None:
    found = [_secret_references(container) for container in _pod(name)["containers"]]
    ours = {variable for references in found for variable in references if variable.startswith("TIDEMARK_")}
    wanted = SECRETS_OF.get(name, set())
    assert {variable.split("__")[0].removeprefix("TIDEMARK_") for variable in ours} == wanted
    assert all(not reference.get("optional") for references in found for reference in references.values())


@every_workload
def test_references_to_variables_resolve(name: str) -> None:
    for container in _containers(name):
        known = set(_configured(container))
        own: set[str] = set()
        for variable in container.get("env", []):
            # In a value, Kubernetes resolves only what `env` itself has named before.
            assert set(re.findall(r"\$\(([A-Z0-9_]+)\)", variable.get("value", ""))) <= own
            own.add(variable["name"])
        used = {word for text in _words(container) for word in re.findall(r"\$\(([A-Z0-9_]+)\)", text)}
        assert used <= known | own


@every_server
def test_what_must_be_alone_is_alone_also_during_a_rollout(name: str) -> None:
    spec = WORKLOADS[name]["spec"]
    if name in SINGLE:
        assert spec["replicas"] == 1
        assert WORKLOADS[name]["kind"] == "StatefulSet" or spec["strategy"] == {"type": "Recreate"}


def test_landers_share_all_partitions_and_none_twice() -> None:
    (container,) = _pod("landing")["containers"]
    replicas = WORKLOADS["landing"]["spec"]["replicas"]
    assert {"name": "LANDERS", "value": str(replicas)} in container["env"]
    partitions = _configured(container)["TIDEMARK_KAFKA__PARTITIONS"]
    shell, flag, script = container["args"]
    spoken = script.replace("exec python -m streaming.landing", "echo")
    owned: list[int] = []
    for lander in range(replicas):
        variables = {"LANDER": str(lander), "LANDERS": str(replicas), "TIDEMARK_KAFKA__PARTITIONS": partitions}
        told = subprocess.run([shell, flag, spoken], env={"PATH": PATH, **variables}, capture_output=True, check=True)
        owned += map(int, told.stdout.decode().removeprefix("--partitions").split(","))
    assert sorted(owned) == list(range(int(partitions)))


def test_the_api_survives_a_drain() -> None:
    budget = _of_kind("PodDisruptionBudget")["api"]["spec"]
    assert budget["selector"]["matchLabels"] == WORKLOADS["api"]["spec"]["selector"]["matchLabels"]
    assert 0 < budget["minAvailable"] < WORKLOADS["api"]["spec"]["replicas"]
    assert WORKLOADS["api"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_api_has_the_time_that_its_drain_takes() -> None:
    drain = int(_of_kind("ConfigMap")["tidemark-settings"]["data"]["TIDEMARK_SERVING__DRAIN_S"])
    pause = int(_pod("api")["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert _pod("api")["terminationGracePeriodSeconds"] > drain + pause


def test_services_point_at_ports_that_their_pods_have() -> None:
    for name, service in _of_kind("Service").items():
        assert service["spec"]["selector"] == {"app.kubernetes.io/name": name}
        (container,) = _pod(name)["containers"]
        ports = {port["name"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_everything_is_denied_before_flows_are_allowed() -> None:
    policies = _of_kind("NetworkPolicy")
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in policies.items():
        for rule in [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]:
            assert rule.get("from") or rule.get("to"), f"{name} admits everybody"
            assert rule["ports"], f"{name} admits every port"


def test_policies_select_pods_that_exist() -> None:
    labels = [_labels(name) for name in WORKLOADS]
    for name, policy in _of_kind("NetworkPolicy").items():
        selector = policy["spec"]["podSelector"]
        wanted = selector.get("matchLabels", {})
        named = {value for rule in selector.get("matchExpressions", []) for value in rule["values"]}
        assert any(wanted.items() <= found.items() for found in labels), name
        assert named <= set(WORKLOADS), name


def test_egress_to_engines_covers_the_configured_endpoints() -> None:
    settings = _of_kind("ConfigMap")["tidemark-settings"]["data"]
    rule = _of_kind("NetworkPolicy")["engines"]["spec"]["egress"][0]
    ports = {str(port["port"]) for port in rule["ports"]}
    endpoints = [
        *(settings[f"TIDEMARK_{engine}__PORT"] for engine in ("POSTGRES", "REDIS", "CLICKHOUSE")),
        settings["TIDEMARK_KAFKA__BOOTSTRAP_SERVERS"].rpartition(":")[2],
        settings["TIDEMARK_S3__ENDPOINT_URL"].rpartition(":")[2],
    ]
    assert set(endpoints) == ports


def test_airflow_knows_every_pool_that_a_job_may_name() -> None:
    pools = json.loads((ROOT / "deploy" / "airflow" / "pools.json").read_text())
    assert {name: pool["slots"] for name, pool in pools.items()} == dict(POOLS)


def test_files_of_compose_are_here_to_the_letter() -> None:
    files = _of_kind("ConfigMap")["airflow-files"]["data"]
    assert files == {name: (ROOT / "deploy" / "airflow" / name).read_text() for name in files}


def test_airflow_is_configured_as_in_compose() -> None:
    (container,) = _pod("airflow-scheduler")["containers"]
    here = set(_configured(container)) | set(_secret_references(container))
    there = {name for name in SERVICES["airflow-scheduler"]["environment"] if name.startswith("AIRFLOW")}
    assert there <= here, sorted(there - here)


def test_spark_is_configured_as_in_compose() -> None:
    text = _of_kind("ConfigMap")["spark-defaults"]["data"]["spark-defaults.conf"]
    here = dict(line.split(None, 1) for line in text.splitlines())
    args = _pod("spark-connect")["containers"][0]["args"]
    given = {value.partition("=")[0] for flag, value in pairwise(args) if flag == "--conf"}
    lines = (ROOT / "deploy" / "spark" / "spark-defaults.conf").read_text().splitlines()
    there = dict(line.split(None, 1) for line in lines if line and not line.startswith("#"))
    assert set(there) <= set(here) | given
    differ = {name for name, value in there.items() if name in here and here[name] != value}
    assert differ == set()


def test_the_spark_driver_fits_its_pod() -> None:
    heap = _of_kind("ConfigMap")["tidemark-settings"]["data"]["TIDEMARK_SPARK__DRIVER_MEMORY"]
    limit = _pod("spark-connect")["containers"][0]["resources"]["limits"]["memory"]
    assert int(heap.removesuffix("g")) < int(limit.removesuffix("Gi"))


def test_prometheus_reaches_every_pod_that_says_where_its_metrics_are() -> None:
    annotations = {name: WORKLOADS[name]["spec"]["template"]["metadata"].get("annotations", {}) for name in WORKLOADS}
    ports = {name: int(found["prometheus.io/port"]) for name, found in annotations.items() if found}
    policy = _of_kind("NetworkPolicy")["metrics"]["spec"]
    (chosen,), (rule,) = policy["podSelector"]["matchExpressions"], policy["ingress"]
    assert set(chosen["values"]) == set(ports)
    assert {port["port"] for port in rule["ports"]} == set(ports.values())
