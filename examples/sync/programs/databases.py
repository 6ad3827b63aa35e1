"""Connections to the two databases, named by the environment."""

import os
import time

import psycopg

PATIENCE_S = 60.0
"""A server that is being moved or started again is back within this time; else the program fails,
and what runs it decides whether it is tried again."""


def connect(variable: str) -> psycopg.Connection:
    """A connection that commits at the end of its `with` block."""
    give_up_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return psycopg.connect(os.environ[variable], connect_timeout=5)
        except psycopg.OperationalError:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(0.5)
