"""By which names the addresses are known that actions connect to.

A connection goes to an address; only who resolved it knows by which name. Resolvers are wrapped to
remember that, never to decide: who goes around them is asked about an address.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Sequence
from typing import Any

from .action import _current
from .exemption import exempt_url
from .guard_targets import host_of

#: Names that were resolved inside actions, by address, the last one first; all are forgotten when
#: there are too many.
_names: dict[str, tuple[str, ...]] = {}
_NAMES_MAX = 4096
_NAMES_EACH_MAX = 8
#: Addresses of the server, as the SDK itself resolved them.
_servers: set[str] = set()


def names_of(address: str) -> tuple[str, ...]:
    """Names that led to an address, the last one first."""
    return _names.get(address, ())


def is_servers(address: str) -> bool:
    """Whether the SDK's own work found its server there."""
    return address in _servers


def watch() -> None:
    """From now on. Called once."""
    module: Any = socket
    resolve, by_name, by_name_all = (
        socket.getaddrinfo,
        socket.gethostbyname,
        socket.gethostbyname_ex,
    )

    @functools.wraps(resolve)
    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        found = resolve(host, *args, **kwargs)
        _remember(host, [entry[4][0] for entry in found])
        return found

    @functools.wraps(by_name)
    def gethostbyname(host: str) -> str:
        found = by_name(host)
        _remember(host, [found])
        return found

    @functools.wraps(by_name_all)
    def gethostbyname_ex(host: str) -> tuple[str, list[str], list[str]]:
        found = by_name_all(host)
        _remember(host, found[2])
        return found

    module.getaddrinfo = getaddrinfo
    module.gethostbyname, module.gethostbyname_ex = gethostbyname, gethostbyname_ex


def _remember(host: Any, addresses: Sequence[Any]) -> None:
    if not host or _current.get() is None:
        return
    plain = [host_of(address) for address in addresses]
    if exempt_url() is not None:
        _servers.update(plain)
        return
    name = host_of(host)
    if len(_names) >= _NAMES_MAX:
        _names.clear()
    for address in plain:
        others = (it for it in _names.get(address, ()) if it != name)
        _names[address] = (name, *others)[:_NAMES_EACH_MAX]
