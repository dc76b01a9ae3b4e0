"""The manifests: their schemas, what refers to what, and what their commands do."""

import subprocess
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import redis
import yaml
from conftest import CLUSTER, wait_until

FILES = sorted((CLUSTER / "kubernetes").glob("*.yaml"))
# An old version, and the newest one known.
VERSIONS = ["1.30", kubernetes_validate.latest_version()]


def objects(path):
    return list(yaml.safe_load_all(path.read_text()))


ALL = [each for path in FILES for each in objects(path)]


def find(kind, name):
    found = [each for each in ALL if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, f"{kind} {name}: {len(found)}"
    return found[0]


def pods():
    """Name and specification of everything that becomes pods."""
    for each in ALL:
        if each["kind"] == "Pod":
            yield each["metadata"]["name"], each["spec"]
        elif "template" in each.get("spec", {}):
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


POD_NAMES = [name for name, _ in pods()]


def text(**more):
    return {"type": "string", **more}


def exactly(required=(), **properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


NUMBER = {"type": "integer", "minimum": 0}
DIGITS = text(pattern="^[0-9]+$")
REDIS = {"address": text(pattern="^[a-z0-9.-]+:[0-9]+$")}
# What is used of KEDA's ScaledObject (keda.sh/v1alpha1) and of the settings of its scalers.
SCALED_OBJECT = exactly(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "keda.sh/v1alpha1"},
    kind={"const": "ScaledObject"},
    metadata=exactly(["name", "namespace"], name=text(), namespace=text()),
    spec=exactly(
        ["scaleTargetRef", "triggers"],
        scaleTargetRef=exactly(["name"], name=text()),
        idleReplicaCount={"const": 0},
        minReplicaCount=NUMBER,
        maxReplicaCount={"type": "integer", "minimum": 1},
        pollingInterval={"type": "integer", "minimum": 1},
        cooldownPeriod=NUMBER,
        advanced=exactly(horizontalPodAutoscalerConfig=exactly(behavior={"type": "object"})),
        triggers={
            "type": "array",
            "minItems": 1,
            "items": {
                "oneOf": [
                    exactly(
                        ["type", "metadata"],
                        type={"const": "redis"},
                        metadata=exactly(
                            ["address", "listName", "listLength"],
                            **REDIS,
                            listName={"const": "optimize:studies"},
                            listLength=DIGITS,
                        ),
                    ),
                    exactly(
                        ["type", "metadata"],
                        type={"const": "redis-streams"},
                        metadata=exactly(
                            ["address", "stream", "consumerGroup", "lagCount"],
                            **REDIS,
                            stream=text(pattern=r"^optimize:\{[0-9a-f]{16}\}:jobs$"),
                            consumerGroup={"const": "workers"},
                            lagCount=DIGITS,
                            activationLagCount=DIGITS,
                        ),
                    ),
                ]
            },
        },
    ),
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(path, version):
    for each in objects(path):
        if each["kind"] == "ScaledObject":
            jsonschema.validate(each, SCALED_OBJECT)
        else:
            kubernetes_validate.validate(each, version, strict=True)


def test_a_misspelt_key_is_found():
    worker = find("Deployment", "worker")
    worker = yaml.safe_load(yaml.safe_dump(worker))
    worker["spec"]["template"]["spec"]["terminationGracePeriod"] = 600
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(worker, VERSIONS[0], strict=True)


def test_all_are_in_one_namespace():
    namespaces = {each["metadata"].get("namespace") for each in ALL if each["kind"] != "Namespace"}
    assert namespaces == {"optimize"}
    assert find("Namespace", "optimize")


@pytest.mark.parametrize("name", POD_NAMES)
def test_a_pod_is_as_restricted_as_its_namespace_demands(name):
    pod = dict(pods())[name]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert pod["automountServiceAccountToken"] is False
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]
        assert {mount["name"] for mount in container.get("volumeMounts", [])} == volumes


def test_the_key_is_a_file_and_nothing_else():
    for name in ["worker", "my-study"]:
        pod = dict(pods())[name]
        secrets = [each["secret"] for each in pod["volumes"] if "secret" in each]
        assert secrets == [{"secretName": "key", "defaultMode": 0o440}]
        environment = {each["name"]: each for each in pod["containers"][0]["env"]}
        assert environment["OPTIMIZE_KEY_FILE"]["value"] == "/etc/optimize/key"
        assert "OPTIMIZE_KEY" not in environment


@pytest.mark.parametrize("name", ["worker", "my-study"])
def test_prometheus_is_sent_to_where_metrics_are_served(name):
    kind = {"worker": "Deployment", "my-study": "Job"}[name]
    template = find(kind, name)["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["ports"] == [{"name": "metrics", "containerPort": 9184}]
    annotations = template["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == "9184"
    assert annotations["prometheus.io/path"] == "/metrics"
    words = " ".join([*container.get("command", []), *container["args"]])
    assert "--metrics :9184" in words


def test_what_is_referred_to_is_there():
    service = find("Service", "redis")
    redis = find("Deployment", "redis")
    labels = redis["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == redis["spec"]["selector"]["matchLabels"] == labels
    for name, pod in pods():
        for volume in pod.get("volumes", []):
            if "persistentVolumeClaim" in volume:
                assert find("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
        for variable in pod["containers"][0].get("env", []):
            if variable["name"] == "OPTIMIZE_QUEUE":
                assert variable["value"] == "redis://redis:6379", name
    for each in ALL:
        if each["kind"] == "ScaledObject":
            assert find("Deployment", each["spec"]["scaleTargetRef"]["name"])
            address = each["spec"]["triggers"][0]["metadata"]["address"]
            assert address == "redis.optimize.svc.cluster.local:6379"
            spec = each["spec"]
            assert spec.get("idleReplicaCount", -1) < spec["minReplicaCount"]
            assert spec["minReplicaCount"] <= spec["maxReplicaCount"]


def trigger(name):
    """What the ScaledObject of a file looks at."""
    (scaled,) = objects(CLUSTER / "kubernetes" / name)
    return scaled["spec"]["triggers"][0]["metadata"]


def test_what_keda_looks_at_is_there_while_a_study_is_up(program, server, key, tmp_path):
    general, of_one_study = trigger("keda.yaml"), trigger("keda-one-study.yaml")
    command = [program, "start", "--template", "problem:sphere", "--algorithm", "random", "--quiet"]
    command += ["--trials", "1000000", "--queue", server, "--key-file", key]
    study = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    socket = server.removeprefix("redis+unix://")
    board = redis.Redis(unix_socket_path=socket, decode_responses=True)

    try:
        # What is counted is the number of fields of a hash, which is the number of studies.
        up = wait_until(lambda: board.hkeys(general["listName"]), "the study is up")
        assert len(up) == 1
        stream = of_one_study["stream"].replace("0123456789abcdef", up[0][:16])
        assert stream != of_one_study["stream"]

        def waiting():
            if not board.exists(stream):
                return 0
            groups = {group["name"]: group["lag"] for group in board.xinfo_groups(stream)}
            return groups.get(of_one_study["consumerGroup"], 0)

        lag = wait_until(waiting, "jobs wait for workers")
        assert lag > int(of_one_study["activationLagCount"])
    finally:
        study.terminate()
        study.wait(timeout=60)
    assert board.hlen(general["listName"]) == 0


def test_redis_takes_its_options_and_forgets_nothing_by_itself(tmp_path):
    options = dict(pods())["redis"]["containers"][0]["args"]
    socket = tmp_path / "socket"
    command = ["redis-server", *options, "--port", "0", "--unixsocket", str(socket)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        # Its last line before it serves; an unknown option ends it instead.
        assert any("socket" in line and "ready" in line for line in process.stdout)
        settings = redis.Redis(unix_socket_path=str(socket), decode_responses=True).config_get("*")
        assert (settings["maxmemory-policy"], settings["save"]) == ("noeviction", "")
        assert settings["appendonly"] == "no"
    finally:
        process.kill()
        process.communicate()


def test_the_worker_is_started_with_options_that_it_has(accepts):
    container = dict(pods())["worker"]["containers"][0]
    words = [word.replace("$(THREADS)", "4") for word in container["args"]]
    assert "$(THREADS)" in container["args"]
    accepts([*words, "--queue", "redis://redis:6379"])


# What the coordinator's pod is to do the first time, and after a folder was left in the store.
@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (None, "start --name my-study --metrics :9184 --log json"),
        ("my-study", "start --name my-study --metrics :9184 --log json"),
        ("my-study/ledger.redb", "resume my-study --metrics :9184 --log json"),
    ],
)
def test_the_coordinator_starts_once_and_then_resumes(tmp_path, write, accepts, left, expected):
    container = dict(pods())["my-study"]["containers"][0]
    write("bin/optimize", '#!/bin/sh\necho "$@"\n')
    if left is not None:
        path: Path = tmp_path / "store" / left
        path.parent.mkdir(parents=True)
        path.touch() if path.suffix else path.mkdir()
    environment = {each["name"]: each["value"] for each in container["env"]}
    environment |= {"OPTIMIZE_STORE": f"{tmp_path}/store", "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    tini, dashes, *command = container["command"]
    assert (tini, dashes) == ("tini", "--")
    said = subprocess.run(
        [*command, *container["args"]], env=environment, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr
    words = said.stdout.strip()
    if expected.startswith("start"):
        expected = " ".join([expected, *container["args"]])
    assert words == expected
    accepts(words.split())
    script = next(word for word in command if "\n" in word)
    checked = subprocess.run(
        ["shellcheck", "--shell=sh", "-"], input=script, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout
