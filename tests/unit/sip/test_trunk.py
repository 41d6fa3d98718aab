"""Trunks: what is dialled, what is shown, and one clear line for everything that cannot work."""

from collections.abc import Callable

import pytest

from sip.address import Family
from sip.errors import SipConfigError, SipError
from sip.trunk import DEFAULT_CODECS, KNOWN_CODECS, Srtp, Transport, Trunk, check_codecs, check_uri


def one_line(error: pytest.ExceptionInfo[SipConfigError]) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("number", "uri"),
    [
        ("13800138000", "sip:13800138000@gw.example"),
        ("+8613800138000", "sip:+8613800138000@gw.example"),
        ("*100", "sip:*100@gw.example"),
        ("*21#", "sip:*21%23@gw.example"),  # RFC 3261 section 25.1: '#' is no user character
        ("1", "sip:1@gw.example"),
        ("1" * 31, f"sip:{'1' * 31}@gw.example"),
    ],
)
def test_number_goes_through_the_trunk(number: str, uri: str) -> None:
    assert Trunk("gw.example").uri_of(number) == uri


@pytest.mark.parametrize(
    "host",
    ["gw.example", "gw.example:5080", "192.0.2.1", "192.0.2.1:5060", "[2001:db8::1]", "[2001:db8::1]:5061"],
)
def test_host_may_carry_a_port(host: str) -> None:
    assert Trunk(host).uri_of("100") == f"sip:100@{host}"


@pytest.mark.parametrize(
    "uri",
    [
        "sip:alice@host",
        "sip:alice@host:5070",
        "sip:alice@192.0.2.1;transport=udp",
        "sips:alice@host",
        "SIP:alice@host",
        "sip:host",
        "sip:alice@[2001:db8::1]:5060",
        "sip:[::1]:5060",
        "sip:100@[::ffff:192.0.2.1];transport=tls",
        "sip:+86138;phone-context=cn@host",
    ],
)
def test_sip_uri_is_dialled_as_it_stands_even_without_a_trunk(uri: str) -> None:
    assert Trunk().uri_of(uri) == uri


@pytest.mark.parametrize(
    "number",
    [
        "",
        "+",
        "12 34",
        "abc",
        "1" * 32,
        "12-34",
        "tel:100",
        "100@host",
        "１３８",
        "100\r\nEvil: 1",
        "100\n",
        "++86",
    ],
)
def test_malformed_number_is_refused_by_name(number: str) -> None:
    with pytest.raises(SipConfigError, match="is neither a number") as error:
        Trunk("gw.example").uri_of(number)
    assert "SIP URI" in str(error.value)


@pytest.mark.parametrize(
    "uri",
    [
        "sip:",
        "sip:alice@",
        "sip:alice@ho st",
        "sip:alice@host:0",
        "sip:alice@host:65536",
        "sip:alice@host>",
        "sip:<alice@host",
        "sip:a@b@c",
        'sip:"a"@host',
        "sip:alice@host\r\nEvil: 1",
        "sip:alice@host\n",
        "sip:alice@[]",
        "sip:alice@[::1",
        "sip:alice@[::1]:0",
        "sip:alice@[1:2]",
        "sip:alice@[::1::]",
        "sip:alice@[192.0.2.1]",
        "sip:alice@[fe80::1%eth0]",
        "sip:alice@::1",
    ],
)
def test_malformed_destination_uri_is_refused_by_name(uri: str) -> None:
    with pytest.raises(SipConfigError, match=r"^destination '"):
        Trunk("gw.example").uri_of(uri)


def test_number_without_a_trunk_says_what_is_missing() -> None:
    with pytest.raises(SipConfigError) as error:
        Trunk().uri_of("100")
    assert one_line(error) == "number 100 needs a trunk: name one with --trunk host[:port]"


@pytest.mark.parametrize(
    "host",
    [
        *("gw example", "sip:gw", "gw:", "gw:port", "user@gw", "gw/5060", "2001:db8::1", "gw:123456", "gw\n"),
        *("[]", "[::1", "[::1]5060", "[:::1]", "[1:2]", "[192.0.2.1]", "[::1%lo]"),
    ],
)
def test_malformed_host_is_refused_by_name(host: str) -> None:
    with pytest.raises(SipConfigError, match="is not host or host:port") as error:
        Trunk(host)
    assert host.strip() in str(error.value)


