"""Key pairs for the pods of a job: where their randomness comes from, and how they are kept."""

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass

from shoal.api.core import Secret

PRIVATE_KEY = "id_rsa"
PUBLIC_KEY = "id_rsa.pub"
_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class KeyPair:
    """As OpenSSH reads them from files."""

    private: str
    public: str


KeySource = Callable[[], KeyPair]
"""The key pair of one job."""


def generate_key_pair() -> KeyPair:
    """A new RSA key. Takes tenths of a second of computing."""
    # The library takes longer to load than a whole command takes otherwise.
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return KeyPair(private.decode(), public.decode() + "\n")


def kept_key_pair(secret: Secret | None) -> KeyPair | None:
    """The pair that a job has already; None where it has none yet."""
    if secret is None or not {PRIVATE_KEY, PUBLIC_KEY} <= secret.data.keys():
        return None
    return KeyPair(
        b64decode(secret.data[PRIVATE_KEY]).decode(), b64decode(secret.data[PUBLIC_KEY]).decode()
    )
