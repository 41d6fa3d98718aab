"""Which trunk a number goes out through: the longest prefix decides, as in any dial plan.

Leaves out failover: a trunk that refuses a call has refused it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sip.errors import SipConfigError
from sip.trunk import Trunk

MOST_TRUNKS = 7
"""A trunk has an account of the stack: 8 in the prebuilt wheel, one of them the endpoint's own."""

_PREFIX_CHARACTERS = frozenset("+0123456789*#")


@dataclass(frozen=True)
class Route:
    """Numbers that begin with `prefix` go through `trunk`.

    Raises:
        SipConfigError: the prefix is empty or cannot begin a number.
    """

    prefix: str
    trunk: Trunk

    def __post_init__(self) -> None:
        if not self.prefix or not _PREFIX_CHARACTERS.issuperset(self.prefix) or "+" in self.prefix[1:]:
            raise SipConfigError(f"route prefix '{self.prefix}' is not the beginning of a number")


@dataclass(frozen=True)
class Routes:
    """Every trunk of an endpoint.

    Attributes:
        default: takes what no prefix matches, and every SIP URI.
        by_prefix: in any order.

    Raises:
        SipConfigError: a prefix is there twice, or there are more trunks than the stack carries.
    """

    default: Trunk = field(default_factory=Trunk)
    by_prefix: tuple[Route, ...] = ()

    def __post_init__(self) -> None:
        prefixes = [route.prefix for route in self.by_prefix]
        twice = {prefix for prefix in prefixes if prefixes.count(prefix) > 1}
        if twice:
            raise SipConfigError(f"route prefix {min(twice)} is there twice")
        if len(set(self)) > MOST_TRUNKS:
            raise SipConfigError(f"{len(set(self))} trunks are more than the {MOST_TRUNKS} of one endpoint")

    def __iter__(self) -> Iterator[Trunk]:
        """Every trunk, the default one first."""
        yield self.default
        for route in self.by_prefix:
            yield route.trunk

    def trunk_for(self, number_or_uri: str) -> Trunk:
        """The trunk a destination goes through; whether it can is the trunk's to say."""
        fitting = [route for route in self.by_prefix if number_or_uri.startswith(route.prefix)]
        return max(fitting, key=lambda route: len(route.prefix)).trunk if fitting else self.default
