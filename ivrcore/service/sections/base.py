"""What the sections have in common: their base, and the kinds of values in them."""

import ipaddress
from decimal import Decimal
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

PortNumber: TypeAlias = Annotated[int, Field(ge=0, le=65535)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86400 * 366, allow_inf_nan=False)]
SecondsOrNever: TypeAlias = Annotated[float, Field(ge=0, le=86400 * 366, allow_inf_nan=False)]
Amount: TypeAlias = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6)]


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            ipaddress.ip_network(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a network (address/bits)") from None
    return values


OptionalPath: TypeAlias = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
Networks: TypeAlias = Annotated[tuple[str, ...], AfterValidator(_networks)]


class Section(BaseModel):
    """A section of the file: its settings cannot be changed, and a misspelt one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """`port = true` would be port 1."""
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool:
            raise ValueError("must not be true or false")
        return value
