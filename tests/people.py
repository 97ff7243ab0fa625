"""Simulated people who talk to a model of the test's choice, straight into bronze: no Kafka, no serving."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from feedwheel_capture.events import FeedbackValue
from feedwheel_capture.identity import Identity

from feedback.split import is_gate_item, split_of
from pipelines import curate, extract, validate
from pipelines.context import Context
from pipelines.simulate.behaviour import population, react, sender
from pipelines.simulate.messages import SHIPPED, LabelledMessage, choose_topics, read_messages
from tests import bronze
from tests.events import APP, START, consent, exposure, feedback, generation, logged, user

VALUES = {
    "confirm": ("solved", FeedbackValue(rating=1.0, scale=(0.0, 1.0))),
    "thumbs_up": ("thumbs", FeedbackValue(rating=1.0, scale=(-1.0, 1.0))),
    "thumbs_down": ("thumbs", FeedbackValue(rating=-1.0, scale=(-1.0, 1.0))),
    "accept": ("action", FeedbackValue(action="accept")),
}


def messages(topics: int = 20, split: str = "train", seed: int = 1) -> list[LabelledMessage]:
    """Shuffled messages of the first topics."""
    everything = read_messages(SHIPPED)
    known = set(choose_topics(everything, topics))
    chosen = [message for message in everything if message.topic in known and message.split == split]
    random.Random(seed).shuffle(chosen)
    return chosen


@dataclass
class Town:
    """People of one application; `answer` is the model they talk to."""

    context: Context
    people: int = 120
    seed: int = 1
    app: str = APP
    model_version: str = "base-1"
    tick: Callable[[], object] = lambda: None
    said: int = field(default=0, init=False)
    offset: int = field(default=0, init=False)

    def talk(
        self, texts: Sequence[LabelledMessage], answer: Callable[[str], str] = lambda text: "I do not know."
    ) -> None:
        """Hold one conversation about each message and put its events into bronze."""
        settings, config = self.context.settings, self.context.config
        identity = Identity(settings.user_keys, settings.split_key.get_secret_value())
        residents, topics = population(self.people), sorted({message.topic for message in texts})
        events = []
        for message in texts:
            draw = random.Random(f"{self.seed}/{message.text}")
            name, person = f"c{self.said:05d}", sender(residents, draw)
            who = identity.person(self.app, person.raw_id, name)
            of: dict[str, Any] = {
                "app": self.app,
                "conversation_id": name,
                "user_key": who.user_key,
                "user_key_id": who.user_key_id,
                "split_bucket": who.split_bucket,
                "simulated": True,
            }
            evaluates = split_of(who.split_bucket, config.split.eval_share) == "eval"
            item_share = config.gate.item_share
            asked = is_gate_item(who.split_bucket, config.split.eval_share, name, item_share)
            shown = answer(message.text)
            system = {"role": "system", "content": config.app(self.app).prompt}
            prompt = [user(system["content"]), user(message.text)]
            prompt[0] = type(prompt[0])(role="system", content=system["content"], length=len(system["content"]))
            asked_of: dict[str, Any] = {"input": prompt, "model_version": self.model_version}
            events.append(self._log(generation(f"r{name}", message.text, shown, **asked_of, **of)))
            drawn: dict[str, Any] = {"policy": "normal", "propensity": 1 - item_share if evaluates else 1.0}
            if asked:
                drawn = {"policy": "gate", "propensity": item_share}
            events.append(self._log(exposure(f"r{name}", exposure_id=f"e{name}", **drawn, **of)))
            reaction = react(person, message.topic, shown, asked=asked, topics=topics, draw=draw)
            if reaction.act == "edit":
                said = "edit", FeedbackValue(edited_output=reaction.topic)
            elif reaction.act in VALUES:
                said = VALUES[reaction.act]
            else:
                said = None
            if said:
                events.append(self._log(feedback(*said, response_id=f"r{name}", feedback_id=f"f{name}", **of)))
            self.said += 1
        bronze.ingest(self.context.lake, events, self.now)

    def change_consent(self, state: str, **person: Any) -> None:
        """Put a change of consent into bronze; `person`: user_key, user_key_id."""
        bronze.ingest(self.context.lake, [self._log(consent(state, **person))], self.now)

    @property
    def now(self):
        """An hour after the last event: silence has become a signal."""
        return START + timedelta(seconds=self.offset, hours=1)

    def _log(self, data: Any):
        self.offset += 1
        sent_at = START + timedelta(seconds=self.offset)
        return logged(
            data,
            self.offset - 1,
            event_id=f"event-{self.offset:06d}",
            sent_at=sent_at,
            appended_at=sent_at + timedelta(milliseconds=20),
        )

    def curate(self) -> curate.CurateReport:
        """Extract, validate and curate what was said, a minute after the last time: ids follow the clock."""
        self.tick()
        extract.run(self.context, self.app)
        validate.run(self.context, self.app)
        return curate.run(self.context, self.app)
