"""Where webhooks of ours may go: addresses that a person gives, and the machines that their names stand for."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from clarion.domain.errors import BadInput

LONGEST = 2000
"""Characters of an address."""

_EMBEDDING = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""IPv6 addresses that a gateway turns into the IPv4 address in their last four bytes."""

_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa")


def checked_url(text: str, *, to_private: bool) -> str:
    """Return an address that webhooks may be sent to, as far as its words tell. Raises BadInput.

    What a name stands for is looked at again before each connection. ``to_private``: the settings allow any address.
    """
    url = text.strip()
    parts = _split(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise BadInput(f'url: "{_shown(url)}" is no address; give one such as https://example.com/clarion')
    if parts.scheme == "http" and not to_private:
        raise BadInput("url: webhooks go over https only; set CLARION_HOOKS_TO_PRIVATE=true to try them out over http")
    if "@" in parts.netloc:
        raise BadInput("url: leave user and password out; the signature tells the receiver who sends")
    if parts.fragment:
        raise BadInput("url: leave out the part after #, a server never sees it")
    if not to_private and _is_private_name(parts.hostname):
        raise BadInput(f'url: "{parts.hostname}" is {PRIVATE}')
    return url


PRIVATE = "private to a machine or network; webhooks go there only with CLARION_HOOKS_TO_PRIVATE=true"


def is_public(address: str) -> bool:
    """Whether an IP address can be anybody's in the open internet, also one that hides an IPv4 address."""
    try:
        return _is_public(ip_address(address))
    except ValueError:
        return False


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_public(address.ipv4_mapped)
        if address.sixtofour is not None:
            return _is_public(address.sixtofour)
        if address.teredo is not None or address.scope_id is not None:
            return False
        if any(address in network for network in _EMBEDDING):
            return _is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
        parts.netloc.encode("idna" if not parts.netloc.isascii() else "ascii")
    except (ValueError, UnicodeError):
        port_is_fine, parts = False, SplitResult("", "", "", "", "")
    if not port_is_fine or len(url) > LONGEST or not url.isprintable() or " " in url or "\\" in url:
        example = f"https://example.com/clarion, without blanks and of {LONGEST} characters at most"
        raise BadInput(f'url: "{_shown(url)}" is no address; give one such as {example}')
    return parts


def _is_private_name(host: str) -> bool:
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(_LOCAL_NAMES):
        return True
    try:
        return not _is_public(ip_address(name))
    except ValueError:
        # Some resolvers read "127.1" and "2130706433" as IPv4 addresses; no name of a host ends in a number.
        last = name.rpartition(".")[2]
        return not last or last.isdigit() or last.startswith("0x")


def _shown(url: str) -> str:
    """Of what a person gave as much as helps; what stands behind the host may be a secret."""
    return "".join(c if c.isprintable() else "?" for c in url.partition("?")[0][:60])
