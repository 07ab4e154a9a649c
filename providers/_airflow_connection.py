"""Address and credentials of one Airflow."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from providers._base import Connection
from providers._shape import expiry

# What people copy from the browser or from an API example, beyond the address itself.
_PASTED = re.compile(r"/(api/v[12]|home|dags|docs|login)?/*$")


class AirflowConnection(Connection):
    """Either a user with a password, or a token. Airflow 3 trades the password for a token, Airflow 2 takes it as it is."""

    base_url: str = Field(
        title="Address",
        description="The address of the Airflow web page, with its path if it has one: https://airflow.example.com or http://localhost:8080. Without /api/v2.",
    )
    username: str | None = Field(
        default=None,
        title="User name",
        description="A user who may trigger DAGs (role User, Op or Admin). Leave it empty if you have a token.",
    )
    password: SecretStr | None = Field(
        default=None,
        title="Password",
        description="That user's password. Airflow 2 must have basic_auth among its [api] auth_backends.",
    )
    token: SecretStr | None = Field(
        default=None,
        title="Token",
        description="A bearer token instead of user and password: from your hosting provider (Composer, MWAA, Astronomer), or from POST /auth/token.",
    )
    api_version: Literal["v1", "v2"] | None = Field(
        default=None,
        title="API version",
        description="v2 for Airflow 3, v1 for Airflow 2. Leave it empty to find out.",
    )

    @field_validator("username", "password", "token", "api_version", mode="before")
    @classmethod
    def _empty_is_absent(cls, value: Any) -> Any:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        value = value.strip()
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must begin with http:// or https:// and name a host")
        if "@" in parts.netloc:
            raise ValueError("must not hold a user or password: they have fields of their own")
        if parts.query or parts.fragment:
            raise ValueError("must end before ? and #")
        return f"{parts.scheme}://{parts.netloc}{_PASTED.sub('', parts.path)}"

    @model_validator(mode="after")
    def _one_way_in(self) -> AirflowConnection:
        if self.token is not None and (self.username is not None or self.password is not None):
            raise ValueError("give either a token, or a user name and a password")
        if self.token is None and (self.username is None or self.password is None):
            raise ValueError("a user name and a password are needed, or a token")
        return self

    def expires(self) -> datetime | None:
        """Of a token; a password is traded for a new one in time."""
        return None if self.token is None else expiry(self.token.get_secret_value())
