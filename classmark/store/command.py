"""`classmark store`: list what a store holds, put bundles into it, pin versions."""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from app.bundle.manifest import NAME_PATTERN
from app.errors import ClassmarkError
from classmark.store.pin import pin, unpin
from classmark.store.place import default_place, find_store, read_store
from classmark.store.push import push

BAD_USAGE = 2
ACTIONS = ("list", "push", "pin", "unpin")


def main() -> int:
    """Do what the command line says; return 0, 1 if something is wrong, 2 without a store."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] not in (*ACTIONS, "-h", "--help"):
        arguments.insert(0, "list")  # `classmark store FOLDER` lists
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except ClassmarkError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        return BAD_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="classmark store",
        description="List the models of a store, a folder or a bucket, and what is wrong with "
        "them; push bundles; pin versions.",
    )
    actions = parser.add_subparsers(required=True, metavar="{list,push,pin,unpin}")
    where: dict[str, Any] = {
        "default": default_place(),
        "help": "folder, or s3://, gs://, az:// (%(default)s)",
    }
    shown = actions.add_parser("list", help="versions, which is wanted, what is wrong (default)")
    shown.add_argument("store", nargs="?", **where)
    shown.add_argument("--checksums", action="store_true", help="read all files: takes longer")
    shown.set_defaults(run=_list)
    pushed = actions.add_parser("push", help="put a bundle into a store")
    pushed.add_argument("bundle", type=Path, help="its folder, <store>/<name>/<version>")
    pushed.add_argument("store", nargs="?", **where)
    pushed.set_defaults(run=_push)
    pinned = actions.add_parser("pin", help="let services load this version, not the newest")
    pinned.add_argument("name", type=_name)
    pinned.add_argument("version", type=int)
    pinned.set_defaults(run=_pin)
    freed = actions.add_parser("unpin", help="let services load the newest version again")
    freed.add_argument("name", type=_name)
    freed.set_defaults(run=_unpin)
    for one in (pinned, freed):
        one.add_argument("--channel", type=_name, help="only services of this channel")
        one.add_argument("--store", **where)
    return parser


def _name(text: str) -> str:
    if not re.match(NAME_PATTERN, text):
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is no name: a-z, 0-9, _ and - alone")
    return text


def _list(options: argparse.Namespace) -> int:
    entries = read_store(options.store, checksums=options.checksums)
    width = max((len(entry.name) for entry in entries), default=0)
    place = max((len(entry.place) for entry in entries), default=0)
    for entry in entries:
        sys.stdout.write(f"{entry.name:<{width}}  {entry.place:<{place}}  {entry.text}\n")
    return 1 if any(entry.fault for entry in entries) else 0


def _push(options: argparse.Namespace) -> int:
    bundle: Path = options.bundle.resolve()
    new = push(bundle, find_store(options.store))
    done = "is in" if new else "was already in"
    sys.stdout.write(f"{bundle.parent.name}/{bundle.name} {done} {options.store}\n")
    return 0


def _pin(options: argparse.Namespace) -> int:
    before = pin(find_store(options.store), options.name, options.version, options.channel)
    sys.stdout.write(
        f"{options.name} is pinned to {options.version}{_for(options)} in {options.store}, it was "
        f"{before}\n"
    )
    return 0


def _unpin(options: argparse.Namespace) -> int:
    unpin(find_store(options.store), options.name, options.channel)
    follows = "what all follow" if options.channel else "its newest version"
    sys.stdout.write(f"{options.name} follows {follows}{_for(options)} in {options.store}\n")
    return 0


def _for(options: argparse.Namespace) -> str:
    return f" for channel {options.channel}" if options.channel else ""


if __name__ == "__main__":
    sys.exit(main())
