"""Keys and secrets that are made here, shown once, and known by their hash.

A key is `<operator>.<40 letters and digits>`: 238 bits of chance, which nobody guesses, so its hash need not
be slow. An HMAC with a salt of its own keeps equal keys and ready-made tables apart.
"""

import hashlib
import hmac
import secrets
import string

KEY_LENGTH = 40
APP_KEY_LENGTH = 28
SECRET_LENGTH = 40

_ALPHABET = string.ascii_letters + string.digits
_METHOD = "hmac-sha256"
_SALT_BYTES = 16


def random_text(length: int) -> str:
    """Letters and digits by chance, for keys and secrets."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_key(name: str) -> str:
    """A key for an operator."""
    return f"{name}.{random_text(KEY_LENGTH)}"


def name_of(key: str) -> str:
    """The operator a key claims to be of; "" for what is no key."""
    return key.rpartition(".")[0]


def hashed(key: str) -> str:
    """What is stored of a key: `hmac-sha256$<salt>$<digest>`."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"{_METHOD}${salt.hex()}${_digest(salt, key)}"


def fits(key: str, key_hash: str) -> bool:
    """Whether a key is the one that was hashed; takes the same time wherever they differ."""
    method, _, rest = key_hash.partition("$")
    salt, _, digest = rest.partition("$")
    try:
        made = _digest(bytes.fromhex(salt), key)
    except ValueError:
        return False
    return hmac.compare_digest(f"{method}${digest}".encode(), f"{_METHOD}${made}".encode())


def _digest(salt: bytes, key: str) -> str:
    return hmac.new(salt, key.encode(errors="replace"), hashlib.sha256).hexdigest()


NOBODY = hashed(new_key("nobody"))
"""A hash to compare with where there is no such operator: an unknown name takes as long as a wrong key."""
