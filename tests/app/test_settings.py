"""Settings: what the environment may say, and the sentence that a wrong one ends in."""

import base64
import hashlib
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings, StartRefused

HOME = {"HOME": "/srv/ada"}
KEY, OTHER = base64.b64encode(b"a" * 32).decode(), base64.urlsafe_b64encode(b"\xfb" * 32).decode()


def test_nothing_set() -> None:
    settings = Settings.from_env(HOME)
    assert settings.database_url is None
    assert settings.data_dir == Path("/srv/ada/.local/share/baton")
    assert (settings.host, settings.port, settings.public_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert (settings.secret_keys, settings.egress_allow, settings.workers_concurrency) == ((), (), 32)


def test_everything_set() -> None:
    settings = Settings.from_env(
        {
            "BATON_DATABASE_URL": "postgres://u:p%40@db:5433/baton?ssl=require",
            "BATON_DATA_DIR": "~/baton",
            "BATON_HOST": "::",
            "BATON_PORT": "80",
            "BATON_PUBLIC_URL": "https://baton.example.org/",
            "BATON_SECRET_KEYS": f"new:{KEY}, {OTHER}",
            "BATON_EGRESS_ALLOW": "10.0.0.0/8, ::1/128",
            "BATON_WORKERS_CONCURRENCY": "4",
            **HOME,
        }
    )
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql+asyncpg://u:p%40@db:5433/baton?ssl=require"
    assert settings.data_dir == Path("/srv/ada/baton")
    assert (settings.port, settings.public_url, settings.workers_concurrency) == (
        80,
        "https://baton.example.org",
        4,
    )
    assert [key.id for key in settings.secret_keys] == ["new", hashlib.sha256(b"\xfb" * 32).hexdigest()[:8]]
    assert [key.raw() for key in settings.secret_keys] == [b"a" * 32, b"\xfb" * 32]
    assert settings.egress_allow == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    for secret in (KEY, OTHER, "p%40"):
        assert secret not in repr(settings)
        assert secret not in settings.model_dump_json()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_every_usual_scheme_is_one_dialect(scheme: str) -> None:
    url = Settings.from_env({**HOME, "BATON_DATABASE_URL": f"{scheme}://h/d"}).database_url
    assert url is not None
    assert url.get_secret_value() == "postgresql+asyncpg://h/d"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("BATON_DATABSE_URL", "BATON_DATABASE_URL"),
        ("BATON_KEYS", "BATON_SECRET_KEYS"),
        ("BATON_PROT", "BATON_PORT"),
    ],
)
def test_an_unknown_name_stops_the_start_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(StartRefused, match=f"^{name} is not a setting; the nearest is {nearest}.$"):
        Settings.from_env({**HOME, name: "x"})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "eighty", "valid integer"),
        ("PORT", "70000", "less than or equal to 65535"),
        ("DATABASE_URL", "mysql://h/d", "must begin with postgresql://"),
        ("PUBLIC_URL", "baton.example.org", "must look like https://"),
        ("SECRET_KEYS", "short:" + base64.b64encode(b"a" * 16).decode(), "has 16 bytes instead of 32"),
        ("SECRET_KEYS", "k:not base64!", "not base64"),
        ("SECRET_KEYS", f"k:{KEY},k:{OTHER}", "same id"),
        ("EGRESS_ALLOW", "10.0.0.1/8", "has host bits set"),
        ("WORKERS_CONCURRENCY", "0", "greater than or equal to 1"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_without_being_repeated(
    name: str, value: str, says: str
) -> None:
    with pytest.raises(StartRefused) as caught:
        Settings.from_env({**HOME, f"BATON_{name}": value})
    assert f"BATON_{name}: " in str(caught.value)
    assert says in str(caught.value)
    if name == "SECRET_KEYS":
        assert value.partition(":")[2] not in str(caught.value)


def test_an_empty_value_is_unset_and_other_programs_variables_are_not_read() -> None:
    environ = {**HOME, "BATON_PORT": " ", "BATON_SECRET_KEYS": "", "PORT": "1"}
    assert Settings.from_env(environ) == Settings.from_env(HOME)


def test_the_data_folder_follows_the_desktop_rules() -> None:
    assert Settings.from_env({**HOME, "XDG_DATA_HOME": "/srv"}).data_dir == Path("/srv/baton")
    assert (
        Settings.from_env({**HOME, "XDG_DATA_HOME": "relative"}).data_dir == Settings.from_env(HOME).data_dir
    )
    with pytest.raises(StartRefused, match="BATON_DATA_DIR"):
        Settings.from_env({})


def test_an_ipv6_host_makes_a_valid_address() -> None:
    assert Settings.from_env({**HOME, "BATON_HOST": "::1"}).public_url == "http://[::1]:8000"


def test_settings_are_frozen_and_every_one_is_described() -> None:
    settings = Settings.from_env(HOME)
    with pytest.raises(ValidationError):
        settings.port = 1
    assert all(field.description for field in Settings.model_fields.values())
