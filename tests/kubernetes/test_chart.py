"""The Helm chart: what it makes of values files, those of the Python KubeCodeRun among them, and a whole installation."""

import base64
import pathlib

import pytest
import yaml

from cluster import IMAGE, Api, Stores, call, tools
from harness import KEY, ROOT, wait_until

CHART = ROOT / "deploy/helm/kubecoderun"
HERE = pathlib.Path(__file__).parent
NAMESPACE = "chart-of-the-tests"
ELSEWHERE = "pods-of-the-chart"  # a namespace for pods alone


def rendered(*words):
    """{(kind, name): object}"""
    text = call(tools() / "helm", "template", "x", CHART, *words).stdout
    return {(made["kind"], made["metadata"]["name"]): made for made in yaml.safe_load_all(text) if made}


def values_of(stores: Stores):
    config, secrets = stores.config(), stores.secrets()
    return {"redis.host": config["REDIS_HOST"], "redis.port": config["REDIS_PORT"], "redis.password": secrets["REDIS_PASSWORD"],
            "minio.endpoint": config["MINIO_ENDPOINT"], "minio.bucket": "made-by-the-chart", "minio.region": config["MINIO_REGION"],
            "minio.accessKey": secrets["MINIO_ACCESS_KEY"], "minio.secretKey": secrets["MINIO_SECRET_KEY"]}  # fmt: skip


def test_is_well_formed():
    assert "0 chart(s) failed" in call(tools() / "helm", "lint", CHART).stdout


def test_kinds_of_the_cluster_s_age():
    words = ("--set", "autoscaling.enabled=true")
    old = {made["apiVersion"] for made in rendered(*words, "--kube-version", "1.20.2").values()}
    new = {made["apiVersion"] for made in rendered(*words, "--kube-version", "1.32.0").values()}
    assert {"policy/v1", "autoscaling/v2"} <= new and {"policy/v1beta1", "autoscaling/v2beta2"} <= old


def test_values_of_the_python_kubecoderun():
    made = rendered("-f", HERE / "values_of_python.yaml")
    config = made["ConfigMap", "x-kubecoderun-config"]["data"]
    assert config["POD_POOL_PY"] == "7" and config["MAX_MEMORY_MB"] == "1024" and config["STATE_TTL_SECONDS"] == "7200"
    assert config["REDIS_HOST"] == "redis.example" and config["REDIS_SSL"] == "true" and config["MINIO_BUCKET"] == "their-bucket"
    assert config["CORS_ORIGINS"] == "https://a.example,https://b.example" and config["MAX_TOTAL_FILE_SIZE_MB"] == "2000000"
    assert not [name for name in config if name.startswith(("K8S_", "LANG_IMAGE"))], "what describes pods of single runs"
    secret = {name: base64.b64decode(value).decode() for name, value in made["Secret", "x-kubecoderun-secrets"]["data"].items()}
    assert secret == {"API_KEY": "their-key-0123456789", "MASTER_API_KEY": "their-master-key-01", "REDIS_PASSWORD": "p@ss: word",
                      "MINIO_ACCESS_KEY": "access", "MINIO_SECRET_KEY": "secret"}  # fmt: skip
    pod = made["Deployment", "x-kubecoderun"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["image"] == "example/api:9" and pod["nodeSelector"] == {"disk": "fast"}
    assert container["securityContext"]["runAsUser"] == 0, "their context would forbid sandboxes"
    assert pod["automountServiceAccountToken"] is False
    assert ("Ingress", "x-kubecoderun") in made and not [kind for kind, _ in made if kind in ("Role", "RoleBinding", "Job")]


def test_values_of_the_python_kubecoderun_with_pods():
    made = rendered("-f", HERE / "values_of_python.yaml", "--set", "executor=kubernetes,execution.imageTag=5,execution.scheduling.nodeSelector.disk=fast")
    config = made["ConfigMap", "x-kubecoderun-config"]["data"]
    told = {"EXECUTOR": "kubernetes", "K8S_NAMESPACE": "runs", "K8S_IMAGE": "example/api:9", "K8S_IMAGE_REGISTRY": "example/kubecoderun",
            "K8S_IMAGE_TAG": "5", "K8S_IMAGE_PULL_SECRETS": "pull", "K8S_IMAGE_PULL_POLICY": "IfNotPresent", "LANG_IMAGE_PY": "example/py:1", "LANG_MEMORY_LIMIT_PY": "1Gi", "K8S_CPU_REQUEST": "100m",
            "K8S_RUNTIME_CLASS_NAME": "gvisor", "K8S_POD_NODE_SELECTOR": '{"disk":"fast"}', "POD_TTL_MINUTES": "5"}  # fmt: skip
    assert {name: config.get(name) for name in told} == told and "K8S_POD_TOLERATIONS" not in config
    pod = made["Deployment", "x-kubecoderun"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True and pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    of_pods = [made[key]["metadata"]["namespace"] for key in made if key[0] in ("Role", "RoleBinding", "Lease") or key[1] == "kubecoderun-executor"]
    assert of_pods == ["runs"] * 4
    assert made["RoleBinding", "x-kubecoderun-executor"]["subjects"][0] == {"kind": "ServiceAccount", "name": "theirs", "namespace": "default"}
    none = rendered("--set", "executor=kubernetes,rbac.create=false,execution.serviceAccount.create=false,execution.networkPolicy.enabled=false,execution.image=")
    assert not [kind for kind, name in none if kind in ("Role", "RoleBinding") or name in ("kubecoderun-executor", "x-kubecoderun-execution")]
    assert none["ConfigMap", "x-kubecoderun-config"]["data"]["K8S_IMAGE"] == "", "then it is one for each language"


def test_secrets_of_others_are_used_and_none_are_made():
    made = rendered("--set", "api.existingSecret=a,redis.existingSecret=b,minio.existingSecret=b")
    assert not made["Secret", "x-kubecoderun-secrets"].get("data")
    [container] = made["Deployment", "x-kubecoderun"]["spec"]["template"]["spec"]["containers"]
    assert [source["secretRef"]["name"] for source in container["envFrom"][1:]] == ["x-kubecoderun-secrets", "a", "b"]


def test_secrets_from_a_store_of_aws():
    made = rendered("--set", "secretsStore.enabled=true,secretsStore.secretArn=arn:x,secretsStore.secretObjects[0].objectName=REDIS_URL,secretsStore.secretObjects[0].key=REDIS_URL")  # fmt: skip
    store = made["SecretProviderClass", "x-kubecoderun-aws"]["spec"]
    assert yaml.safe_load(store["parameters"]["objects"]) == [{"objectName": "arn:x", "objectType": "secretsmanager"}]
    assert store["secretObjects"][0]["data"] == [{"objectName": "REDIS_URL", "key": "REDIS_URL"}]
    assert "MINIO_ENDPOINT" not in made["ConfigMap", "x-kubecoderun-config"]["data"]


@pytest.mark.slow
def test_installs_pods_and_takes_them_away(cluster, stores_of_cluster: Stores):
    repository, tag = IMAGE.split(":")
    values = {"executor": "kubernetes", "image.repository": repository, "image.tag": tag, "replicaCount": 1, "resources.requests.cpu": "50m",
              "resources.requests.memory": "64Mi", "api.apiKey": KEY, "execution.resources.requests.cpu": "10m", "env.LANGUAGES": "bash", "execution.languages.bash.poolSize": 1}  # fmt: skip
    values |= values_of(stores_of_cluster) | {"execution.namespace": ELSEWHERE}
    given = [f"--set={name}={value}" for name, value in values.items()]
    cluster.kubectl("create", "namespace", ELSEWHERE)
    notes = cluster.helm("install", "runs", CHART, "-n", NAMESPACE, "--create-namespace", *given).stdout
    assert "each in a pod of its own" in notes

    def pods(component):
        home = ELSEWHERE if component == "execution" else NAMESPACE
        found = cluster.get("pods", "-l", f"app.kubernetes.io/component={component}", namespace=home)["items"]
        return [pod for pod in found if any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))]

    try:
        assert wait_until(lambda: pods("api") and pods("execution"), 240, 0.5), cluster.report(NAMESPACE) + cluster.report(ELSEWHERE)
        assert cluster.service("runs-kubecoderun", NAMESPACE).run("bash", "hostname")["stdout"] == "sandbox\n"
    finally:
        cluster.helm("uninstall", "runs", "-n", NAMESPACE, "--wait", seconds=300)
    for home in (NAMESPACE, ELSEWHERE):
        # Nobody removes warm pods: they belonged to the Lease.
        assert wait_until(lambda: not cluster.get("pods", namespace=home)["items"], 180, 0.5), cluster.report(home)
        left = cluster.kubectl("-n", home, "get", "leases,roles,rolebindings,serviceaccounts,networkpolicies", "-o", "name").stdout
        assert "kubecoderun" not in left, left
    cluster.kubectl("delete", "namespace", NAMESPACE, ELSEWHERE, seconds=300)


