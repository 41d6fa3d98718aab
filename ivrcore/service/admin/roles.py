"""Who may do what: one table, which the API asks before anything else.

An operator of the platform acts on every account. One that is bound to an account sees this account alone,
and what decides about the platform is not theirs, whatever their role: accounts, issue of numbers, limits,
operators. A bound owner cannot approve what the account itself handed in; a bound reviewer can, because
somebody of the platform made them one.
"""

from collections.abc import Mapping
from enum import Enum

from ivrcore.service.model import Operator, Role


class Action(Enum):
    """What can be asked of the admin API; the value is the word in an error."""

    READ = "read"
    SEARCH_CALLS = "search calls"
    READ_AUDIT = "read the audit log"
    CHANGE_ACCOUNTS = "change accounts"
    CHANGE_APPS = "change applications"
    CHANGE_LIMITS = "change limits"
    ISSUE_NUMBERS = "issue numbers"
    CHANGE_NUMBERS = "change numbers"
    CHANGE_CONTENT = "change voice files and templates"
    REVIEW = "review"
    CHANGE_OPERATORS = "change operators"


_OF_PLATFORM: Mapping[Role, frozenset[Action]] = {
    Role.OWNER: frozenset(Action),
    Role.OPERATOR: frozenset(
        {
            Action.READ,
            Action.SEARCH_CALLS,
            Action.READ_AUDIT,
            Action.CHANGE_APPS,
            Action.CHANGE_LIMITS,
            Action.ISSUE_NUMBERS,
            Action.CHANGE_NUMBERS,
            Action.CHANGE_CONTENT,
        }
    ),
    Role.REVIEWER: frozenset({Action.READ, Action.REVIEW}),
    Role.READER: frozenset({Action.READ, Action.SEARCH_CALLS, Action.READ_AUDIT}),
}

_OF_ACCOUNT: Mapping[Role, frozenset[Action]] = {
    Role.OWNER: frozenset(
        {
            Action.READ,
            Action.SEARCH_CALLS,
            Action.READ_AUDIT,
            Action.CHANGE_APPS,
            Action.CHANGE_NUMBERS,
            Action.CHANGE_CONTENT,
        }
    ),
    Role.OPERATOR: frozenset(
        {Action.READ, Action.SEARCH_CALLS, Action.CHANGE_NUMBERS, Action.CHANGE_CONTENT}
    ),
    Role.REVIEWER: frozenset({Action.READ, Action.REVIEW}),
    Role.READER: frozenset({Action.READ, Action.SEARCH_CALLS, Action.READ_AUDIT}),
}


def may(operator: Operator, action: Action) -> bool:
    """Whether the operator's role allows the action, on an account they see."""
    table = _OF_PLATFORM if operator.account_id is None else _OF_ACCOUNT
    return action in table[operator.role]


def sees(operator: Operator, account_id: int) -> bool:
    """Whether the account exists for the operator."""
    return operator.account_id in (None, account_id)
