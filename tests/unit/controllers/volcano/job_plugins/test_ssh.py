"""`ssh`: one key pair for all pods of a job."""

import stat
from base64 import b64decode
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from shoal.api.core import Secret
from shoal.controllers.volcano.job_plugins.ssh import SshPlugin
from shoal.controllers.volcano.job_plugins.ssh_keys import (
    KeyPair,
    generate_key_pair,
    kept_key_pair,
)
from tests.unit.controllers.volcano.job_plugins.pods_of_jobs import edited, job_of

JOB = job_of("mpi", master=1, worker=2).obj()
PAIR = KeyPair("private\n", "public\n")


def secret_of(*words: str, pair: KeyPair = PAIR) -> dict[str, Any]:
    (secret,) = SshPlugin(words, lambda: pair).objects(JOB)
    return secret


def files_of(secret: dict[str, Any]) -> dict[str, str]:
    return {name: b64decode(text).decode() for name, text in secret["data"].items()}


def test_the_secret_holds_what_ssh_reads() -> None:
    secret = secret_of()
    assert secret["metadata"] == {"name": "mpi-ssh"}
    assert files_of(secret) == {
        "id_rsa": "private\n",
        "id_rsa.pub": "public\n",
        "authorized_keys": "public\n",
        "config": """\
StrictHostKeyChecking no
UserKnownHostsFile /dev/null
Host mpi-master-0
  HostName mpi-master-0.mpi
  Port 22
Host mpi-worker-0
  HostName mpi-worker-0.mpi
  Port 22
Host mpi-worker-1
  HostName mpi-worker-1.mpi
  Port 22
""",
    }


def test_the_port_is_that_of_every_host() -> None:
    assert files_of(secret_of("--ssh-port=2222"))["config"].count("  Port 2222\n") == 3


def test_a_hostname_of_the_template_is_one_host() -> None:
    job = job_of("j").task("t", 3, template={"spec": {"hostname": "h"}}).obj()
    (secret,) = SshPlugin([], lambda: PAIR).objects(job)
    assert files_of(secret)["config"].endswith("/dev/null\nHost h\n  HostName h.j\n  Port 22\n")


def test_keys_of_the_job_go_before_generated_ones() -> None:
    words = ("--ssh-private-key=-----BEGIN\nmine", "--ssh-public-key=ssh-rsa AA== me")
    files = files_of(secret_of(*words))
    assert (files["id_rsa"], files["id_rsa.pub"]) == ("-----BEGIN\nmine", "ssh-rsa AA== me")
    assert files["authorized_keys"] == "ssh-rsa AA== me"
    assert not SshPlugin(words, lambda: PAIR).needs_keys


def test_all_containers_see_the_files_and_only_their_owner() -> None:
    pod = edited(SshPlugin([], lambda: PAIR), JOB)
    (volume,) = pod["spec"]["volumes"]
    assert volume["name"] == volume["secret"]["secretName"] == "mpi-ssh"
    assert stat.filemode(volume["secret"]["defaultMode"]) == "?rw-------"
    assert volume["secret"]["items"] == [
        {"key": file, "path": f".ssh/{file}"}
        for file in ("id_rsa", "id_rsa.pub", "authorized_keys", "config")
    ]
    mount = {"name": "mpi-ssh", "mountPath": "/root/.ssh", "subPath": ".ssh"}
    for kind in ("containers", "initContainers"):
        assert pod["spec"][kind][0]["volumeMounts"] == [mount]


def test_the_files_can_be_elsewhere() -> None:
    pod = edited(SshPlugin(["--ssh-key-file-path=/a/b"], lambda: PAIR), JOB)
    assert pod["spec"]["containers"][0]["volumeMounts"][0]["mountPath"] == "/a/b"


def test_what_the_secret_holds_is_kept() -> None:
    assert kept_key_pair(msgspec.convert(secret_of(), Secret)) == PAIR
    assert kept_key_pair(None) is None
    assert kept_key_pair(Secret(data={"id_rsa": ""})) is None


def test_a_generated_key_is_a_pair_of_2048_bits() -> None:
    pair = generate_key_pair()
    assert pair.private.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    key = load_pem_private_key(pair.private.encode(), None)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    assert pair.public == public.decode() + "\n"
    assert isinstance(key, RSAPrivateKey) and key.key_size == 2048
