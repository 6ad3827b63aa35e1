"""Connections to the two databases, named by the environment."""

import os

import psycopg


def connect(variable: str) -> psycopg.Connection:
    """A connection that commits at the end of its `with` block. A server that is not there yet is
    waited for by whoever restarts the pod."""
    return psycopg.connect(os.environ[variable], connect_timeout=10)
