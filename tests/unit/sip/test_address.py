"""Addresses: which are ours to be bound to, how they are written, and who is reached from where."""

import ipaddress

import pytest

from sip.address import (
    Family,
    family_of,
    family_of_host,
    family_towards,
    host_and_port,
    host_of,
    is_ipv6_reference,
    own_address,
)
from sip.errors import SipConfigError

V4, V6 = ipaddress.ip_address("192.0.2.5"), ipaddress.ip_address("2001:db8::5")


@pytest.mark.parametrize(
    ("text", "family", "written"),
    [
        ("127.0.0.1", Family.IPV4, "127.0.0.1"),
        ("0.0.0.0", Family.IPV4, "0.0.0.0"),
        ("::1", Family.IPV6, "::1"),
        ("[::1]", Family.IPV6, "::1"),
        ("[::]", Family.IPV6, "::"),
        ("2001:0DB8:0:0::0005", Family.IPV6, "2001:db8::5"),  # RFC 5952
    ],
)
def test_address_is_read_with_or_without_brackets(text: str, family: Family, written: str) -> None:
    address = own_address(text)
    assert family_of(address) is family
    assert str(address) == written


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "address '' is not an IP address such as 192.0.2.5 or 2001:db8::5"),
        ("localhost", "address 'localhost' is not an IP address such as 192.0.2.5 or 2001:db8::5"),
        ("192.0.2.5:5060", "address '192.0.2.5:5060' is not an IP address such as 192.0.2.5 or 2001:db8::5"),
        ("[::1]:5060", "address '[::1]:5060' is not an IP address such as 192.0.2.5 or 2001:db8::5"),
        ("[::1", "address '[::1' is not an IP address such as 192.0.2.5 or 2001:db8::5"),
        ("::1\n", "address '::1\n' is not an IP address such as 192.0.2.5 or 2001:db8::5"),
        ("224.0.1.75", "address 224.0.1.75 is a multicast address, from which nobody calls"),
        ("ff02::1", "address ff02::1 is a multicast address, from which nobody calls"),
        ("::ffff:192.0.2.5", "address ::ffff:192.0.2.5 is an IPv4 address in disguise: name 192.0.2.5"),
        ("fe80::1", "address fe80::1 is of one link, which SIP cannot name: choose another"),
        ("[fe80::1%eth0]", "address [fe80::1%eth0] is of one link, which SIP cannot name: choose another"),
        (
            "2001:db8::5%eth0",
            "address 2001:db8::5%eth0 is of one link, which SIP cannot name: choose another",
        ),
    ],
)
def test_address_that_cannot_be_ours_is_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(SipConfigError) as error:
        own_address(text)
    assert str(error.value) == says


@pytest.mark.parametrize(
    ("host", "written"),
    [("::1", "[::1]:5060"), ("[::1]", "[::1]:5060"), ("127.0.0.1", "127.0.0.1:5060"), ("gw", "gw:5060")],
)
def test_port_follows_brackets(host: str, written: str) -> None:
    assert host_and_port(host, 5060) == written


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("sip:100@[2001:db8::1]:5060;transport=tls", "[2001:db8::1]"),
        ("sip:[::1]", "[::1]"),
        ("sips:100;phone-context=cn@192.0.2.1:5061", "192.0.2.1"),
        ("SIP:100:secret@gw.example;lr", "gw.example"),
        ("sip:gw.example", "gw.example"),
        ("tel:100", ""),
    ],
)
def test_host_of_a_uri(uri: str, host: str) -> None:
    assert host_of(uri) == host


@pytest.mark.parametrize(
    ("host", "family"),
    [
        ("[::1]", Family.IPV6),
        ("[2001:db8::1]:5060", Family.IPV6),
        ("192.0.2.1", Family.IPV4),
        ("192.0.2.1:5060", Family.IPV4),
        ("gw.example:5060", None),
        ("192.0.2", None),
        ("999.0.2.1", None),
        ("", None),
    ],
)
def test_address_has_a_family_and_a_name_none(host: str, family: Family | None) -> None:
    assert family_of_host(host) is family


@pytest.mark.parametrize(
    ("reference", "is_one"),
    [("[::1]", True), ("[2001:DB8::1]", True), ("[::ffff:192.0.2.1]", True)]
    + [(text, False) for text in ("::1", "[]", "[::1", "[1:2]", "[192.0.2.1]", "[::1]:5060", "[gw]")],
)
def test_reference_is_an_ipv6_address_in_brackets(reference: str, is_one: bool) -> None:
    assert is_ipv6_reference(reference) is is_one


@pytest.mark.parametrize(
    ("host", "ours", "family"),
    [
        ("gw.example", (V4,), Family.IPV4),
        ("gw.example", (V6,), Family.IPV6),
        ("gw.example", (V4, V6), Family.IPV4),
        ("gw.example", (V6, V4), Family.IPV6),
        ("[2001:db8::1]:5061", (V4, V6), Family.IPV6),
        ("192.0.2.1", (V6, V4), Family.IPV4),
    ],
)
def test_address_decides_how_it_is_reached_and_our_first_how_a_name_is(
    host: str, ours: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...], family: Family
) -> None:
    assert family_towards(host, ours) is family


@pytest.mark.parametrize(("host", "family"), [("gw.example", Family.IPV6), ("192.0.2.1", Family.IPV4)])
def test_names_can_be_looked_up_in_another_family_than_our_first(host: str, family: Family) -> None:
    assert family_towards(host, (V4, V6), Family.IPV6) is family


@pytest.mark.parametrize(
    ("host", "ours", "says"),
    [
        ("[::1]:5060", V4, "[::1]:5060 cannot be reached from 192.0.2.5: bind an IPv6 address as well"),
        ("127.0.0.1", V6, "127.0.0.1 cannot be reached from 2001:db8::5: bind an IPv4 address as well"),
    ],
)
def test_family_that_we_have_no_address_of_is_told(
    host: str, ours: ipaddress.IPv4Address | ipaddress.IPv6Address, says: str
) -> None:
    with pytest.raises(SipConfigError) as error:
        family_towards(host, (ours,))
    assert str(error.value) == says
