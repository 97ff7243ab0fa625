import os
import sys
import time

import psutil
import pytest

from pipelines.stack.process import Background, Launch, Started
from schemas.errors import InfrastructureError

# A leader whose child ignores TERM and stays when the leader ends, as Airflow's workers do.
FAMILY = """
import os, signal, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("family", flush=True)
time.sleep(600)
"""


@pytest.fixture
def background(home):
    return Background(home, "it")


def python(program):
    return Launch([sys.executable, "-c", program])


def wait_until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def session_of(pid):
    return [process.pid for process in psutil.process_iter() if _getsid(process.pid) == pid]


def _getsid(pid):
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def test_runs_in_a_session_of_its_own_and_is_found_again(background, home):
    background.start(python("import time; time.sleep(600)"))
    process = Background(home, "it").process()
    assert Background(home, "it").state() == "running"
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    assert 0 <= background.uptime_s() < 60


def test_environment_is_ours_and_what_is_given(background, monkeypatch):
    monkeypatch.setenv("OURS", "a")
    background.start(
        Launch([sys.executable, "-c", "import os; print(os.environ['OURS'] + os.environ['GIVEN'])"], {"GIVEN": "b"})
    )
    wait_until(lambda: background.tail() == "ab")


def test_stop_ends_the_whole_family_even_who_ignores_term(background):
    background.start(python(FAMILY))
    leader = background.started().pid
    wait_until(lambda: background.tail().count("family") == 2)
    assert background.stop(grace_s=0.3)
    assert session_of(leader) == []
    assert background.state() == "stopped"
    assert not background.stop()


def test_killed_leader_shows_as_died_and_what_it_left_is_ended(background):
    background.start(python(FAMILY))
    leader = background.started().pid
    wait_until(lambda: background.tail().count("family") == 2)
    psutil.Process(leader).kill()
    wait_until(lambda: background.state() == "died")
    assert len(session_of(leader)) == 1
    background.start(python("import time; time.sleep(600)"))
    assert session_of(leader) == []
    assert background.state() == "running"


def test_reused_pid_is_left_alone(background, home):
    stranger = Background(home, "kafka")
    stranger.start(python("import time; time.sleep(600)"))
    there = stranger.started()
    file = home / "run" / "it.json"
    file.write_text(f'{{"pid": {there.pid}, "created": {there.created - 3600}, "log_from": 0}}')
    assert background.state() == "died"
    assert not background.stop()
    assert stranger.state() == "running"
    assert not file.exists()


def test_stale_pid_of_nobody(background, home):
    (home / "run").mkdir(parents=True)
    (home / "run" / "it.json").write_text('{"pid": 4194303, "created": 1.0, "log_from": 0}')
    assert background.state() == "died"
    background.start(python("import time; time.sleep(600)"))
    assert background.state() == "running"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', "\x00"])
def test_unreadable_pid_file_counts_as_none(background, home, content):
    (home / "run").mkdir(parents=True)
    (home / "run" / "it.json").write_text(content)
    assert background.started() is None
    assert background.state() == "stopped"


def test_tail_is_of_the_present_run_only(background):
    for word in ("first", "second"):
        background.start(python(f"print('{word}')"))
        wait_until(lambda: background.state() == "died")
    assert background.tail() == "second"
    assert background.log.read_text() == "first\nsecond\n"


def test_tail_of_a_long_log_is_its_end(background):
    background.start(python("print('\\n'.join(str(n) for n in range(100_000)))"))
    wait_until(lambda: background.state() == "died")
    assert background.tail(3) == "99997\n99998\n99999"


def test_missing_program_is_an_error(background):
    with pytest.raises(InfrastructureError, match="no-such-program"):
        background.start(Launch(["no-such-program"]))
    assert background.state() == "stopped"


def test_pid_file_holds_the_start_time(background):
    background.start(python("import time; time.sleep(600)"))
    started = background.started()
    assert isinstance(started, Started)
    assert abs(started.created - time.time()) < 60
