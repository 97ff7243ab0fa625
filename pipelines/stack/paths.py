"""Where the repository's own files are that the local stack starts from."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
INFRA = REPOSITORY / "infra"
DAGS = REPOSITORY / "dags"
