"""Kubeconfigs and service accounts, and sentences for broken ones."""

import base64
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from shoal.apiserver.certificates import ensure_certificates
from shoal.client.connection import KubeconfigError, in_cluster, load_connection


def kubeconfig(path: Path, user: dict[str, Any], **cluster: Any) -> Path:
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "main",
                "contexts": [
                    {"name": "main", "context": {"cluster": "c", "user": "u", "namespace": "team"}},
                    {"name": "bare", "context": {"cluster": "c", "user": ""}},
                ],
                "clusters": [{"name": "c", "cluster": {"server": "https://h:1/"} | cluster}],
                "users": [{"name": "u", "user": user}],
            }
        )
    )
    return path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ca")
    ensure_certificates(folder, datetime.now(UTC))
    return folder


async def test_a_token_and_inline_authority_are_read(tmp_path: Path, authority: Path) -> None:
    data = base64.b64encode((authority / "ca.crt").read_bytes()).decode()
    path = kubeconfig(tmp_path / "config", {"token": "t"}, **{"certificate-authority-data": data})
    connection = await load_connection(path)
    assert connection.server == "https://h:1"
    assert connection.namespace == "team"
    assert await connection.tokens.token() == "t"
    assert connection.ssl_context is not None
    assert len(connection.ssl_context.get_ca_certs()) == 1


async def test_another_context_can_be_chosen(tmp_path: Path) -> None:
    connection = await load_connection(kubeconfig(tmp_path / "config", {"token": "t"}), "bare")
    assert connection.namespace == "default"
    assert await connection.tokens.token() == ""


async def test_client_certificates_are_read_from_files_beside_the_kubeconfig(
    tmp_path: Path, authority: Path
) -> None:
    for name in ("server.crt", "server.key"):
        (tmp_path / name).write_bytes((authority / name).read_bytes())
    user = {"client-certificate": "server.crt", "client-key": "server.key"}
    connection = await load_connection(kubeconfig(tmp_path / "config", user))
    assert connection.ssl_context is not None


async def test_a_broken_certificate_is_named(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", {}, **{"certificate-authority-data": "bm90IGEgY2VydA=="})
    with pytest.raises(KubeconfigError, match=r"a certificate or key in .*config cannot be used"):
        await load_connection(path)


async def test_plain_http_needs_no_certificates(tmp_path: Path) -> None:
    connection = await load_connection(kubeconfig(tmp_path / "config", {}, server="http://h"))
    assert connection.ssl_context is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "cannot be read"),
        ("- a", "holds no mapping"),
        ("current-context: x", "has no context named 'x'"),
    ],
)
async def test_what_is_no_kubeconfig_is_refused_in_one_sentence(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(KubeconfigError, match=message):
        await load_connection(tmp_path / "config")


async def test_a_missing_kubeconfig_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="start one with `shoal up`"):
        await load_connection(tmp_path / "none")


async def test_the_environment_names_the_kubeconfig(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", {"token": "t"})
    connection = await load_connection(environment={"KUBECONFIG": str(path)})
    assert await connection.tokens.token() == "t"


async def test_a_pod_uses_its_service_account_and_sees_the_token_change(
    tmp_path: Path, authority: Path
) -> None:
    (tmp_path / "token").write_text("one\n")
    (tmp_path / "namespace").write_text("team\n")
    (tmp_path / "ca.crt").write_bytes((authority / "ca.crt").read_bytes())
    environment = {"KUBERNETES_SERVICE_HOST": "::1", "KUBERNETES_SERVICE_PORT": "6443"}
    connection = await load_connection(environment=environment, service_account=tmp_path)
    assert (connection.server, connection.namespace) == ("https://[::1]:6443", "team")
    assert await connection.tokens.token() == "one"
    (tmp_path / "new").write_text("two\n")
    (tmp_path / "new").rename(tmp_path / "token")
    assert await connection.tokens.token() == "two"


def test_outside_a_pod_there_is_no_service_account(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="this is no pod with a service account"):
        in_cluster({}, tmp_path)


def exec_user(folder: Path) -> dict[str, Any]:
    """A plugin that gives a new token each time it is run."""
    script = folder / "plugin.py"
    script.write_text(
        "import json, pathlib\n"
        f"runs = pathlib.Path({str(folder / 'runs')!r})\n"
        "n = len(runs.read_text()) + 1 if runs.exists() else 1\n"
        "runs.write_text('x' * n)\n"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1',\n"
        "    'kind': 'ExecCredential', 'status': {'token': f'token-{n}'}}))\n"
    )
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(script)],
            "interactiveMode": "Never",
        }
    }


async def test_an_exec_plugin_is_run_again_when_its_token_is_refused(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", exec_user(tmp_path))
    connection = await load_connection(path)
    assert await connection.tokens.token() == "token-1"
    assert await connection.tokens.token() == "token-1"
    assert await connection.tokens.token(refused="token-1") == "token-2"
    assert await connection.tokens.token(refused="token-1") == "token-2"


async def test_without_the_official_client_exec_plugins_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes.aio", None)
    with pytest.raises(KubeconfigError, match=r"pip install shoal\[cluster\]"):
        await load_connection(kubeconfig(tmp_path / "config", exec_user(tmp_path)))
