"""The settings: defaults, the file, the environment, and what a mistake says."""

import dataclasses
import os
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel

from ivrcore.service.api.settings import ApiSettings, CreatedZone
from ivrcore.service.sections import (
    BarredPolicy,
    NotifyMode,
    NumberPolicy,
    PushSignature,
    Section,
    TrunkSettings,
)
from ivrcore.service.settings import ENVIRONMENT, ServiceSettings, SettingsError, load, section_of

TRUNK = '[[trunks]]\nname="{}"\nhost="b.example"\n'
SECRET = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(ENVIRONMENT)]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ivrcore.toml"


def loaded(file: Path, text: str) -> ServiceSettings:
    file.write_text(text, encoding="utf-8")
    return load(file)


def refused(file: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        loaded(file, text)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{file}: ")
    return message.removeprefix(f"{file}: ")


def test_defaults_are_those_of_the_documentation() -> None:
    """The FAQ's figures, and the proposals D1 to D35 where a setting stands for one."""
    settings = load(None)
    assert settings.calls.ring_timeout_s == 60
    assert settings.calls.numbers is NumberPolicy.CHINA
    assert settings.calls.barred is BarredPolicy.FAIL
    assert settings.calls.collect_info_on_replay
    assert not settings.calls.frequency.enabled
    assert (settings.calls.frequency.per_day, settings.calls.frequency.per_30_days) == (3, 10)
    assert settings.notify.mode is NotifyMode.STRICT
    assert settings.notify.signature is PushSignature.CURRENT
    assert (settings.notify.connect_timeout_s, settings.notify.total_timeout_s) == (5, 10)
    assert (settings.notify.batch, settings.notify.cdr_repeats, settings.notify.cdr_interval_s) == (
        50,
        6,
        3600,
    )
    assert settings.billing.callback_minute == Decimal("0.18")
    assert settings.billing.number_month == 30
    assert (settings.retention.recordings_days, settings.retention.details_months) == (7, 2)
    assert settings.recording.link_lifetime_s == 1800
    assert settings.http.max_body_bytes == 65536


def test_nothing_outside_loopback_is_opened_by_default() -> None:
    settings = load(None)
    assert settings.http.bind == settings.workers.bind == "127.0.0.1"
    assert not settings.notify.allow_private
    assert not settings.calls.lab


def test_empty_file_gives_the_defaults(file: Path) -> None:
    assert loaded(file, "").http == load(None).http


def test_file_sets_what_it_names_and_leaves_the_rest(file: Path) -> None:
    settings = loaded(
        file, '[http]\nport = 80\n[calls]\nnumbers = "e164"\n[calls.frequency]\nenabled = true\n'
    )
    assert (settings.http.port, settings.http.tls_port) == (80, 8443)
    assert settings.calls.numbers is NumberPolicy.E164
    assert settings.calls.frequency.enabled
    assert settings.calls.frequency.per_day == 3


def test_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVRCORE_HTTP__PORT", "81")
    monkeypatch.setenv("IVRCORE_CALLS__FREQUENCY__PER_DAY", "5")
    monkeypatch.setenv("IVRCORE_WORKERS__CODECS", '["PCMU"]')
    settings = loaded(file, '[http]\nport = 80\nbind = "192.0.2.1"\n[calls.frequency]\nenabled = true\n')
    assert (settings.http.port, settings.http.bind) == (81, "192.0.2.1")
    assert (settings.calls.frequency.enabled, settings.calls.frequency.per_day) == (True, 5)
    assert settings.workers.codecs == ("PCMU",)


def test_environment_works_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVRCORE_DATA_DIR", "/srv/ivr")
    assert load(None).data_dir == Path("/srv/ivr")


def test_foreign_variables_of_the_prefix_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ivrcore call` has one of its own."""
    monkeypatch.setenv("IVRCORE_TRUNK_PASSWORD", SECRET)
    assert load(None).trunks == ()


def test_price_is_exact_however_it_is_written(file: Path) -> None:
    settings = loaded(file, '[billing]\ncallback_minute = 0.18\nnotification_minute = "0.10"\n')
    assert str(settings.billing.callback_minute) == "0.18"
    assert str(settings.billing.notification_minute) == "0.10"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[http]\nport = 70000", "http.port: Input should be less than or equal to 65535 (is 70000)"),
        ("[http]\nport = true", "http.port: must not be true or false (is True)"),
        ('[http]\nport = "x"', "http.port: "),
        ("[http]\nprot = 1", "http.prot: no such setting, perhaps port is meant"),
        ("[htpp]\nport = 1", "htpp: no such setting, perhaps http is meant"),
        ("port = 1", "port: no such setting"),
        ("http = 1", "http: "),
        ("[http", "not TOML: "),
        ("[http]\nport = 1\nport = 2", "not TOML: "),
        ("[http]\nplain = false", "http: plain is off and no certificate is set"),
        ('[http]\ncertificate = "c"', "http: certificate and key must be set together"),
        ('[recording]\nbase_url = "ftp://x"', "recording.base_url: "),
        ('[calls]\nnumbers = "mars"', "calls.numbers: Input should be 'china', 'e164' or 'any' (is 'mars')"),
        ('[calls]\nringback_country = "QQ"', "calls: ringback_country: country is 'QQ'"),
        ("[calls]\nring_timeout_s = 0", "calls.ring_timeout_s: "),
        ("[calls]\nclock_scale = nan", "calls.clock_scale: "),
        (
            "[calls.frequency]\nper_dy = 1",
            "calls.frequency.per_dy: no such setting, perhaps per_day",
        ),
        ("[workers]\ncount = 0", "workers.count: "),
        ('[workers]\ncodecs = ["G729"]', "workers: unknown codec 'G729'"),
        ("[workers]\njitter_buffer_ms = 30", "workers.jitter_buffer_ms: "),
        ("[workers]\nsip_port = 65530\ncount = 10", "workers: sip_port 65530 leaves no ports for 10 workers"),
        ("[workers]\nbackoff_min_s = 100", "workers: backoff_max_s is shorter than backoff_min_s"),
        ("[notify]\ntotal_timeout_s = inf", "notify.total_timeout_s: "),
        ("[notify]\nbatch = 51", "notify.batch: "),
        ('[billing]\ncurrency = "yuan"', "billing.currency: "),
        ("[billing]\nnumber_month = -1", "billing.number_month: "),
        ("[retention]\nrecordings_days = 0", "retention.recordings_days: "),
        ('[ops]\nmetrics_from = ["here"]', "ops.metrics_from: 'here' is not a network (address/bits)"),
        ('[ops]\nlog_level = "loud"', "ops.log_level: "),
        ('[api]\ntrusted_proxies = ["10.0.0.1/8"]', "api.trusted_proxies: '10.0.0.1/8' is not a network"),
        ('[[trunks]]\nname = "a"', "trunks.0.host: Field required"),
        ('[[trunks]]\nname = "a"\nhost = "b b"', "trunks.0: trunk 'b b' is not host or host:port"),
        (
            '[[trunks]]\nname = "a"\nhost = "b"\nprefix = 1',
            "trunks.0.prefix: no such setting, perhaps prefixes",
        ),
        (
            '[[trunks]]\nname="a"\nhost="b"\n[[trunks]]\nname="a"\nhost="c"',
            "settings: trunks: two have the same name",
        ),
        (
            '[[trunks]]\nname="a"\nhost="b"\n[[trunks]]\nname="c"\nhost="d"',
            "settings: trunks: more than one has no",
        ),
        (
            '[[trunks]]\nname="a"\nhost="b"\nprefixes=["x"]',
            "settings: trunks: route prefix 'x' is not the beginning",
        ),
    ],
)
def test_mistake_is_one_line_that_names_the_key(file: Path, text: str, message: str) -> None:
    assert refused(file, text).startswith(message)


def test_file_that_is_missing_is_named(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"ivrcore\.toml: No such file"):
        load(file)


def test_file_that_is_no_text_is_named(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not TOML"):
        load(file)


def test_mistake_in_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVRCORE_HTTP__PORT", "70000")
    with pytest.raises(SettingsError, match=r"^environment IVRCORE_HTTP__PORT: http\.port: "):
        load(None)


def test_misspelt_variable_of_a_section_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVRCORE_HTTP__PROT", "80")
    with pytest.raises(SettingsError, match=r"http\.prot: no such setting, perhaps port"):
        load(None)


def test_list_in_the_environment_must_be_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVRCORE_WORKERS__CODECS", "PCMA,PCMU")
    with pytest.raises(SettingsError, match=r"environment: workers: .* must be given as JSON"):
        load(None)


SECRET_FILE = f"""
[store]
url = "postgresql://ivr:{SECRET}@db/ivr"
[recording]
link_secret = "{SECRET}"
[[trunks]]
name = "a"
host = "b"
user = "u"
password = "{SECRET}"
"""


def test_secrets_are_in_no_repr(file: Path) -> None:
    settings = loaded(file, SECRET_FILE)
    assert SECRET not in repr(settings) + str(settings) + repr(settings.routes())
    assert SECRET not in repr(settings.api_settings())
    assert settings.api_settings().record_key == SECRET
    assert settings.routes().default.password == SECRET


@pytest.mark.parametrize(
    "text",
    [
        f'[store]\nurl = "mysql://u:{SECRET}@h/d"',
        f'[recording]\nlink_secret = ["{SECRET}"]',
        f'[[trunks]]\nname = "a"\nhost = "b"\npassword = "{SECRET}"',
        f'[[trunks]]\nname = "a"\nhost = "b"\npassword = {{ x = "{SECRET}" }}',
    ],
)
def test_secrets_are_in_no_mistake(file: Path, text: str) -> None:
    assert SECRET not in refused(file, text)


def test_paths_are_relative_to_the_file(file: Path) -> None:
    settings = loaded(file, '[http]\ncertificate = "c.pem"\nkey = "/k.pem"\n[recording]\ndirectory = "rec"\n')
    directory = file.parent
    assert settings.data_dir == directory / "ivrcore-data"
    assert (settings.http.certificate, settings.http.key) == (directory / "c.pem", Path("/k.pem"))
    assert settings.recordings_dir == directory / "rec"
    assert settings.database_url == f"sqlite:///{directory}/ivrcore-data/ivrcore.db"


def test_empty_path_is_none(file: Path) -> None:
    """What `ivrcore init` writes in its commented lines."""
    settings = loaded(file, '[http]\ncertificate = ""\nkey = ""\n[notify]\nca_file = ""\n')
    assert (settings.http.certificate, settings.http.key, settings.notify.ca_file) == (None, None, None)


def test_directories_are_below_the_data(file: Path) -> None:
    settings = loaded(file, 'data_dir = "/d"')
    found = (
        settings.run_dir,
        settings.recordings_dir,
        settings.captures_dir,
        settings.cache_dir,
        settings.cdr_spool_dir,
    )
    assert [str(path) for path in found] == [
        "/d/run",
        "/d/recordings",
        "/d/captures",
        "/d/cache",
        "/d/cdr-spool",
    ]


def test_store_of_the_file_goes_before_the_embedded_one(file: Path) -> None:
    assert loaded(file, '[store]\nurl = "postgresql://h/d"').database_url == "postgresql://h/d"


TRUNKS = """
[workers]
codecs = ["PCMU"]
[[trunks]]
name = "abroad"
host = "abroad.example"
prefixes = ["+1", "+44"]
[[trunks]]
name = "home"
host = "home.example"
user = "u"
password = "p"
[[trunks]]
name = "new york"
host = "ny.example:5070"
prefixes = ["+1212"]
"""


@pytest.mark.parametrize(
    ("number", "host"),
    [
        ("+12025550100", "abroad.example"),
        ("+442079460000", "abroad.example"),
        ("+12125550100", "ny.example:5070"),
        ("+8613500000002", "home.example"),
        ("6001", "home.example"),
    ],
)
def test_longest_prefix_decides_the_trunk(file: Path, number: str, host: str) -> None:
    trunk = loaded(file, TRUNKS).routes().trunk_for(number)
    assert trunk.host == host
    assert trunk.codecs == ("PCMU",)


def test_without_trunks_only_uris_can_be_dialled() -> None:
    routes = load(None).routes()
    assert (routes.default.host, routes.by_prefix) == ("", ())


API_SETTINGS = [field.name for field in dataclasses.fields(ApiSettings)]


def test_defaults_of_the_api_are_its_own() -> None:
    """The file's [api] must not drift from what the API itself thinks the defaults are."""
    mine, its = load(None).api_settings(), ApiSettings()
    differing = {
        name for name in ApiSettings.__dataclass_fields__ if getattr(mine, name) != getattr(its, name)
    }
    assert differing == {"record_domain"}


def test_every_setting_of_the_api_can_be_set(file: Path) -> None:
    text = """
[http]
max_body_bytes = 2048
max_upload_bytes = 4096
upload_timeout_s = 3
max_headers = 20
max_header_bytes = 2000
read_timeout_s = 1
idle_timeout_s = 2
[calls]
lab = true
[recording]
domain = "r.example"
base_url = "https://r.example"
link_lifetime_s = 60
link_secret = "k"
[api]
created_zone = "utc+8"
clock_window_s = 60
check_nonce = false
block_failures = 2
block_window_s = 3
block_for_s = 4
trusted_proxies = ["10.0.0.0/8"]
lenient = false
tts_content = true
keep_alive = true
old_logins = true
token_life_s = 100
idempotency_wait_s = 3
"""
    changed, its = loaded(file, text).api_settings(), ApiSettings()
    assert changed.created_zone is CreatedZone.UTC_PLUS_8
    assert {name for name in API_SETTINGS if getattr(changed, name) == getattr(its, name)} == set()


def every_section(model: type[BaseModel] = ServiceSettings) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        inner = section_of(field)
        if inner is not None:
            yield from every_section(inner)


@pytest.mark.parametrize("section", list(every_section()), ids=lambda section: section.__name__)
def test_every_setting_says_what_it_does(section: type[BaseModel]) -> None:
    assert section.__doc__
    for name, field in section.model_fields.items():
        if section_of(field) is None:
            assert field.description, name
            assert field.description.endswith("."), name


def test_settings_cannot_be_changed() -> None:
    settings = load(None)
    with pytest.raises(ValueError, match="frozen"):
        settings.http.port = 1
    with pytest.raises(ValueError, match="frozen"):
        settings.data_dir = Path("x")


def test_every_section_refuses_what_it_does_not_know() -> None:
    sections = [section for section in every_section() if issubclass(section, Section)]
    assert TrunkSettings in sections
    assert len(sections) >= 12
    assert all(section.model_config["extra"] == "forbid" for section in sections)


def test_toml_reader_is_the_standard_one(file: Path) -> None:
    assert loaded(file, 'data_dir = "\\u0064"').data_dir.name == tomllib.loads('x = "d"')["x"]
