"""An address → whether it is one in the open net, where nothing of the machine's own neighbourhood answers.

`is_global` alone does not say that: it takes multicast, old site-local addresses and some that carry an IPv4 address
inside them for global, and which ones changes with Python's version.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

# https://www.iana.org/assignments/ipv6-address-space/ (checked 2026-10): all that is given out so far
_UNICAST = IPv6Network("2000::/3")
_DOCUMENTATION = IPv6Network("3fff::/20")  # https://www.rfc-editor.org/rfc/rfc9637
_NAT64 = IPv6Network("64:ff9b::/96")  # https://www.rfc-editor.org/rfc/rfc6052


def is_open(text: str) -> bool:
    """False also for what is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return _is_open_v4(address)
    inner = _inside(address)
    if address in _NAT64 or address.ipv4_mapped:
        return inner is not None and _is_open_v4(inner)
    return (
        address in _UNICAST
        and address not in _DOCUMENTATION
        and (inner is None or _is_open_v4(inner))
        and (address.is_global or inner is not None)  # newer Pythons take no 6to4 address for global
    )


def _inside(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that this one stands for: mapped, translated (NAT64) or tunnelled (6to4)."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_open_v4(address: IPv4Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved
