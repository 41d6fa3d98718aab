"""What the service's file says of SIP and RTP: how workers get it, and what is refused in one line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivrcore.cli import app
from ivrcore.service.settings import ServiceSettings, SettingsError, load
from ivrcore.service.wiring import supervisor_settings
from ivrcore.service.workers.process import make_directory
from ivrcore.service.workers.settings import WorkerSettings
from sip.address import Family
from sip.endpoint import EndpointSettings
from sip.errors import SipConfigError
from sip.trunk import Srtp, Transport

EVERYTHING = """
[workers]
count = 3
bind = "127.0.0.1"
also_bind = "[::1]"
sip_port = 5070
rtp_first_port = 20000
rtp_last_port = 20999
rtp_timeout_s = 30
rtp_hold_timeout_s = 0
tls_port = 5061
tls_certificate = "ours.pem"
tls_key = "ours.key"
tls_authorities = "theirs.pem"
[[trunks]]
name = "carrier"
host = "[::1]:5061"
transport = "tls"
srtp = "required"
[[trunks]]
name = "old"
host = "192.0.2.1"
prefixes = ["+1"]
[[trunks]]
name = "named"
host = "six.example"
family = "ipv6"
prefixes = ["+44"]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file, in a directory that is not the current one."""
    monkeypatch.chdir("/")
    for name in ("ours.pem", "ours.key", "theirs.pem"):
        (tmp_path / name).touch()
    return tmp_path / "ivrcore.toml"


def loaded(file: Path, text: str) -> ServiceSettings:
    file.write_text(text, encoding="utf-8")
    return load(file)


def test_every_setting_of_sip_reaches_the_worker_through_its_file(file: Path, tmp_path: Path) -> None:
    made = supervisor_settings(loaded(file, EVERYTHING)).worker
    make_directory(tmp_path / "w1", made)
    worker = WorkerSettings.load(tmp_path / "w1" / "settings.json")
    endpoint, trunk = worker.endpoint, worker.routes.default
    assert tuple(map(str, endpoint.addresses)) == ("127.0.0.1", "::1")
    assert (endpoint.sip_port, endpoint.tls_port) == (5070, 5061)
    assert (endpoint.rtp_first_port, endpoint.rtp_last_port) == (20000, 20999)
    assert (endpoint.rtp_timeout_s, endpoint.rtp_hold_timeout_s) == (30.0, 0.0)
    assert endpoint.tls_certificate == str(tmp_path / "ours.pem")
    assert endpoint.tls_key == str(tmp_path / "ours.key")
    assert endpoint.tls_authorities == str(tmp_path / "theirs.pem")
    assert (trunk.transport, trunk.srtp) == (Transport.TLS, Srtp.REQUIRED)
    assert trunk.uri_of("100") == "sip:100@[::1]:5061;transport=tls"
    assert worker.routes.trunk_for("+12025550100").transport is Transport.UDP
    assert trunk.family is None
    assert worker.routes.trunk_for("+442079460000").family is Family.IPV6


def test_defaults_are_those_of_an_endpoint_but_for_telephones_that_are_gone() -> None:
    endpoint = supervisor_settings(load(None)).worker.endpoint
    plain = EndpointSettings(cache_dir=endpoint.cache_dir)
    assert endpoint == replace(plain, rtp_timeout_s=60.0, rtp_hold_timeout_s=1800.0)


@pytest.mark.parametrize(
    "setting", ["rtp_timeout_s = -1", "rtp_hold_timeout_s = nan", "rtp_timeout_s = true"]
)
def test_impossible_rtp_time_out_is_refused_by_name(file: Path, setting: str) -> None:
    with pytest.raises(SettingsError, match=rf"workers\.{setting.split()[0]}"):
        loaded(file, f"[workers]\n{setting}")


@pytest.mark.parametrize(
    ("transport", "tcp", "tls_port"), [("udp", False, None), ("tcp", True, None), ("tls", False, 5061)]
)
def test_ports_are_opened_for_the_transports_of_the_trunks(
    file: Path, transport: str, tcp: bool, tls_port: int | None
) -> None:
    trunk = f'[[trunks]]\nname = "a"\nhost = "b"\ntransport = "{transport}"\n'
    endpoint = supervisor_settings(loaded(file, f"[workers]\ntls_port = 5061\n{trunk}")).worker.endpoint
    assert (endpoint.tcp, endpoint.tls_port) == (tcp, tls_port)


@pytest.mark.parametrize(
    ("ports", "number", "then"),
    [((5070, 5061), 2, (5072, 5063)), ((0, 0), 2, (0, 0)), ((5070, None), 1, (5071, None))],
)
def test_each_worker_has_the_next_ports_and_free_ones_stay_free(
    ports: tuple[int, int | None], number: int, then: tuple[int, int | None]
) -> None:
    endpoint = EndpointSettings(sip_port=ports[0], tls_port=ports[1])
    worker = WorkerSettings(Path("/r"), Path("/c"), endpoint).numbered(number)
    assert (worker.endpoint.sip_port, worker.endpoint.tls_port) == then


def test_missing_file_of_tls_is_named_before_any_worker_starts(file: Path) -> None:
    (file.parent / "theirs.pem").unlink()
    settings = loaded(file, EVERYTHING)
    with pytest.raises(SipConfigError) as error:
        supervisor_settings(settings)
    assert str(error.value) == f"TLS authorities: there is no file {file.parent}/theirs.pem"


def checked(file: Path, text: str) -> tuple[int, str]:
    file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["serve", "--check", "-c", str(file)])
    return result.exit_code, result.output


def test_check_says_whether_settings_can_work_and_serves_nothing(file: Path) -> None:
    assert checked(file, EVERYTHING) == (0, f"{file}: the settings can work\n")
    assert not (file.parent / "ivrcore-data").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[workers]\ntls_authorities = "no.pem"', "TLS authorities: there is no file {}/no.pem"),
        ('[http]\ncertificate = "ours.pem"\nkey = "no.key"', "http.key: there is no file {}/no.key"),
        ('[notify]\nca_file = "no.pem"', "notify.ca_file: there is no file {}/no.pem"),
        ('[workers]\nbind = "x"', "{}/ivrcore.toml: workers: address 'x' is not an IP address such as "),
    ],
)
def test_check_refuses_what_cannot_work_in_one_line(file: Path, text: str, says: str) -> None:
    status, output = checked(file, text)
    (line,) = output.splitlines()
    assert status == 2
    assert line.startswith(f"ivrcore: {says.format(file.parent)}")


def test_environment_sets_them_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVRCORE_WORKERS__ALSO_BIND", "::1")
    trunk = {"name": "a", "host": "[::1]", "transport": "tls", "srtp": "optional"}
    monkeypatch.setenv("IVRCORE_TRUNKS", json.dumps([trunk]))
    settings = load(None)
    assert settings.routes().default.srtp is Srtp.OPTIONAL


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[workers]\ntls_port = 65535\ncount = 2", "workers: tls_port 65535 leaves no ports for 2 workers"),
        ('[workers]\nbind = "localhost"', "workers: address 'localhost' is not an IP address such as "),
        ('[workers]\nbind = ""', "workers: address '' is not an IP address such as "),
        (
            '[workers]\nbind = "::1"\nalso_bind = "::2"',
            "workers: addresses ::1 and ::2 are both IPv6: name one of each family",
        ),
        (
            "[workers]\nrtp_first_port = 20001",
            "workers: RTP ports 20001 to 32767: must begin with an even and end with an odd port",
        ),
        (
            "[workers]\nrtp_last_port = 16385",
            "workers: RTP ports 16384 to 16385: too few, two pairs at the least",
        ),
        ("[workers]\nrtp_first_port = 80", "workers: RTP ports 80 to 32767: must lie in 1024 to 65535"),
        ('[workers]\ntls_key = "k"', "workers: a TLS certificate and its key belong together: name both"),
        (
            '[[trunks]]\nname = "a"\nhost = "::1"',
            "trunks.0: trunk '::1' is not host or host:port: an IPv6 address stands in brackets, [::1]",
        ),
        (
            '[[trunks]]\nname = "a"\nhost = "b"\ntransport = "sctp"',
            "trunks.0.transport: Input should be 'udp', 'tcp' or 'tls' (is 'sctp')",
        ),
        (
            '[[trunks]]\nname = "a"\nhost = "b"\nsrtp = "required"',
            "trunks.0: SRTP required needs transport tls: its keys are in the signalling",
        ),
        (
            '[[trunks]]\nname = "a"\nhost = "[2001:db8::1]:5061"',
            "settings: trunks: a: [2001:db8::1] cannot be reached from 127.0.0.1: bind an IPv6 address as ",
        ),
        (
            '[[trunks]]\nname = "a"\nhost = "gw.example"\nfamily = "ipv6"',
            "settings: trunks: a: gw.example cannot be reached from 127.0.0.1: bind an IPv6 address as well",
        ),
        (
            '[workers]\nbind = "::1"\n[[trunks]]\nname = "a"\nhost = "gw"\nproxy = "sip:192.0.2.1"',
            "settings: trunks: a: 192.0.2.1 cannot be reached from ::1: bind an IPv4 address as well",
        ),
    ],
)
def test_mistake_about_sip_is_one_line_that_names_the_key(file: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        loaded(file, text)
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith(f"{file}: {says}")