@pytest.mark.slow
def test_installs_keeps_its_key_at_an_upgrade_and_goes(cluster, stores_of_cluster: Stores):
    values = values_of(stores_of_cluster) | {
        "image.repository": IMAGE.split(":")[0], "image.tag": IMAGE.split(":")[1], "replicaCount": 1, "resources.requests.cpu": "50m",
        "resources.limits.memory": "2Gi", "execution.languages.python.poolSize": 1, "execution.imageRegistry": "theirs",
    }  # fmt: skip
    given = [f"--set={name}={value}" for name, value in values.items()]
    notes = cluster.helm("install", "code", CHART, "-n", NAMESPACE, "--create-namespace", *given).stdout
    assert "execution.imageRegistry" in notes and "resources.limits.memory is" not in notes
    [pod] = cluster.wait_for_pods(1, NAMESPACE)

    def key():
        data = cluster.get("secret", "code-kubecoderun-secrets", namespace=NAMESPACE)["data"]
        return base64.b64decode(data["API_KEY"]).decode()

    made = key()
    assert len(made) == 32 and made != KEY
    api = cluster.service("code-kubecoderun", NAMESPACE)
    api.key = made
    session = api.run("py", "z = 6 * 7\nprint(z)")
    assert session["stdout"] == "42\n"
    cluster.helm("upgrade", "code", CHART, "-n", NAMESPACE, *given, "--set=execution.maxExecutionTime=44")
    before = pod["metadata"]["name"]
    assert wait_until(lambda: [p for p in cluster.ready_pods(NAMESPACE) if p["metadata"]["name"] != before], 240, 0.5), cluster.report(NAMESPACE)
    [after] = cluster.wait_for_pods(1, NAMESPACE)
    assert key() == made
    assert Api.of(after, made).run("py", "print(z)", session_id=session["session_id"])["stdout"] == "42\n"
    cluster.helm("uninstall", "code", "-n", NAMESPACE, "--wait", seconds=300)
    assert wait_until(lambda: not cluster.get("pods", namespace=NAMESPACE)["items"], 180, 0.5)
    left = cluster.kubectl("-n", NAMESPACE, "get", "all,configmaps,secrets,serviceaccounts,pdb,hpa,networkpolicies,ingresses", "-o", "name").stdout
    assert "kubecoderun" not in left and "code" not in left.replace("default", ""), left
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
