"""Topics: texts about one matter are together, whatever the order, and every input has an answer."""

import random

from feedback.topics import topics

ABOUT = {
    "card": ["where is my new card", "my card has not arrived", "when will my card come", "track the card you sent"],
    "soup": ["how do i cook soup", "a recipe for tomato soup", "which vegetables go into soup", "boil the soup longer"],
    "rain": ["will it rain tomorrow", "the weather is wet today", "is there a storm coming", "forecast of rain in may"],
}
TEXTS = [text for of in ABOUT.values() for text in of]


def test_texts_about_one_matter_are_together():
    many = [f"{text} {more}" for text in TEXTS for more in ("please", "thanks", "now", "again")]
    about = [name for name, of in ABOUT.items() for _ in range(4 * len(of))]
    found = topics(many)
    matters = {topic: {about[n] for n in range(len(many)) if found[n] == topic} for topic in found}
    assert len(matters) > 1
    assert sum(len(names) == 1 for names in matters.values()) >= len(matters) - 1


def test_order_and_repetition_change_nothing():
    found = dict(zip(TEXTS, topics(TEXTS), strict=True))
    shuffled = random.Random(3).sample([*TEXTS, *TEXTS[:3]], len(TEXTS) + 3)
    assert topics(shuffled) == [found[text] for text in shuffled]


def test_nothing_one_text_and_texts_without_words():
    assert topics([]) == []
    assert topics(["a single one"]) == [0]
    assert len(topics(["", "🎉", "\x00", "ไม่มี"] * 5)) == 20
