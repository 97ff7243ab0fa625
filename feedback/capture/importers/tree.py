"""Conversations as trees of messages: from what was said after what, to answers and their threads.

In: nodes that name their parent, in any order, some perhaps in circles. Out: answers, parents before children, each
with the thread that led to it. Siblings have the same `request_hash`, by which extract knows a regeneration. Hashes
grow along the tree, so a conversation costs one hash per message however long it is.

An answer is what the assistant said between two messages of the person: calls of tools and what came back are between
its parts and not in the thread, else no two attempts would answer the same request.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from feedwheel_capture.identity import Identity
from feedwheel_capture.thread import Said, Thread
from feedwheel_capture.vocabulary import Role

Call = tuple[str, str]
"""A tool, and what it was given."""


@dataclass(frozen=True, slots=True)
class Node:
    """One message. `text` is None where nothing was said to anybody, '' where what was said has no words: a picture.

    `calls` are the tools an assistant turned to, each with what it was given.
    """

    id: str
    parent: str | None
    role: Role
    text: str | None
    time: datetime | None = None
    calls: tuple[Call, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_said(self) -> bool:
        """Whether it is part of the conversation: a person's picture is, an answer needs words."""
        return self.role != "tool" and bool(self.text or (self.role == "user" and self.text is not None))


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: the node that ends it, and the earlier nodes that are part of it."""

    node: Node
    parts: tuple[str, ...]
    thread: Thread
    text: str
    time: datetime | None
    calls: tuple[Call, ...]
    parent_response_id: str | None


@dataclass(frozen=True, slots=True)
class _Path:
    """What leads to a node: the hash up to the last whole answer, what was said since, the answer begun or `done`."""

    prefix_hash: str = ""
    turn: int = 0
    new: tuple[Said, ...] = ()
    begun: tuple[Node, ...] = ()
    calls: tuple[Call, ...] = ()
    time: datetime | None = None
    answer_id: str | None = None
    done: Answered | None = None


def answers(nodes: Sequence[Node], identity: Identity, started: datetime | None) -> Iterator[Answered]:
    """Every answer that can be reached from a root. A message without a time has that of the one before it."""
    children = _children(nodes)
    waiting = [(node, _Path(time=started)) for node in reversed(children[None])]
    while waiting:
        node, before = waiting.pop()
        path = _step(before, node)
        if node.role == "assistant" and node.is_said and _ends_answer(node, children):
            done = _answered(path, identity)
            yield done
            path = replace(path, done=done)
        waiting += [(child, path) for child in reversed(children.get(node.id, ()))]


def unreachable(nodes: Sequence[Node]) -> int:
    """How many nodes lie below no root, because some node is its own ancestor."""
    children = _children(nodes)
    waiting, reached = list(children[None]), 0
    while waiting:
        reached += 1
        waiting += children.get(waiting.pop().id, ())
    return sum(map(len, children.values())) - reached


def _children(nodes: Sequence[Node]) -> dict[str | None, list[Node]]:
    """Nodes by their parent, roots under None; of several with one id the first."""
    known = dict[str, Node]()
    for node in nodes:
        known.setdefault(node.id, node)
    children: dict[str | None, list[Node]] = {None: []}
    for node in known.values():
        children.setdefault(node.parent if node.parent in known else None, []).append(node)
    return children


def _step(path: _Path, node: Node) -> _Path:
    """The path to a node, from the path to its parent."""
    time = node.time or path.time
    if node.role == "assistant":
        calls = (*path.calls, *node.calls)
        if not node.is_said:
            return replace(path, calls=calls, time=time)
        return replace(path, begun=(*path.begun, node), calls=calls, time=time, done=None)
    if not node.is_said:
        return replace(path, time=time)
    said = (node.role, node.text or "")
    if path.done is None:
        return replace(path, new=(*path.new, said), time=time)
    done = path.done
    return _Path(done.thread.thread_hash, path.turn + 1, (said,), time=time, answer_id=done.node.id)


def _ends_answer(node: Node, children: Mapping[str | None, Sequence[Node]]) -> bool:
    """Whether the person speaks next, or nobody: only silent nodes lie between."""
    waiting, goes_on = list(children.get(node.id, ())), False
    while waiting:
        child = waiting.pop()
        if not child.is_said:
            waiting += children.get(child.id, ())
        elif child.role == "assistant":
            goes_on = True
        else:
            return True
    return not goes_on


def _answered(path: _Path, identity: Identity) -> Answered:
    *earlier, last = path.begun
    text = "\n\n".join(node.text or "" for node in path.begun)
    return Answered(
        node=last,
        parts=tuple(node.id for node in earlier),
        thread=Thread.after(path.prefix_hash, path.turn, path.new, text, identity),
        text=text,
        time=path.time,
        calls=path.calls,
        parent_response_id=path.answer_id,
    )