@pytest.mark.parametrize("host", ["gw:0", "gw:65536", "[2001:db8::1]:99999"])
def test_impossible_port_is_refused_by_name(host: str) -> None:
    with pytest.raises(SipConfigError) as error:
        Trunk(host)
    assert one_line(error) == f"trunk '{host}': the port must be 1 to 65535"


@pytest.mark.parametrize("proxy", ["sip:proxy.example", "sip:proxy.example:5080;lr", "sips:192.0.2.1"])
def test_proxy_is_a_uri(proxy: str) -> None:
    assert Trunk("gw", proxy=proxy).proxy == proxy


@pytest.mark.parametrize("proxy", ["proxy.example", "http://proxy", "sip:proxy:0", "sip:pro xy"])
def test_malformed_proxy_is_refused_by_name(proxy: str) -> None:
    with pytest.raises(SipConfigError) as error:
        Trunk("gw", proxy=proxy)
    assert one_line(error) == f"outbound proxy '{proxy}' is not a SIP URI such as sip:user@host:5060"


def test_password_without_user_is_refused() -> None:
    with pytest.raises(SipConfigError) as error:
        Trunk("gw", password="secret")
    assert one_line(error) == "a trunk password needs a trunk user"


def test_password_is_in_no_repr() -> None:
    assert "secret" not in repr(Trunk("gw", user="u", password="secret"))


@pytest.mark.parametrize(
    ("trunk", "uri"),
    [
        (Trunk("gw:5080"), "sip:95588@gw:5080"),
        (Trunk("gw", identity_host="ours.example"), "sip:95588@ours.example"),
        (Trunk(), "sip:95588@127.0.0.9"),
    ],
)
def test_identity_has_the_nearest_host(trunk: Trunk, uri: str) -> None:
    assert trunk.identity_of("95588", "127.0.0.9") == uri


@pytest.mark.parametrize(
    "display", ["", "9 5", "a@b", "<95588>", '"x"', "9" * 65, "95588\r\nEvil: 1", "95588\n", "号"]
)
def test_malformed_display_number_is_refused(display: str) -> None:
    with pytest.raises(SipConfigError, match=r"^display number '"):
        Trunk("gw").identity_of(display, "h")


@pytest.mark.parametrize("host", ["ours example", "ours\r\nEvil: 1", "a@b", "ours:0"])
def test_malformed_identity_host_is_refused(host: str) -> None:
    with pytest.raises(SipConfigError, match="identity host"):
        Trunk("gw", identity_host=host)


@pytest.mark.parametrize("codec", KNOWN_CODECS)
def test_known_codec_is_accepted_alone(codec: str) -> None:
    assert Trunk("gw", codecs=(codec,)).codecs == (codec,)


def test_default_codecs_are_known_and_a_law_is_first() -> None:
    check_codecs(DEFAULT_CODECS)
    assert DEFAULT_CODECS[0] == "PCMA"


@pytest.mark.parametrize(
    ("codecs", "text"),
    [
        ((), "no codec: name at least one of PCMA, PCMU, G722, OPUS"),
        (("GSM",), "unknown codec 'GSM': known are PCMA, PCMU, G722, OPUS"),
        (("PCMA", "pcmu"), "unknown codec 'pcmu': known are PCMA, PCMU, G722, OPUS"),
        (("PCMA", "PCMU", "PCMA"), "a codec is named twice in PCMA, PCMU, PCMA"),
    ],
)
def test_codec_list_that_cannot_work_is_refused_in_one_line(codecs: tuple[str, ...], text: str) -> None:
    with pytest.raises(SipConfigError) as error:
        check_codecs(codecs)
    assert one_line(error) == text


def test_trunk_checks_its_codecs() -> None:
    with pytest.raises(SipConfigError, match="unknown codec 'GSM'"):
        Trunk("gw", codecs=("GSM",))


def test_checked_uri_comes_back_unchanged() -> None:
    assert check_uri("sip:a@b", what="x") == "sip:a@b"


