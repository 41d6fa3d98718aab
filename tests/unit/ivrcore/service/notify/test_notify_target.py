"""Where pushes may go: the spellings of an address, the networks, and names that lead astray."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred

from ivrcore.service.notify.target import (
    IpAddress,
    Lookup,
    TargetError,
    check_address,
    origin_of,
    parse_target,
)

# URLs.


def test_url_is_taken_apart() -> None:
    target = parse_target("HTTPS://Sp.Example.com:9443/voicecall/fee?a=b&c=d#part")
    assert (target.scheme, target.host, target.port) == ("https", "sp.example.com", 9443)
    assert (target.resource, target.authority) == ("/voicecall/fee?a=b&c=d", "sp.example.com:9443")
    assert target.url == "HTTPS://Sp.Example.com:9443/voicecall/fee?a=b&c=d#part"


@pytest.mark.parametrize(("url", "port"), [("http://a.example", 80), ("https://a.example", 443)])
def test_scheme_has_its_port_and_the_host_header_leaves_it_out(url: str, port: int) -> None:
    target = parse_target(url)
    assert (target.port, target.resource, target.authority) == (port, "/", "a.example")


def test_ipv6_host_keeps_its_brackets_where_a_host_header_wants_them() -> None:
    target = parse_target("http://[2606:4700::1111]:8080/x")
    assert (target.host, target.authority) == ("2606:4700::1111", "[2606:4700::1111]:8080")
    assert target.origin == "http://[2606:4700::1111]:8080"
    assert target.address == ip_address("2606:4700::1111")


def test_a_query_needs_no_path() -> None:
    assert parse_target("http://a.example?x=1").resource == "/?x=1"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sp.example.com/fee",
        "ftp://sp.example.com/",
        "file:///etc/passwd",
        "gopher://a.example:80/",
        "//a.example/",
        "http://",
        "http:///x",
        "http:/a.example/",
        "http:a.example",
        "http://user@a.example/",
        "http://user:secret@a.example/",
        "http://a.example@127.0.0.1/",
        "http://a.example:80@127.0.0.1/",
        "http://127.0.0.1\\@a.example/",
        "http://a.example\\.b.example/",
        "http://a.example /",
        " http://a.example/",
        "http://a.example/\r\nX: y",
        "http://a.example/\n",
        "http://a.example/\x00",
        "http://例子.example/",
        "http://a.example/路",
        "http://[fe80::1%25eth0]/",
        "http://[::1/",
        "http://::1/",
        "http://[a.example]/",
        "http://[1.2.3.4]/",
        "http://-a.example/",
        "http://a-.example/",
        "http://a..example/",
        "http://a.example./",
        "http://.a.example/",
        "http://" + "a" * 64 + ".example/",
        "http://a.example/" + "x" * 512,
    ],
)
def test_what_is_no_plain_http_url_is_refused(url: str) -> None:
    with pytest.raises(TargetError):
        parse_target(url)


@pytest.mark.parametrize(
    "port",
    ["", "0", "-1", "+80", "65536", "99999", "080800", "８０", "80x", "22", "25", "5060", "6379x", "6667"],
)
def test_odd_ports_are_refused(port: str) -> None:
    with pytest.raises(TargetError):
        parse_target(f"http://a.example:{port}/")


@pytest.mark.parametrize("port", [80, 443, 1024, 8080, 9330, 9443, 65535])
def test_usual_ports_are_accepted(port: int) -> None:
    assert parse_target(f"http://a.example:{port}/").port == port


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",  # 127.0.0.1 in decimal
        "017700000001",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.0x1",
        "127.0.0.1.",
        "256.1.1.1",
        "1.2.3.4.5",
        "0",
        "0x",
    ],
)
def test_addresses_in_other_spellings_are_refused(host: str) -> None:
    with pytest.raises(TargetError, match="plain spelling"):
        parse_target(f"http://{host}/")


def test_errors_do_not_show_what_a_url_carries() -> None:
    with pytest.raises(TargetError) as refused:
        parse_target("http://user:hunter2@a.example/?token=hunter2")
    assert "hunter2" not in str(refused.value)


@given(st.text(max_size=60))
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    for url in (text, "http://" + text, "http://a.example" + text):
        try:
            target = parse_target(url)
        except TargetError:
            assert origin_of(url) == url
        else:
            assert 1 <= target.port <= 65535
            assert target.resource.startswith("/")
            assert not set(target.resource + target.authority) & set(" \r\n\t@#" if "#" in url else " \r\n\t")


# Addresses.

PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0"]
PUBLIC += ["223.255.255.255", "169.253.255.255", "2606:4700::1111", "2400::1", "64:ff9b::808:808"]
LAB = ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "127.255.255.254"]
LAB += ["100.64.0.1", "100.127.255.255", "198.18.0.1", "::1", "fd00::1", "fc00::1"]
LAB += ["::ffff:127.0.0.1", "::ffff:10.0.0.1"]
NEVER = ["0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "192.0.0.8", "192.0.2.1", "192.88.99.1"]
NEVER += ["198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"]
NEVER += ["::", "fe80::1", "fec0::1", "ff02::1", "::ffff:0.0.0.0", "::ffff:169.254.169.254", "::7f00:1"]
NEVER += ["2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "64:ff9b::7f00:1", "64:ff9b::a00:1"]
NEVER += ["64:ff9b:1::1", "100::1", "3fff::1", "5f00::1", "4000::1", "2001:10::1"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address: str) -> None:
    assert check_address(ip_address(address)) == ip_address(address)


@pytest.mark.parametrize("address", LAB + NEVER)
def test_no_other_address_is_permitted(address: str) -> None:
    with pytest.raises(TargetError, match="is not public"):
        check_address(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC + LAB)
def test_lab_switch_permits_private_and_loopback(address: str) -> None:
    check_address(ip_address(address), lab=True)


@pytest.mark.parametrize("address", NEVER)
def test_lab_switch_permits_nothing_else(address: str) -> None:
    with pytest.raises(TargetError, match="is not public"):
        check_address(ip_address(address), lab=True)


def test_ipv4_mapped_address_is_connected_to_as_ipv4() -> None:
    assert check_address(ip_address("::ffff:8.8.8.8")) == ip_address("8.8.8.8")


@given(st.ip_addresses())
def test_what_python_calls_not_global_is_never_permitted(address: IpAddress) -> None:
    real = getattr(address, "ipv4_mapped", None) or address
    try:
        check_address(address)
    except TargetError:
        return
    assert real.is_global or real in ip_network("64:ff9b::/96")
    assert not real.is_multicast


# Names.


class Names:
    """A resolver whose answers the test gives, when it likes."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def resolveHostName(  # noqa: N802
        self,
        resolutionReceiver: object,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: ARG002, N803
        addressTypes: Sequence[type] | None = None,  # noqa: ARG002, N803
        transportSemantics: str = "TCP",  # noqa: ARG002, N803
    ) -> object:
        self.asked.append((hostName, resolutionReceiver))
        return object()

    def answer(self, *addresses: str) -> None:
        _, receiver = self.asked.pop(0)
        receiver.resolutionBegan(object())
        for address in addresses:
            kind = IPv6Address if ":" in address else IPv4Address
            receiver.addressResolved(kind("TCP", address, 0))
        receiver.resolutionComplete()


