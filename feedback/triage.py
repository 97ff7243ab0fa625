"""Triage of answers that people disliked: what failed, and so which lever to pull.

In: one disliked answer, the signals against it, and what is known of its application. Out: a lever, how far the
evidence carries it, and the rules that decided; `unknown` where they do not. The rules are one table, `RULES`;
docs/signals.md is generated from it. Each rule that applies believes in its lever by its confidence and says nothing by
the rest; beliefs in different levers are combined by Dempster's rule (Shafer, A Mathematical Theory of Evidence, 1976,
chapters 3 and 4). Of the rules for one lever only the surest counts, since they often read the same message. Retrieval
and finetuning together mean retrieval first: weights that are taught to answer without the facts learn to make them up.
Words are read in English alone; other languages match no phrase, and what only words would decide stays unknown.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from feedwheel_capture.vocabulary import AppType, ComplaintCategory, FinishReason

from feedback.edits import EditType, compare
from schemas.signals import Polarity, SignalKind

Lever = Literal["retrieval", "prompt", "finetuning", "guardrail", "product", "unknown"]
"""What mends a failure of information, instruction, behaviour or format, safety, or of what is around the model."""

DECIDED_FROM: Final = 0.5
"""Belief above which a lever is more likely the right one than all else together, ignorance included."""

SLOW_MS: Final = 10_000.0
"""Beyond ten seconds people turn to something else (Nielsen, Usability Engineering, 1993, section 5.5)."""

MAX_CHARS_READ: Final = 2000
"""Of what a person wrote; reactions stand at the beginning."""


@dataclass(frozen=True, slots=True)
class Said:
    """One signal about an answer. `text` and `edited_output`: None if there is none, or none may be read."""

    kind: SignalKind
    polarity: Polarity
    category: ComplaintCategory | None = None
    text: str | None = None
    edited_output: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """One disliked answer. `output` may be None, as consent says; `app_retrieves`: any answer of the application did.

    `worse_prompt`: people dislike its prompt version more than another with the same model, beyond chance.
    """

    app_type: AppType
    finish_reason: FinishReason
    latency_ms: float
    retrieved: bool
    app_retrieves: bool
    worse_prompt: bool
    output: str | None
    said: Sequence[Said]

    @property
    def against(self) -> list[Said]:
        """The signals against it."""
        return [signal for signal in self.said if signal.polarity < 0]

    @property
    def needs_knowledge(self) -> bool:
        """Whether a right answer takes more than the request: a task without retrieval has all it needs in it."""
        return self.app_type != "task" or self.app_retrieves

    def has(self, *kinds: SignalKind) -> bool:
        """Whether a signal of one of these kinds is against it."""
        return any(signal.kind in kinds for signal in self.against)

    def complains_of(self, *categories: ComplaintCategory) -> bool:
        """Whether a signal against it names one of these categories."""
        return any(signal.category in categories for signal in self.against)

    def is_edited_in(self, edit: EditType) -> bool:
        """Whether a person edited it in that way."""
        return any(
            self.output is not None
            and signal.edited_output is not None
            and compare(self.output, signal.edited_output).type == edit
            for signal in self.against
        )

    def reads(self, pattern: re.Pattern[str]) -> bool:
        """Whether the words of a signal against it match."""
        return any(pattern.search(signal.text, 0, MAX_CHARS_READ) for signal in self.against if signal.text)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. `when` says in words what `applies` tests; `confidence` 0..1 is a judgement."""

    name: str
    lever: Lever
    confidence: float
    when: str
    reason: str
    applies: Callable[[Failure], bool]


@dataclass(frozen=True, slots=True)
class Triage:
    """The lever of one failure. `confidence` 0..1 is the belief in it, for `unknown` what no lever has.

    `evidence`: names of the rules for the lever; where it is unknown, of all that applied.
    """

    lever: Lever
    confidence: float
    evidence: tuple[str, ...]


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("'", "['\u2019]"), re.IGNORECASE)


_ABOUT_SPEED: Final = _words(r"\b(?:too slow|so slow|took (?:forever|ages|too long)|timed? ?out)\b")
_ABOUT_THE_APP: Final = _words(
    r"\b(?:(?:app|page|site|website|button|link)s? (?:\w+ )?(?:crash|broke|freez|fail|not work|does|is))"
)
_MADE_UP: Final = _words(r"\bmade (?:that|this|it|them) up\b|\bhallucinat|\bno such\b|\b(?:doesn't|does not) exist\b")
_OUTDATED: Final = _words(r"\b(?:out ?of ?date|outdated|obsolete|not up to date|no longer (?:true|valid))\b")
_MISREAD: Final = _words(
    r"\b(?:i meant|what i mean|not what i (?:asked|meant|wanted)|i asked (?:you )?(?:for|to)|i was asking)\b"
)
_FORMAT: Final = _words(r"\b(?:format(?:ted|ting)?|json|markdown|bullet(?: point)?s?|as a (?:list|table)|in a table)\b")
_TONE: Final = _words(r"\b(?:tone|too (?:formal|informal|casual)|patroni[sz]ing|condescending|robotic)\b")