def test_config_error_is_a_sip_error_and_a_value_error() -> None:
    assert issubclass(SipConfigError, SipError)
    assert issubclass(SipConfigError, ValueError)


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.TLS])
def test_numbers_of_a_trunk_go_over_its_transport_and_uris_as_they_stand(transport: Transport) -> None:
    trunk = Trunk("gw.example", transport=transport)
    assert trunk.uri_of("100") == f"sip:100@gw.example;transport={transport}"
    assert trunk.uri_of("sip:alice@host") == "sip:alice@host"


def test_transport_and_srtp_may_be_the_words_of_a_file_of_settings() -> None:
    trunk = Trunk("gw.example", transport="tls", srtp="required")  # type: ignore[arg-type]  # as JSON has them
    assert trunk == Trunk("gw.example", transport=Transport.TLS, srtp=Srtp.REQUIRED)
    assert trunk.srtp is Srtp.REQUIRED


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
@pytest.mark.parametrize("srtp", [Srtp.OPTIONAL, Srtp.REQUIRED])
def test_srtp_without_tls_is_refused_because_its_keys_would_travel_in_the_clear(
    srtp: Srtp, transport: Transport
) -> None:
    with pytest.raises(SipConfigError) as error:
        Trunk("gw.example", transport=transport, srtp=srtp)
    assert one_line(error) == f"SRTP {srtp} needs transport tls: its keys are in the signalling"


def test_family_may_be_the_number_of_a_worker_s_file() -> None:
    assert Trunk("gw.example", family=6).family is Family.IPV6  # type: ignore[arg-type]  # as JSON has it
    assert Trunk("gw.example").family is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"transport": "sctp"}, "transport 'sctp': must be one of udp, tcp, tls"),
        ({"srtp": "yes"}, "SRTP 'yes': must be one of off, optional, required"),
    ],
)
def test_unknown_transport_or_srtp_is_refused_by_name(words: dict[str, str], says: str) -> None:
    with pytest.raises(SipConfigError) as error:
        Trunk("gw.example", **words)  # type: ignore[arg-type]  # this is what is tested
    assert one_line(error) == says


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            lambda: Trunk("2001:db8::1"),
            "trunk '2001:db8::1' is not host or host:port: an IPv6 address stands in brackets, [2001:db8::1]",
        ),
        (
            lambda: Trunk().uri_of("sip:100@::1"),
            (
                "destination 'sip:100@::1' is not a SIP URI such as sip:user@host:5060: "
                "an IPv6 address stands in brackets, [::1]"
            ),
        ),
        (
            lambda: Trunk("gw", proxy="sip:2001:db8::1"),
            "outbound proxy 'sip:2001:db8::1' is not a SIP URI such as sip:user@host:5060",
        ),
    ],
)
def test_ipv6_address_without_brackets_is_told_where_they_go(wrong: Callable[[], object], says: str) -> None:
    with pytest.raises(SipConfigError) as error:
        wrong()
    assert one_line(error) == says


@pytest.mark.parametrize(
    ("trunk", "uri", "host"),
    [
        (Trunk("[2001:db8::1]:5061"), "100", "[2001:db8::1]"),
        (Trunk("gw.example", transport=Transport.TLS), "100", "gw.example"),
        (Trunk(), "sip:100@[::1]:5060", "[::1]"),
        (Trunk(), "sip:[::1]", "[::1]"),
        (Trunk(), "sips:100;phone-context=cn@192.0.2.1;transport=udp", "192.0.2.1"),
        (Trunk("gw", proxy="sip:[2001:db8::2]:5080;lr"), "100", "[2001:db8::2]"),
        (Trunk("[::1]", proxy="sip:proxy.example"), "sip:100@192.0.2.1", "proxy.example"),
    ],
)
def test_next_hop_is_the_proxy_or_the_host_of_the_uri(trunk: Trunk, uri: str, host: str) -> None:
    assert trunk.next_hop(trunk.uri_of(uri)) == host


def test_identity_keeps_the_brackets_of_its_host() -> None:
    assert Trunk("[2001:db8::1]:5061").identity_of("95588", "h") == "sip:95588@[2001:db8::1]:5061"
    assert Trunk().identity_of("95588", "[::1]") == "sip:95588@[::1]"
