"""The attempts at one answer: the model's first, further ones where guardrails do not let it pass, then a fallback.

In: an accepted request. Out: one answer that may be shown. Without guardrails it is the model's, and its text streams
as it comes; where an answer may have to be changed, nothing is shown before it is whole.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec
from feedwheel_capture.events import Guarded
from feedwheel_capture.vocabulary import Fallback

from feedback.guardrails import Checked, check_output, withholds
from schemas.config import Guardrails
from schemas.errors import FeedwheelError
from serving.api.exchange import Accepted
from serving.api.judging import NOT_THE_MODELS
from serving.api.mailbox import Mailbox
from serving.api.requests import GenerationRequest
from serving.engine.grammar import Matcher
from serving.engine.job import Answer, Delivery, Job, Piece
from serving.guarding import instead
from serving.models import LoadedModel
from serving.service import Service

Pieces = asyncio.Queue[tuple[int, Piece | None]]
"""Text as it comes, with the place of its answer; None where an answer has ended."""

_RETRY_TEMPERATURE: Final = 0.8
"""At least: another greedy attempt would say the same."""
_RETRY_SEED: Final = 2**32
"""Between the seeds of attempts at one answer: those of a request's other answers follow one another."""
_NO_GUARDRAILS: Final = Guardrails()


async def matcher_of(model: LoadedModel, request: GenerationRequest) -> Matcher | None:
    """What a model's answers are held to, if anything. Raises UsageError where it cannot be kept to."""
    if (wanted := request.must_look_like) is None:
        return None
    # A schema can take long to understand, and others are answered meanwhile.
    return await asyncio.to_thread(model.grammars.matcher, wanted)


