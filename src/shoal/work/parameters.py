"""Which parameters the URL of a work source may bear. Pure.

Source: libpq 18, "Parameter Key Words"; redis-py 8, `redis.connection`. Of Redis' only those that
a URL can give a meaning, and that do not change how answers are read.
"""

POSTGRESQL_WITHOUT_FILES = frozenset(
    {"host", "hostaddr", "port", "dbname", "user", "password", "require_auth", "channel_binding"}
    | {"connect_timeout", "client_encoding", "options", "application_name"}
    | {"fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval"}
    | {"keepalives_count", "tcp_user_timeout", "sslmode", "ssl", "sslnegotiation", "sslcompression"}
    | {"sslsni", "ssl_min_protocol_version", "ssl_max_protocol_version", "gssencmode"}
    | {"target_session_attrs", "load_balance_hosts", "min_protocol_version"}
    | {"max_protocol_version"}
)
"""Those by which libpq opens no file of the machine, and uses none of its tickets."""

REDIS = frozenset(
    {"db", "username", "password", "protocol", "socket_timeout", "socket_connect_timeout"}
    | {"health_check_interval", "client_name", "socket_keepalive", "retry_on_timeout"}
    | {"max_connections"}
)
REDIS_TLS = REDIS | {"ssl_ca_data", "ssl_cert_reqs", "ssl_check_hostname", "server_name"}
REDIS_TLS_FILES = frozenset({"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"})
