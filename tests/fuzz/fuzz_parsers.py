"""Coverage-guided fuzzing of everything that reads what others wrote, with atheris (libFuzzer).

Not in the lock, since atheris has wheels for Linux on x86-64 alone. There, in the environment of the project:

    .uv/bin/uv pip install --python .venv/bin/python atheris
    PYTHONPATH=. .venv/bin/python tests/fuzz/fuzz_parsers.py otlp -max_total_time=120

The first argument is a target of tests/fuzz/targets.py, the others are libFuzzer's. What it finds worth keeping is kept
below .feedwheel/fuzz, and the next run goes on from there. An input that breaks a promise is printed and written to a
file; it becomes a test, and tests/property/test_parsers.py runs the same targets wherever the tests run.
"""

import sys

import atheris

with atheris.instrument_imports(include=["feedback", "feedwheel_capture", "schemas"]):
    from pipelines.stack.paths import REPOSITORY
    from tests.fuzz.targets import TARGETS, seeds

MAX_BYTES = 8192
"""Of one input: nothing here changes its ways beyond."""


def main(name: str, options: list[str]) -> None:
    """Fuzz one target until its time is over, or something breaks."""
    corpus = REPOSITORY / ".feedwheel" / "fuzz" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for place, seed in enumerate(seeds(name)):
        (corpus / f"seed-{place}").write_bytes(seed)
    defaults = [f"-max_len={MAX_BYTES}", "-timeout=10", f"-artifact_prefix={corpus.parent}/{name}-"]
    atheris.Setup([sys.argv[0], *defaults, *options, str(corpus)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