class Attempts:
    """What is tried for one answer; `begin`, then `answer` once its jobs are submitted, then `close`."""

    def __init__(
        self,
        service: Service,
        accepted: Accepted,
        request: GenerationRequest,
        matcher: Matcher | None,
        pieces: Pieces,
        place: int,
        mailbox: Mailbox,
    ) -> None:
        self._service = service
        self.accepted = accepted
        self._request = request
        self._matcher = matcher
        self._pieces = pieces
        self._place = place
        self._mailbox = mailbox
        self._policy = accepted.exchange.app_config.guardrails if accepted.exchange else _NO_GUARDRAILS
        self._holds = withholds(self._policy)
        self._abandoned = False
        self._shown = False
        self._jobs: list[Job] = []
        self._running: list[asyncio.Future[Answer]] = []
        self._submitted_at = time.monotonic()

    def begin(self) -> list[Job]:
        """The first attempts, which are submitted together with those at the other answers to the request."""
        if self.accepted.is_blocked:
            return []
        at_once = 1 + (self._policy.retries if self._policy.parallel_retries else 0)
        prepared = [self._prepare(number) for number in range(at_once)]
        self._running += (answered for _, answered in prepared)
        return [job for job, _ in prepared]

    async def answer(self) -> Answer:
        """The answer that may be shown, once what was held back of it is among the pieces. Raises FeedwheelError."""
        try:
            answer = await (self._refused() if self.accepted.is_blocked else self._first_that_passes())
        except NOT_THE_MODELS:
            raise  # a fallback would hide from whoever asked that it is worth asking again, or another replica
        except FeedwheelError:
            # Half an answer that was shown cannot be taken back, and nothing else can follow it.
            fallback = None if self._shown else await self._fall_back(self.failed(), withheld=False)
            if fallback is None:
                raise
            answer = fallback
        answer = replace(answer, guarded=self.accepted.guarded + answer.guarded)
        if self._request.stream and self._shows_nothing_yet(answer):
            self._pieces.put_nowait((self._place, Piece(answer.text, answer.logprobs)))
        return answer

    def close(self) -> None:
        """Nothing more comes, and attempts that nobody waits for any more end."""
        self.abandon()
        self._jobs.clear()  # each leads back here, and from here to the model, which could not leave memory
        self._pieces.put_nowait((self._place, None))

    def abandon(self) -> None:
        """Nobody waits any more."""
        self._abandoned = True
        for job in self._jobs:
            job.cancelled = True

    @property
    def has_shown(self) -> bool:
        """Whether any of the answer has gone out while it came."""
        return self._shown

    def failed(self) -> Answer:
        """What is remembered of a request that got an error instead of an answer."""
        return Answer("", "error", len(self.accepted.tokens), 0, self._submitted_at, None, time.monotonic())

    def _shows_nothing_yet(self, answer: Answer) -> bool:
        return bool(answer.text) and (self._holds or self.accepted.is_blocked or answer.fallback is not None)

    async def _refused(self) -> Answer:
        nothing = replace(self.failed(), finish_reason="content_filter")
        return await self._fall_back(nothing, withheld=True) or instead(self._policy.refusal, nothing)

    async def _first_that_passes(self) -> Answer:
        guarded = tuple[Guarded, ...]()
        for number in range(1 + self._policy.retries):
            try:
                answer = await (self._running[number] if number < len(self._running) else self._attempt(number))
            except NOT_THE_MODELS:
                raise
            except FeedwheelError:
                if not number:
                    raise
                break  # what was withheld has had its last attempt
            checked = check_output(answer.text, self._policy)
            if not checked.is_blocked or answer.finish_reason == "cancelled":
                self._remember(answer, checked.text)
                for job in self._jobs[number + 1 :]:
                    job.cancelled = True
                return replace(_passed(answer, checked), guarded=guarded + checked.guarded)
            retried = number < self._policy.retries
            guarded += tuple(_retried(each) for each in checked.guarded) if retried else checked.guarded
        answer = replace(answer, guarded=guarded)
        return await self._fall_back(answer, withheld=True) or instead(self._policy.refusal, answer)

    async def _fall_back(self, answer: Answer, *, withheld: bool) -> Answer | None:
        """The first fallback that has an answer. A set refusal is one to what was withheld, not to a failure."""
        if self._abandoned or self.accepted.exchange is None:
            return None
        for fallback in self._policy.fallback:
            found = await self._from(fallback, answer, withheld=withheld)
            if found is not None:
                return replace(found, fallback=fallback)
        return None

    async def _from(self, fallback: Fallback, answer: Answer, *, withheld: bool) -> Answer | None:
        match fallback:
            case "champion":
                return await self._of_the_champion(answer.guarded)
            case "cached":
                text = self._service.guarding.answers.get(self._cache_key)
                return None if text is None else replace(answer, text=text, finish_reason="stop", logprobs=())
            case "person":
                return instead(self._policy.handover, answer)
            case "refusal":
                return instead(self._policy.refusal, answer) if withheld else None

    async def _of_the_champion(self, guarded: tuple[Guarded, ...]) -> Answer | None:
        """`guarded`: what acted on the challenger's answers."""
        lineup = self._service.lineup(self.accepted.app)
        if self.accepted.is_blocked or self.accepted.assignment.arm == "champion" or lineup is None:
            return None
        try:
            matcher = await matcher_of(lineup.champion, self._request)
            answer = await self._attempt(0, lineup.champion, matcher)
        except FeedwheelError:
            return None
        checked = check_output(answer.text, self._policy)
        return None if checked.is_blocked else replace(_passed(answer, checked), guarded=guarded + checked.guarded)

    def _remember(self, answer: Answer, text: str) -> None:
        """For who asks the same where the model fails: the whole conversation is the same then, to the letter."""
        exchange = self.accepted.exchange
        may = exchange is not None and exchange.consent == "content" and "cached" in self._policy.fallback
        if may and answer.finish_reason == "stop":
            self._service.guarding.answers.put(self._cache_key, text)

    @property
    def _cache_key(self) -> bytes:
        """The same for the same application, conversation to the letter, and form of the answer; it tells nothing."""
        request = self._request
        thread = [(message.role, message.text) for message in self.accepted.asked.messages]
        form = (request.must_look_like, request.callable_tools, request.stops)
        return hashlib.sha256(msgspec.json.encode((self.accepted.app, thread, form))).digest()

    def _attempt(
        self, number: int, other: LoadedModel | None = None, matcher: Matcher | None = None
    ) -> "asyncio.Future[Answer]":
        """Hand a job to the engine. Raises Overloaded, Withdrawn, Closing."""
        job, answered = self._prepare(number, other, matcher)
        self._service.thread.submit((other or self.accepted.assignment.model).batch, job)
        return answered

    def _prepare(
        self, number: int, other: LoadedModel | None = None, matcher: Matcher | None = None
    ) -> "tuple[Job, asyncio.Future[Answer]]":
        """A job for the engine: the first as it was asked, later ones with a draw of their own.

        `other`: another model than the one that is to answer, with what its answer is held to.
        """
        accepted, request = self.accepted, self._request
        model, sampling = accepted.assignment.model, accepted.sampling
        if number:
            warmer = max(sampling.temperature, _RETRY_TEMPERATURE)
            seed = None if sampling.seed is None else (sampling.seed + number * _RETRY_SEED) % 2**63
            sampling = msgspec.structs.replace(sampling, temperature=warmer, seed=seed)
        if other is not None:
            model = other
        elif self._matcher is not None:
            matcher = self._matcher.copy()
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        answered.add_done_callback(_looked_at)
        settings = self._service.settings
        streams = request.stream and not self._holds and other is None
        # A request is let in by its first answer; offline nothing is promised.
        is_first = number == self._place == 0 and other is None
        promised_s = settings.serving_objective_first_token_s if is_first and accepted.exchange else float("inf")
        job = Job(
            accepted.tokens if other is None else accepted.asked.encode(other, request.callable_tools),
            sampling,
            sampling.max_tokens or settings.serving_answer_tokens,
            self._deliver_to(answered),
            adapter=model.adapter,
            owner=accepted.owner,
            private_to=accepted.private_to,
            common=accepted.common if other is None else 0,
            stops=request.stops,
            bias=request.logit_bias,
            top_logprobs=request.alternatives,
            matcher=matcher,
            ignores_end=request.ignore_eos,
            streams=streams,
            # Whoever asked has waited for the attempts before, too.
            submitted_at=self._submitted_at,
            promised_by=self._submitted_at + promised_s,
            deadline=self._submitted_at + settings.serving_timeout_s,
            cancelled=self._abandoned,
        )
        self._jobs.append(job)
        return job, answered

    def _deliver_to(self, answered: "asyncio.Future[Answer]") -> Callable[[Delivery], None]:
        """Carries what the engine's thread delivers to the event loop."""

        def take(delivery: Delivery) -> None:
            match delivery:
                case Piece():
                    self._shown = True
                    self._pieces.put_nowait((self._place, delivery))
                case Answer():
                    # What was computed costs, whether it is shown or not.
                    self._service.metrics.tokens.labels(self.accepted.app, "output").inc(delivery.output_tokens)
                    answered.set_result(delivery)
                case Exception():
                    answered.set_exception(delivery)

        return lambda delivery: self._mailbox.put(take, delivery)


def _looked_at(answered: "asyncio.Future[Answer]") -> None:
    """Of several attempts at once, those that nobody waits for any more may fail unnoticed."""
    if not answered.cancelled():
        answered.exception()


def _passed(answer: Answer, checked: Checked) -> Answer:
    """What of an answer may be shown; of a text that was masked, the probabilities of its tokens would tell it."""
    return answer if checked.text == answer.text else replace(answer, text=checked.text, logprobs=())


def _retried(guarded: Guarded) -> Guarded:
    return msgspec.structs.replace(guarded, action="retried") if guarded.action == "blocked" else guarded