def looked_up(lookup: Lookup, url: str = "http://a.example/", lab: bool = False) -> "list[Any]":
    outcome: list[Any] = []
    lookup.checked(parse_target(url), lab=lab).addCallbacks(outcome.append, lambda f: outcome.append(f.value))
    return outcome


def test_every_address_of_a_name_is_found() -> None:
    names = Names()
    outcome = looked_up(Lookup(names))
    names.answer("8.8.8.8", "2606:4700::1111", "8.8.8.8")
    assert outcome == [(ip_address("8.8.8.8"), ip_address("2606:4700::1111"))]


@pytest.mark.parametrize("addresses", [("8.8.8.8", "10.0.0.1"), ("127.0.0.1",), ("8.8.8.8", "fe80::1%eth0")])
def test_one_forbidden_address_condemns_the_name(addresses: tuple[str, ...]) -> None:
    names = Names()
    outcome = looked_up(Lookup(names))
    names.answer(*addresses)
    assert isinstance(outcome[0], TargetError)


def test_a_name_without_addresses_is_refused() -> None:
    names = Names()
    outcome = looked_up(Lookup(names))
    names.answer()
    assert str(outcome[0]) == "host a.example has no address"


def test_an_address_is_not_looked_up() -> None:
    names = Names()
    assert looked_up(Lookup(names), "http://127.0.0.1:8080/", lab=True) == [(ip_address("127.0.0.1"),)]
    assert isinstance(looked_up(Lookup(names), "http://127.0.0.1:8080/")[0], TargetError)
    assert names.asked == []


def test_a_name_is_asked_once_at_a_time_and_again_afterwards() -> None:
    names = Names()
    lookup = Lookup(names)
    outcomes = [looked_up(lookup), looked_up(lookup)]
    assert [host for host, _ in names.asked] == ["a.example"]
    names.answer("8.8.8.8")
    assert outcomes == [[(ip_address("8.8.8.8"),)], [(ip_address("8.8.8.8"),)]]
    looked_up(lookup)
    assert [host for host, _ in names.asked] == ["a.example"]


def test_one_who_stops_waiting_does_not_disturb_the_others() -> None:
    names = Names()
    lookup = Lookup(names)
    gone: Deferred[tuple[IpAddress, ...]] = lookup.checked(parse_target("http://a.example/"), lab=False)
    stays = looked_up(lookup)
    failed: list[Any] = []
    gone.addErrback(lambda failure: failed.append(failure.value))
    gone.cancel()
    names.answer("8.8.8.8")
    assert isinstance(failed[0], CancelledError)
    assert stays == [(ip_address("8.8.8.8"),)]


def test_a_resolver_that_raises_is_a_refusal() -> None:
    class Raises(Names):
        def resolveHostName(self, *_: object, **__: object) -> object:  # noqa: N802
            raise UnicodeError

    outcome = looked_up(Lookup(Raises()))
    assert str(outcome[0]) == "host a.example cannot be resolved: UnicodeError"
