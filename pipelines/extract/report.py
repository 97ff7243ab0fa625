"""What an extract run did."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ExtractReport:
    """Counts of one run.

    `taken` events became `used` ones by record, or were `dropped` by reason; `joined` of them are orphans of earlier
    runs. `rows` are those appended by table. `unread_messages` are withheld by consent: their language signals are
    absent, as they are from the conversations in `unread_languages`, whose words no detector reads. `due` conversations
    were touched by silence alone, `late` ones by events that came after a day of silence, which costs more,
    `reconsidered` ones because somebody's consent changed; of `ended` ones nothing may be used any more. `rebuilt`: all
    of them were recomputed, because it was asked for or because `judged_by`, the version of the rules, is another than
    before. `unknown_layers`: changes of consent whose key has more layers than this deployment knows, so that they meet
    only events of the same key.
    """

    run_id: str
    revision: str
    as_of: datetime
    seconds: float
    judged_by: str
    rebuilt: bool
    conversations: int
    due: int
    late: int
    reconsidered: int
    ended: int
    taken: dict[str, int]
    used: dict[str, int]
    dropped: dict[str, int]
    joined: int
    rows: dict[str, int]
    signals: dict[str, int]
    unread_messages: int
    unread_languages: int
    skewed_events: int
    unknown_layers: int
