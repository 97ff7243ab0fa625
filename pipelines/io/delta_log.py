"""What delta-rs does not say of a table, or not rightly, read from its log.

In: an open table. Out, at exactly the table version that the handle has read: the last version of every application id,
and what commits say of themselves. delta-rs answers for one id at a time and lists none; and its history counts
versions down from the handle's though it begins at the newest commit, so commits of others since then move all numbers.
The actions read here are those of the Delta protocol (https://github.com/delta-io/delta/blob/master/PROTOCOL.md,
"Transaction Identifiers", "Commit Provenance Information" and "Checkpoints").
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec
import pyarrow.parquet as pq
from deltalake import DeltaTable
from pyarrow import fs

from pipelines.io.parquet import locate
from schemas.errors import ContractViolation, InfrastructureError


class _Transaction(msgspec.Struct, rename="camel"):
    app_id: str
    version: int


class _Action(msgspec.Struct, rename="camel"):
    """One line of a commit; the other kinds of action are skipped."""

    txn: _Transaction | None = None
    commit_info: dict[str, Any] | None = None


class _LastCheckpoint(msgspec.Struct):
    version: int


_ACTION = msgspec.json.Decoder(_Action)


def transactions(table: DeltaTable) -> dict[str, int]:
    """Last version by application id. Raises InfrastructureError if the log moved away while it was read."""
    filesystem, root = _log(table)
    try:
        checkpoint = _checkpoint_version(filesystem, root, table.version())
        found = {} if checkpoint is None else _of_checkpoint(filesystem, root, checkpoint)
        for version in range(0 if checkpoint is None else checkpoint + 1, table.version() + 1):
            actions = _actions(filesystem, root, version)
            found |= {action.txn.app_id: action.txn.version for action in actions if action.txn is not None}
    except FileNotFoundError as error:
        raise InfrastructureError(f"{table.table_uri}: the log was cleaned while it was read: try again") from error
    return found


def commits(table: DeltaTable, after: int) -> dict[int, Mapping[str, Any]]:
    """What each commit after the table version `after` says of itself, by version; those that were cleaned are none."""
    filesystem, root = _log(table)
    found: dict[int, Mapping[str, Any]] = {}
    for version in range(max(0, after + 1), table.version() + 1):
        try:
            actions = _actions(filesystem, root, version)
        except FileNotFoundError:
            continue
        found[version] = next((action.commit_info for action in actions if action.commit_info is not None), {})
    return found


def _log(table: DeltaTable) -> tuple[fs.FileSystem, str]:
    filesystem, root = locate(table.table_uri)
    return filesystem, f"{root.rstrip('/')}/_delta_log"


def _checkpoint_version(filesystem: fs.FileSystem, root: str, at_most: int) -> int | None:
    """Version of the newest checkpoint that the handle has also read, or None: then every commit is still there."""
    hint = f"{root}/_last_checkpoint"
    if filesystem.get_file_info(hint).type == fs.FileType.NotFound:
        return None
    version = msgspec.json.decode(_read(filesystem, hint), type=_LastCheckpoint).version
    if version <= at_most:
        return version
    older = [found for found in _checkpoints(filesystem, root) if found <= at_most]
    return max(older, default=None)


def _checkpoints(filesystem: fs.FileSystem, root: str) -> dict[int, list[str]]:
    """Paths of each checkpoint's files by version. Of one in parts, some are no checkpoint: its writer has died."""
    found: dict[tuple[int, int], list[str]] = {}
    for entry in filesystem.get_file_info(fs.FileSelector(root)):
        name = PurePosixPath(entry.path).name
        if name.endswith(".parquet") and ".checkpoint." in name:
            version, _, *part_of, _ = name.split(".")
            parts = int(part_of[1]) if len(part_of) == 2 else 1
            found.setdefault((int(version), parts), []).append(entry.path)
    return {version: paths for (version, parts), paths in found.items() if len(paths) >= parts}


def _of_checkpoint(filesystem: fs.FileSystem, root: str, version: int) -> dict[str, int]:
    paths = _checkpoints(filesystem, root).get(version)
    if not paths:
        raise ContractViolation(f"{root}: checkpoint {version} is not a Parquet checkpoint: write a classic one")
    found: dict[str, int] = {}
    for path in paths:
        for row in pq.read_table(path, columns=["txn"], filesystem=filesystem).column("txn").drop_null().to_pylist():
            # A reader may give a struct of nulls for a null struct.
            if row["appId"] is not None:
                found[row["appId"]] = row["version"]
    return found


def _actions(filesystem: fs.FileSystem, root: str, version: int) -> list[_Action]:
    lines = _read(filesystem, f"{root}/{version:020d}.json").splitlines()
    return [_ACTION.decode(line) for line in lines if line]


def _read(filesystem: fs.FileSystem, path: str) -> bytes:
    with filesystem.open_input_stream(path) as stream:
        return bytes(stream.read())
