"""What nvidia-smi prints, as drivers of several ages and states of health do."""

from datetime import UTC, datetime

import msgspec
import pytest

from shoal.agent.gpu_cards import (
    NvidiaSmiError,
    is_field_unknown,
    read_cards,
    scv_body,
    status_of,
)
from shoal.api.scv import Card, Scv

SEVERAL = """\
0, NVIDIA A100-SXM4-40GB, 40960, 40536, 1215, 1410, 400.00, 4, 16, Disabled
1, NVIDIA A100-SXM4-40GB, 40960, 12, 1215, 1410, 400.00, 4, 16, Disabled
10, NVIDIA A100-SXM4-40GB, 40960, 40536, 1215, 1410, 400.00, 4, 16, Disabled
2, NVIDIA A100-SXM4-40GB, 40960, 40536, 1215, 1410, 400.00, 4, 16, Disabled
"""
TITAN_OF_AN_OLD_DRIVER = "0, TITAN Xp, 12194, 12194, 5705, 1911, 250.00, 3, 16\n"
WITHOUT_EVERYTHING = """\
0, NVIDIA GeForce MX150, 2002, 1998, 3004, 1911, [N/A], 3, 4, [N/A]
1, Quadro K620, 2000, 1999, 900, [Not Supported], [Not Supported], [N/A], [N/A], N/A
"""
WITH_MIG = """\
0, NVIDIA A100-SXM4-80GB, 81920, 81000, 1593, 1410, 400.00, 4, 16, Enabled
1, NVIDIA H100 PCIe, 81559, 81008, 1593, 1755, 350.00, 5, 16, Disabled
"""
ONE_LOST = """\
0, Tesla T4, 15360, 15109, 5001, 1590, 70.00, 3, 16, [N/A]
Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.  Reboot the system to \
recover this GPU
"""
ONE_SICK = """\
0, Tesla T4, [Unknown Error], [Unknown Error], 5001, 1590, [Unknown Error], 3, 16, [N/A]
1, Tesla T4, 15360, [GPU requires reset], 5001, 1590, 70.00, 3, 16, [N/A]
2, Tesla T4, 15360, 15109, 5001, 1590, 70.00, 3, 16, [N/A]
"""


def test_cards_come_in_the_order_of_their_numbers() -> None:
    cards = read_cards(SEVERAL)
    assert [card.id for card in cards] == [0, 1, 2, 10]
    assert [card.free_memory for card in cards] == [40536, 12, 40536, 40536]


def test_a_card_has_what_its_scv_says() -> None:
    assert read_cards(TITAN_OF_AN_OLD_DRIVER) == [
        Card(
            id=0,
            health="Healthy",
            model="TITAN Xp",
            power=250,
            total_memory=12194,
            free_memory=12194,
            clock=5705,
            core=1911,
            bandwidth=15760,
        )
    ]


def test_what_a_card_does_not_have_is_nought() -> None:
    mobile, old = read_cards(WITHOUT_EVERYTHING)
    assert (mobile.health, mobile.power, mobile.bandwidth) == ("Healthy", 0, 3940)
    assert (old.health, old.core, old.power, old.bandwidth) == ("Healthy", 0, 0, 0)


def test_a_card_in_mig_mode_is_not_to_be_used_as_a_whole() -> None:
    assert [card.health for card in read_cards(WITH_MIG)] == ["MIG", "Healthy"]


def test_a_lost_card_is_left_out() -> None:
    assert [card.id for card in read_cards(ONE_LOST)] == [0]


def test_a_card_whose_memory_cannot_be_read_is_not_healthy() -> None:
    assert [card.health for card in read_cards(ONE_SICK)] == ["Unhealthy", "Unhealthy", "Healthy"]


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("No devices were found\n", "No devices were found"),
        (
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make"
            " sure that the latest NVIDIA driver is installed and running.\n\n",
            "Make sure that the latest NVIDIA driver is installed and running",
        ),
        ("Failed to initialize NVML: Driver/library version mismatch\n", "version mismatch"),
        ("", "it says: nothing"),
    ],
)
def test_a_machine_without_gpus_is_told_of_in_one_sentence(printed: str, said: str) -> None:
    with pytest.raises(NvidiaSmiError) as error:
        read_cards(printed)
    assert str(error.value).startswith("nvidia-smi tells of no GPU on this machine; it says: ")
    assert str(error.value).endswith(said)


def test_a_driver_that_knows_no_mig_is_told_by_its_words() -> None:
    assert is_field_unknown('Field "mig.mode.current" is not a valid field to query.\n\n')
    assert not is_field_unknown(SEVERAL)


def test_the_body_reads_back_as_what_was_found() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    status = status_of(read_cards(WITH_MIG))
    scv = msgspec.convert(scv_body("gpu-1", status, 2.5, now), Scv)
    assert (scv.metadata.name, scv.spec.update_interval) == ("gpu-1", 2500)
    assert (scv.status.card_number, scv.status.total_memory_sum) == (2, 163479)
    assert scv.status == msgspec.structs.replace(status, update_time=now)
