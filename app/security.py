"""Checks API keys: who may predict, who may administer.

The file holds a line for each key: name, scopes joined by commas, SHA-256 of the key. Keys are
256 random bits, so a plain hash is as good as a slow one and costs nothing on the hot path.
`classmark keys NAME --scope predict --scope admin` makes one.
"""

import argparse
import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from app.errors import ForeignOrigin, NotAuthenticated, NotAuthorized

Scope = Literal["predict", "admin"]
SCOPES: tuple[Scope, ...] = ("predict", "admin")
_LINE = re.compile(r"(\S+)\s+(\S+)\s+([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    name: str
    scopes: frozenset[str]
    sha256: str


@dataclass(frozen=True, slots=True)
class Authorizer:
    """Decides whether a request may pass: by key where there are keys, else by `anonymous`.

    Attributes:
        origins: whose web pages may read predictions; * for all.
    """

    keys: tuple[ApiKey, ...]
    anonymous: frozenset[str]
    loopback_only: bool = False
    origins: tuple[str, ...] = ()

    def check(self, authorization: str | None, *scopes: Scope) -> str:
        """Return the name of the header's key; nothing for a caller who needs none and has none.

        Raises:
            NotAuthenticated, NotAuthorized: the key has none of the scopes.
        """
        key = self._find(authorization) if authorization and self.keys else None
        if not self.anonymous.isdisjoint(scopes):
            return key.name if key else ""
        needed = " or ".join(map(repr, scopes))
        if not authorization:
            raise NotAuthenticated(
                f"this call needs an API key with the scope {needed}; send it as "
                "'Authorization: Bearer KEY'"
            )
        if key is None:
            raise NotAuthenticated("the API key is not known; ask the operator for a valid one")
        if key.scopes.isdisjoint(scopes):
            raise NotAuthorized(
                f"the key {key.name!r} has the scopes {', '.join(sorted(key.scopes))}; this call "
                f"needs {needed}",
                key.name,
            )
        return key.name

    def check_host(self, host: str) -> None:
        """Raise ForeignOrigin for a domain's name, where only this machine may ask.

        A web page whose domain was made to point to this machine sends that name (DNS rebinding).
        """
        if self.loopback_only and _is_domain(host):
            raise ForeignOrigin(
                f"the Host header says {host[:80]!r}, and without API keys this service answers "
                "on this machine's own names alone; ask 127.0.0.1 or localhost, or set "
                "CLASSMARK_API_KEYS_FILE or CLASSMARK_ALLOW_ANONYMOUS=true"
            )

    def readable_from(self, origin: str) -> str | None:
        """Return what a browser must be told for a page of this origin to read the answer."""
        if "*" in self.origins:
            return "*"
        return origin if origin in self.origins else None

    def _find(self, authorization: str) -> ApiKey | None:
        kind, _, value = authorization.partition(" ")
        if kind.lower() == "basic":  # clients that know no other kind send the key as a password
            kind, value = "bearer", _password(value)
        digest = hashlib.sha256(value.strip().encode("utf-8", "surrogateescape")).hexdigest()
        # Every key is compared, in constant time, so timing tells nothing about any of them.
        found = [key for key in self.keys if hmac.compare_digest(key.sha256, digest)]
        return found[0] if found and kind.lower() == "bearer" else None


def make_authorizer(
    keys_file: Path | None, *, on_loopback: bool, allow_anonymous: bool, origins: Sequence[str] = ()
) -> Authorizer:
    """Read the keys; without any, loopback may do everything, others may only predict."""
    allowed = tuple(origins)
    if keys_file is not None:
        anonymous = frozenset(["predict"] if allow_anonymous else [])
        return Authorizer(read_keys(keys_file), anonymous, origins=allowed)
    anonymous = frozenset(SCOPES if on_loopback else ["predict"])
    return Authorizer((), anonymous, on_loopback and not allow_anonymous, allowed)


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:  # no base64, or no UTF-8: no key either
        return ""


def check_origin(origin: str, host: str, fetch_site: str) -> None:
    """Raise ForeignOrigin for a call that a web page of another origin makes a browser send.

    Args:
        origin, host, fetch_site: the headers Origin, Host and Sec-Fetch-Site; empty if missing.
    """
    foreign = origin and urlsplit(origin).netloc.lower() != host.lower()
    if foreign or fetch_site in ("cross-site", "same-site"):
        raise ForeignOrigin(
            f"a page of {origin[:80] or 'another site'!r} may not administer this service; send "
            "the request from the service's own page, or without a browser"
        )


@lru_cache(maxsize=64)  # clients name the same few
def _is_domain(host: str) -> bool:
    """Tell whether a Host is a name of the public kind, which its owner may point anywhere."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return "." in name and not name.lower().endswith(".localhost")
    return False


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """Read a keys file; raise ValueError naming file and line."""
    keys = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        scopes = frozenset(match[2].split(",")) if match else frozenset()
        if match is None or not scopes <= set(SCOPES):
            raise ValueError(
                f"{path}:{number}: expected 'name scope[,scope] sha256' with the scopes "
                f"{' and '.join(SCOPES)}; make the line with `classmark keys NAME`"
            )
        keys.append(ApiKey(match[1], scopes, match[3]))
    if not keys:
        raise ValueError(f"{path} holds no key; make one with `classmark keys NAME`")
    return tuple(keys)


def main() -> None:
    """Print a new key for its user, and the line for the operator's file."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("name", type=_key_name)
    parser.add_argument("--scope", action="append", choices=SCOPES, help="default: predict")
    options = parser.parse_args()
    key = secrets.token_urlsafe(32)
    digest = hashlib.sha256(key.encode()).hexdigest()
    scopes = ",".join(sorted(set(options.scope or ["predict"])))
    sys.stderr.write(f"the key, shown once, for {options.name}: {key}\n")
    sys.stdout.write(f"{options.name} {scopes} {digest}\n")


def _key_name(value: str) -> str:
    if not re.fullmatch(r"[\w.@-]+", value):
        raise argparse.ArgumentTypeError(f"{value!r} must be letters, digits and ._@- only")
    return value


if __name__ == "__main__":
    sys.argv[0] = "python -m app.security"  # as its usage calls it
    main()
