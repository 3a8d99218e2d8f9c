"""Which addresses may be asked: public ones, and private ones only where the user named them."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpcore
import httpx

LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test")
"""Of names that stand for something near (RFC 6761, 6762, 8375; ICANN's .internal)."""
CONNECTED = "connection.connect_tcp.complete"
"""Of httpcore's trace: the moment at which `admit` is to look."""
NAT64 = ip_network("64:ff9b::/96")
"""An IPv4 address spelt as an IPv6 one (RFC 6052)."""


def address_allowed(host: str, peer_address: str, private: bool) -> bool:
    """Whether a URL's `host` may lead to that address; `private` is the user's word for this endpoint.

    >>> address_allowed("bot.example", "10.0.0.5", private=False)
    False
    >>> address_allowed("10.0.0.5", "10.0.0.5", private=False), address_allowed("bot.lan", "10.0.0.5", private=False)
    (True, True)
    """
    return private or _names_a_near_one(host) or _public(peer_address)


async def admit(stream: object, host: str, *, private: bool) -> None:
    """Let a connection just made be used, as httpcore's trace shows it, or close it: nothing has been sent yet.

    Raises httpx.ConnectError where it leads to an address that it may not.
    """
    if not isinstance(stream, httpcore.AsyncNetworkStream):
        return
    peer = stream.get_extra_info("server_addr")
    address = str(peer[0]) if isinstance(peer, tuple) else ""
    if not address_allowed(host, address, private):
        await stream.aclose()
        raise httpx.ConnectError(refusal_of(host, address))


def refusal_of(host: str, address: str) -> str:
    """Why nothing was sent, and what to do."""
    return (
        f"{host} leads to the private address {address or 'of no known kind'}; "
        "name that address itself, or set private = true"
    )


def _names_a_near_one(host: str) -> bool:
    name = host.strip("[]").rstrip(".").lower()
    last = name.rpartition(".")[2]
    return "." not in name or name.endswith(LOCAL_ENDINGS) or last.isdecimal() or last.startswith("0x")


def _public(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    inner = _inner(found)
    return _reachable(found if inner is None else inner)


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one only wraps."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None


def _reachable(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)
