"""The commented TOML file of `ivrcore init`, made from the settings themselves.

Every setting stands there with its description and its default, so that loading the file gives the defaults.
One that is not set is commented out, and so is an example of what there is a list of.
"""

import json
import textwrap
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from ivrcore.service.settings import ENVIRONMENT, ServiceSettings, section_of

WIDTH = 100

HEADER = (
    "The service's settings. Paths are relative to this file; a setting can be given in the environment as "
    f"well, {ENVIRONMENT}HTTP__PORT for port of [http], and that wins. The values are the defaults."
)


def commented_toml(values: Mapping[str, object] | None = None) -> str:
    """The file's text.

    Args:
        values: by full key (`recording.link_secret`), what is to stand there instead of the default.
    """
    lines = [*_comment(HEADER), "", *_section(ServiceSettings, "", values or {})]
    return "\n".join(lines) + "\n"


def _section(model: type[BaseModel], path: str, values: Mapping[str, object]) -> Iterator[str]:
    inner = {name: section for name, field in model.model_fields.items() if (section := section_of(field))}
    for name, field in model.model_fields.items():
        if name not in inner:
            yield from _setting(name, field, values.get(_join(path, name)))
    for name, section in inner.items():
        key = _join(path, name)
        yield from _comment((section.__doc__ or "").strip().replace("`", ""))
        is_list = model.model_fields[name].annotation is not section
        if not is_list:
            yield f"[{key}]"
            yield from _section(section, key, values)
        else:
            example = [f"[[{key}]]", *_section(section, key, values)]
            yield from (f"# {line}".rstrip() for line in example)
            yield ""


def _setting(name: str, field: FieldInfo, value: object) -> Iterator[str]:
    yield from _comment(field.description or "")
    default = field.examples[0] if field.is_required() and field.examples else field.default
    chosen = default if value is None else value
    yield f'# {name} = ""' if chosen is None else f"{name} = {toml_value(chosen)}"
    yield ""


def toml_value(value: object) -> str:
    """A value as TOML writes it.

    Raises:
        TypeError: TOML has no such value.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case Enum():
            return toml_value(value.value)
        case SecretStr():
            return toml_value(value.get_secret_value())
        case str() | Path() | Decimal():
            # A TOML basic string is a JSON string, but for DEL, which JSON leaves as it is.
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")
        case tuple() | list():
            return "[" + ", ".join(toml_value(item) for item in value) + "]"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _comment(text: str) -> list[str]:
    paragraphs = " ".join(text.split())
    return textwrap.wrap(
        paragraphs,
        WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
