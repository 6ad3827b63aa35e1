"""Is a text an IP address, or a network? Formats, CEL functions and rules ask alike."""

from ipaddress import ip_address, ip_network


def is_address(text: str) -> bool:
    """IPv4 or IPv6."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_network(text: str) -> bool:
    """An address with a prefix length; bits behind the prefix may be set."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text
