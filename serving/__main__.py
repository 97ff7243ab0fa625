"""`python -m serving`: a process of the deployment, or with `--offline --model-dir` one model and its adapters."""

import argparse
import gc
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from feedwheel_capture.errors import CaptureError

from schemas.errors import FeedwheelError
from serving import logs
from serving.server import Server
from serving.service import Service, offline, online
from serving.settings import ServingSettings


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop; the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.offline != (arguments.model_dir is not None):
        parser.error("--offline and --model-dir go together")
    if arguments.adapter and not arguments.offline:
        parser.error("--adapter goes with --offline; a deployment's adapters are releases")
    logs.configure()
    try:
        settings = ServingSettings.load()
        service = _service(settings, arguments.model_dir, dict(arguments.adapter))
    except (FeedwheelError, CaptureError) as error:
        print(error, file=sys.stderr)
        return error.exit_code if isinstance(error, FeedwheelError) else 1
    server = Server(service, arguments.port or settings.serving_port)
    # Half a million objects stay for as long as the process does. Looking at them takes the collector of cycles 0.3 s,
    # for which every stream would wait.
    gc.collect()
    gc.freeze()
    for number in (signal.SIGINT, signal.SIGTERM):
        # uvicorn stops in an orderly way and then raises the signal again; the stop was the answer to it.
        signal.signal(number, lambda *_: None)
    server.run()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving", description=__doc__)
    parser.add_argument("--port", type=int, help="instead of FEEDWHEEL_SERVING_PORT")
    parser.add_argument("--offline", action="store_true", help="serve one model: no Kafka, no events, no rollout")
    parser.add_argument("--model-dir", type=Path, help="the model of --offline")
    parser.add_argument(
        "--adapter",
        type=_named,
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="a LoRA adapter of that model, asked for as model NAME; may be repeated",
    )
    return parser


def _named(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if not name or not folder:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=DIR")
    return name, Path(folder)


def _service(settings: ServingSettings, model_dir: Path | None, adapters: dict[str, Path]) -> Service:
    return online(settings) if model_dir is None else offline(settings, model_dir, adapters)


if __name__ == "__main__":
    sys.exit(main())