RULES: Final = (
    Rule("failed", "product", 0.95, "the answer ended in an error",
         "there was no answer to dislike",
         lambda case: case.finish_reason == "error"),
    Rule("cut_off", "product", 0.75, "the answer hit its limit of tokens",
         "a limit of the application cut it, whatever the model knew",
         lambda case: case.finish_reason == "length"),
    Rule("left_waiting", "product", 0.7, "it took more than ten seconds, and the person stopped it, left or was silent",
         "who leaves a slow answer judges the wait",
         lambda case: case.latency_ms > SLOW_MS and case.has("stop", "exit", "abandonment")),
    Rule("said_slow", "product", 0.8, "words about speed",
         "a person says what was wrong",
         lambda case: case.reads(_ABOUT_SPEED)),
    Rule("said_broken", "product", 0.6, "words about the application, a page or a link that fails",
         "complaints often aim at the product, not the answer",
         lambda case: case.reads(_ABOUT_THE_APP)),
    Rule("filtered", "guardrail", 0.85, "a content filter ended it",
         "a disliked block is a false refusal, or a block to be explained",
         lambda case: case.finish_reason == "content_filter"),
    Rule("toxic", "guardrail", 0.85, "a complaint that it is toxic",
         "an output guardrail should have held it back, whatever is trained later",
         lambda case: case.complains_of("toxic")),
    Rule("refused", "guardrail", 0.65, "a refusal",
         "false refusals are measured and mended where refusing is decided; refusing may have been right",
         lambda case: case.has("refusal")),
    Rule("made_up", "retrieval", 0.8, "words that it was made up",
         "facts that the model lacks are to be given, not taught",
         lambda case: case.reads(_MADE_UP)),
    Rule("outdated", "retrieval", 0.9, "words that it is out of date",
         "weights do not follow the world",
         lambda case: case.reads(_OUTDATED)),
    Rule("wrong", "retrieval", 0.7, "a complaint that it is wrong or lacks detail, where knowledge is needed",
         "a failure of information",
         lambda case: case.needs_knowledge and case.complains_of("wrong", "missing_detail")),
    Rule("content_edited", "retrieval", 0.65, "an edit that changes content, where knowledge is needed",
         "the person brought what the model did not have",
         lambda case: case.needs_knowledge and case.is_edited_in("content")),
    Rule("irrelevant_documents", "retrieval", 0.4, "a complaint that it is irrelevant, with documents retrieved",
         "the documents may have been beside the point; alone it does not decide",
         lambda case: case.retrieved and case.complains_of("irrelevant")),
    Rule("worse_prompt", "prompt", 0.75, "its prompt version is disliked more than another with the same model",
         "all else the same, the instruction made the difference",
         lambda case: case.worse_prompt),
    Rule("length", "prompt", 0.65, "a complaint that it is too long or too short",
         "an instruction sets the length, and costs nothing to try",
         lambda case: case.complains_of("too_long", "too_short")),
    Rule("tone", "prompt", 0.6, "words about its tone",
         "an instruction sets the tone, and costs nothing to try",
         lambda case: case.reads(_TONE)),
    Rule("wrong_task", "finetuning", 0.7, "a complaint that it is wrong, in a task without retrieval",
         "the request holds what the answer takes: the model did the task badly",
         lambda case: not case.needs_knowledge and case.complains_of("wrong", "missing_detail")),
    Rule("task_edited", "finetuning", 0.75, "an edit that changes content, in a task without retrieval",
         "as above, and the wanted answer is there to learn from",
         lambda case: not case.needs_knowledge and case.is_edited_in("content")),
    Rule("style_edited", "finetuning", 0.75, "an edit of style alone",
         "the facts were right and the form was not",
         lambda case: case.is_edited_in("style")),
    Rule("irrelevant", "finetuning", 0.65, "a complaint that it is irrelevant",
         "right or wrong, it is no answer to the request: a failure of behaviour",
         lambda case: case.complains_of("irrelevant")),
    Rule("misread", "finetuning", 0.65, "words that something else was meant or asked",
         "the request was misunderstood",
         lambda case: case.reads(_MISREAD)),
    Rule("format", "finetuning", 0.65, "words about its format",
         "a failure of format",
         lambda case: case.reads(_FORMAT)),
    Rule("repeated", "finetuning", 0.65, "the same answer again to another message",
         "a stuck model behaves wrongly whatever it knows",
         lambda case: case.has("repetition")),
)  # fmt: skip
"""Thumbs, ratings, corrections without telling words, rephrasing, regenerating, leaving: they say that, never why."""


def triage(failure: Failure) -> Triage:
    """The lever of one disliked answer."""
    applied = [rule for rule in RULES if rule.applies(failure)]
    belief = _combined(applied)
    if belief.get("retrieval") and belief.get("finetuning"):
        belief["retrieval"] += belief.pop("finetuning")
    most = max(belief.values(), default=0.0)
    if most <= DECIDED_FROM:
        return Triage("unknown", 1 - most, tuple(rule.name for rule in applied))
    lever = next(lever for lever in belief if belief[lever] == most)
    return Triage(lever, most, tuple(rule.name for rule in applied if rule.lever == lever))


def _combined(rules: Sequence[Rule]) -> dict[Lever, float]:
    """Belief in each lever, 0..1; what is left of 1 is ignorance.

    Dempster's rule for simple support c_i of exclusive levers: belief_i = c_i prod_{j != i} (1 - c_j), and ignorance
    prod_j (1 - c_j), over the sum of all, which leaves out the mass that contradicts itself.
    """
    surest = dict[Lever, float]()
    for rule in rules:
        surest[rule.lever] = max(surest.get(rule.lever, 0.0), rule.confidence)
    ignorance = 1.0
    for confidence in surest.values():
        ignorance *= 1 - confidence
    masses = {lever: confidence * ignorance / (1 - confidence) for lever, confidence in surest.items()}
    total = ignorance + sum(masses.values())
    return {lever: mass / total for lever, mass in masses.items()}


def markdown_table() -> str:
    """The rules as a Markdown table, one line per rule."""
    head = ("| rule | when | lever | confidence | why |", "|---|---|---|---|---|")
    lines = (f"| `{rule.name}` | {rule.when} | {rule.lever} | {rule.confidence} | {rule.reason} |" for rule in RULES)
    return "\n".join((*head, *lines))
