"""What all tests share: hypothesis' profile and the option of a live cluster."""

import pytest
from hypothesis import HealthCheck, settings

# The machine may be slow and shared: a run is judged by what it finds, never by time.
settings.register_profile(
    "shoal", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("shoal")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kubeconfig",
        metavar="FILE",
        help="run the client's contract on this cluster as well (in a namespace of its own)",
    )
