"""Where a run may connect to when somebody else wrote its configuration: the open net, down to the very address.

The resolver is an argument, so that names lead where a test wants them; sockets are real.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from syncline.errors import Unsent
from syncline.model import Lane, Request, Response
from syncline.open_net import is_open
from syncline.transport import Transport

CLOSED = [
    *("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("192.0.2.1", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "fe80::1", "fe80::1%lo", "fc00::1", "fd00:ec2::254", "fec0::1"),
    *("ff02::1", "ff0e::1", "100::1", "2001:db8::1", "3fff::1", "5f00::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1"),  # IPv4 inside IPv6
    *("64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8", "2002:7f00:1::1", "2002:a9fe:a9fe::", "2001:0:1::"),
    *("2130706433", "0x7f000001", "127.1", "0", "", "localhost", "1.1.1.1.", " 1.1.1.1"),  # not addresses as such
]
OPEN = [
    *("1.1.1.1", "34.120.8.1", "2606:4700:4700::1111", "2a00:1450:4001:800::200e"),
    *("::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1"),
]


@pytest.mark.parametrize("address", CLOSED)
def test_an_address_of_the_neighbourhood_is_not_in_the_open_net(address: str) -> None:
    assert not is_open(address)


@pytest.mark.parametrize("address", OPEN)
def test_an_address_of_the_internet_is_in_the_open_net(address: str) -> None:
    assert is_open(address)


class Names(AbstractResolver):
    """Names that lead where they are said to; the last answer for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        return


@contextmanager
def answering() -> Iterator[tuple[int, list[str]]]:
    """A port of this machine that takes requests, and the host that each of them named."""
    hosts: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    head = connection.recv(65_536).decode()
                    hosts.append(head.partition("Host: ")[2].partition("\r\n")[0])
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], hosts
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


async def ask(post: Transport, origin: str) -> Response:
    return await post(Lane(origin, (), rate=1.0, timeout_s=5.0), Request("track", "GET", "/x"))


def asked(origin: str, resolver: AbstractResolver, trusted: Sequence[str] | None = ()) -> Response:
    async def main() -> Response:
        async with Transport(1, trusted, resolver) as post:
            return await ask(post, origin)

    return asyncio.run(main())


@pytest.mark.parametrize(
    "answer",
    [["127.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["1.1.1.1", "::1"]],
)
def test_a_name_that_leads_into_the_neighbourhood_is_not_followed(answer: list[str]) -> None:
    with answering() as (port, hosts), pytest.raises(Unsent) as unsent:
        asked(f"http://track.test:{port}", Names(answer))
    assert hosts == []
    assert unsent.value.hopeless
    assert str(unsent.value) == "track.test is not in the open net, where an uploaded configuration may go"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433", "0"])
def test_an_address_in_the_place_of_a_name_is_looked_at_as_well(host: str) -> None:
    names = Names(["1.1.1.1"])
    with answering() as (port, hosts), pytest.raises(Unsent, match="not in the open net"):
        asked(f"http://{host}:{port}", names)
    assert (hosts, names.asked) == ([], [])


def test_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    """A second answer, which would lead home, is never asked for while the first is used."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])

    async def main(port: int) -> list[int]:
        origin = f"http://track.test:{port}"
        async with Transport(1, [origin], names) as post:
            return [(await ask(post, origin)).status for _ in range(3)]

    with answering() as (port, hosts):
        assert asyncio.run(main(port)) == [200, 200, 200]
        assert hosts == [f"track.test:{port}"] * 3
    assert names.asked == ["track.test"]


def test_a_listed_origin_may_have_any_address_and_another_port_of_it_may_not() -> None:
    names = Names(["127.0.0.1"])
    with answering() as (port, hosts):
        assert asked(f"http://track.test:{port}", names, [f"http://track.test:{port}"]).status == 200
        assert asked(f"http://127.0.0.1:{port}", names, [f"http://127.0.0.1:{port}"]).status == 200
        with pytest.raises(Unsent, match=r"track\.test is not in the open net"):
            asked(f"http://track.test:{port}", names, [f"http://track.test:{port + 1}", "https://track.test"])
        assert len(hosts) == 2


def test_many_requests_that_wait_for_one_name_are_all_refused() -> None:
    async def main() -> list[BaseException | Response]:
        async with Transport(5, [], Names(["10.0.0.1"])) as post:
            return await asyncio.gather(*(ask(post, "https://track.test") for _ in range(5)), return_exceptions=True)

    assert [type(result) for result in asyncio.run(main())] == [Unsent] * 5


def test_a_configuration_of_ones_own_may_go_anywhere() -> None:
    with answering() as (port, _):
        assert asked(f"http://track.test:{port}", Names(["127.0.0.1"]), None).status == 200
        assert asked(f"http://127.0.0.1:{port}", Names([]), None).status == 200
