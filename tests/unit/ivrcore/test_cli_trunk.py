"""What the command line says of addresses, transport and encryption, as the application gets it."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from ivrcore import call_command
from ivrcore.app import Settings
from ivrcore.cli import app
from sip.errors import SipConfigError
from sip.trunk import Srtp, Transport

Reader = Callable[..., Settings]
COMMANDS = [("call", "8001", "8002"), ("notify", "8001", "--text", "hello"), ("verify", "8001", "4802")]
every_command = pytest.mark.parametrize("command", COMMANDS, ids=[command[0] for command in COMMANDS])


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Reader:
    """What an application would be made with, for a command line."""
    made: list[Settings] = []

    def application(settings: Settings, _reactor: object) -> None:
        made.append(settings)
        raise SipConfigError("nobody calls here")

    def run(task: Callable[[object], int], _stop: object) -> int:
        return task(None)

    def read(*arguments: str) -> Settings:
        made.clear()
        result = CliRunner().invoke(app, arguments)
        assert made, result.stderr
        return made[0]

    monkeypatch.setattr(call_command, "Application", application)
    monkeypatch.setattr(call_command, "run", run)
    return read


@every_command
def test_by_default_calls_go_by_udp_in_the_clear_from_loopback(
    settings_of: Reader, command: tuple[str, ...]
) -> None:
    settings = settings_of(*command)
    assert tuple(map(str, settings.endpoint.addresses)) == ("127.0.0.1",)
    assert settings.endpoint.tls_port is None
    assert (settings.trunk.transport, settings.trunk.srtp) == (Transport.UDP, Srtp.OFF)


@every_command
def test_options_of_the_trunk_reach_endpoint_and_trunk(settings_of: Reader, command: tuple[str, ...]) -> None:
    settings = settings_of(
        *command,
        *("--trunk", "[2001:db8::1]:5061", "--transport", "tls", "--srtp", "required"),
        *("--tls-authorities", "ca.pem", "--bind", "192.0.2.5", "--also-bind", "[2001:db8::5]"),
    )
    endpoint, trunk = settings.endpoint, settings.trunk
    assert tuple(map(str, endpoint.addresses)) == ("192.0.2.5", "2001:db8::5")
    assert (endpoint.tls_port, endpoint.tls_authorities) == (0, "ca.pem")
    assert trunk.uri_of("8001") == "sip:8001@[2001:db8::1]:5061;transport=tls"
    assert trunk.srtp is Srtp.REQUIRED


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ("--trunk", "::1"),
            "trunk '::1' is not host or host:port: an IPv6 address stands in brackets, [::1]",
        ),
        (
            ("--bind", "localhost"),
            "address 'localhost' is not an IP address such as 192.0.2.5 or 2001:db8::5",
        ),
        (
            ("--bind", "fe80::1%lo"),
            "address fe80::1%lo is of one link, which SIP cannot name: choose another",
        ),
        (
            ("--also-bind", "127.0.0.2"),
            "addresses 127.0.0.1 and 127.0.0.2 are both IPv4: name one of each family",
        ),
        (
            ("--srtp", "required"),
            "SRTP required needs transport tls: its keys are in the signalling",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(options: tuple[str, ...], says: str) -> None:
    result = CliRunner().invoke(app, ["call", "8001", "8002", *options])
    assert result.exit_code == 2
    assert result.stderr == f"ivrcore: {says}\n"
