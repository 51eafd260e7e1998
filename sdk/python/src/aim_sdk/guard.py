"""The egress guard: what code inside a tracked action reaches, starts or writes is asked first.

It stands on Python's audit events (PEP 578), which are raised before the thing happens, so that an
exception stops it. The hook is installed by the first agent and stays; outside of tracked actions
it does nothing. What it does not see is listed in ``docs/sdk/python.md``.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from . import guard_names, guard_threads
from .action import Action, _current
from .exemption import exempt_url
from .guard_check import YES, stop
from .guard_targets import (
    CONNECT,
    DELETE,
    EXECUTE,
    WRITE,
    Target,
    changed,
    connection,
    database,
    host_of,
    opened,
    place_of,
    port_of,
    started,
)

Args = Sequence[Any]

_lock = threading.Lock()
_installed = False


def install() -> None:
    """Installs the hook, once in a process."""
    global _installed
    with _lock:
        if _installed:
            return
        _installed = True
    guard_threads.install()
    guard_names.watch()
    _watch_fork_exec()
    sys.addaudithook(_hook)


def _hook(event: str, args: Args) -> None:
    handle = _HANDLERS.get(event)
    if handle is None:
        return
    action = _current.get()
    if action is not None and action.agent._egress is not None:
        handle(action, args)


def _check(action: Action, target: Target | None) -> None:
    if target is not None and action.agent._egress is not None:
        action.agent._egress.check(action, target)


def _connects(action: Action, args: Args) -> None:
    """``socket.connect``, ``sendto``, ``sendmsg``: a socket and an address."""
    address = args[1]
    if address is None:
        return
    if not isinstance(address, tuple) or len(address) < 2:
        path = os.fsdecode(address) if isinstance(address, bytes) else address
        _check(action, Target(CONNECT, f"unix:{path}"))
        return
    until = action.reached.get(address)
    if until is not None and until > time.monotonic():
        return
    host, port = host_of(address[0]), port_of(address[1])
    if (own := exempt_url()) is not None:
        _stays_at_home(action, own, host, port)
        return
    # Whoever keeps what it has resolved connects in another action than the one that resolved it.
    names = (*guard_names.names_of(host), host)
    egress = action.agent._egress
    if egress is not None and not any(egress.allows(action, connection(it, port)) for it in names):
        egress.check(action, connection(names[0], port))
    # Not longer than an answer; the slower way is taken again then.
    action.reached[address] = time.monotonic() + YES


def _resolves(action: Action, args: Args) -> None:
    """A name by which somebody is asked, which tells them something already."""
    if not args[0]:
        return
    host, port = host_of(args[0]), port_of(args[1]) if len(args) > 1 else None
    if (own := exempt_url()) is None:
        _check(action, connection(host, port))
    else:
        _stays_at_home(action, own, host, port)


def _names_back(action: Action, args: Args) -> None:
    """``socket.getnameinfo``: an address as in a connection."""
    _check(action, connection(host_of(args[0][0]), None))


def _stays_at_home(action: Action, url: str, host: str, port: int | None) -> None:
    place = place_of(url)
    if place is None or port != place[1] or (host != place[0] and not guard_names.is_servers(host)):
        target = connection(host, port)
        raise stop(action, target, "the SDK's own work reaches its server alone", None)


def _opens(action: Action, args: Args) -> None:
    _check(action, opened(args))


def _makes_folder(action: Action, args: Args) -> None:
    # Making sure that a folder is there changes nothing when it is.
    if not os.path.isdir(args[0]):
        _check(action, changed(WRITE, args[0]))


def _paths(capability: str, *places: int) -> Callable[[Action, Args], None]:
    def handle(action: Action, args: Args) -> None:
        for place in places:
            _check(action, changed(capability, args[place]))

    return handle


def _programs(place: int, other: int | None = None) -> Callable[[Action, Args], None]:
    def handle(action: Action, args: Args) -> None:
        program = args[place]
        _check(action, started(args[other] if program is None and other is not None else program))

    return handle


def _shell(action: Action, _args: Args) -> None:
    _check(
        action, Target(EXECUTE, os.environ.get("COMSPEC", "cmd") if os.name == "nt" else "/bin/sh")
    )


_HANDLERS: dict[str, Callable[[Action, Args], None]] = {
    "socket.connect": _connects,
    "socket.sendto": _connects,
    "socket.sendmsg": _connects,
    "socket.getaddrinfo": _resolves,
    "socket.gethostbyname": _resolves,
    "socket.gethostbyaddr": _resolves,
    "socket.getnameinfo": _names_back,
    "open": _opens,
    "sqlite3.connect": lambda action, args: _check(action, database(args[0])),
    "os.remove": _paths(DELETE, 0),
    "os.rmdir": _paths(DELETE, 0),
    "os.rename": _paths(WRITE, 0, 1),
    "os.link": _paths(WRITE, 1),
    "os.symlink": _paths(WRITE, 1),
    "os.mkdir": _makes_folder,
    "os.truncate": _paths(WRITE, 0),
    "os.chmod": _paths(WRITE, 0),
    "os.chown": _paths(WRITE, 0),
    "subprocess.Popen": _programs(0, 1),
    "os.exec": _programs(0),
    "os.posix_spawn": _programs(0),
    "os.spawn": _programs(1),
    "os.startfile": _programs(0),
    "pty.spawn": _programs(0),
    "aim.fork_exec": _programs(0),
    "os.system": _shell,
}


def _watch_fork_exec() -> None:
    """Starting processes without ``subprocess``, as multiprocessing does, raises no event."""
    try:
        import _posixsubprocess
    except ImportError:
        return
    start = _posixsubprocess.fork_exec

    @functools.wraps(start)
    def fork_exec(arguments: Any, *rest: Any) -> Any:
        sys.audit("aim.fork_exec", arguments)
        return start(arguments, *rest)

    _posixsubprocess.fork_exec = fork_exec
