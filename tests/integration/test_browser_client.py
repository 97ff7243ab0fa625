"""The browser's client in a real browser: pages of one origin, a collector of another, and what is in its spool."""

import http.server
import json
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import uvicorn
from feedwheel_capture.signing import FeedbackScope, sign

from feedback.capture.collector.app import create_app
from feedback.capture.collector.service import Collector
from feedback.capture.collector.settings import CollectorSettings
from pipelines.stack.paths import REPOSITORY
from tests.conftest import TEST_SECRETS
from tests.events import APP
from tests.ports import free_port

pytestmark = pytest.mark.integration

PAGE = """<!doctype html><meta charset="utf-8"><title>An application</title>
<p id="question">Where is my card?</p>
<div id="answer"><p id="first">Cards take up to seven working days.</p><p>Call us if yours is late.</p></div>
<p id="elsewhere">Something else.</p>
<script type="module" nonce="n">
  const { feedwheelAnswer } = await import("COLLECTOR/feedwheel.js");
  const told = { feedwheelAnswer, sent: [], problems: [], element: document.getElementById("answer") };
  told.options = {
    element: told.element,
    onSent: (said, reply) => told.sent.push([said, reply]),
    onError: (problem) => told.problems.push(problem),
  };
  Object.assign(window, told, { answer: feedwheelAnswer("LINK", told.options) });
</script>"""


def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not so after {timeout_s} s"
        time.sleep(0.02)


class RunningCollector:
    """A collector on one port, which can go away and come back. Its Kafka is down, so its spool keeps everything."""

    def __init__(self, home, **replaced):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        given = {"kafka_port": free_port(), "config_path": REPOSITORY / "feedwheel.toml"}
        self.settings = CollectorSettings(home=home, **{**given, **TEST_SECRETS, **replaced})

    def start(self):
        self.collector = Collector.open(self.settings, lambda: datetime.now(UTC))
        config = uvicorn.Config(create_app(self.collector), port=self.port, log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        until(lambda: self._server.started)

    def stop(self):
        self._server.should_exit = True
        self._thread.join()

    def link(self, response_id="r1", lifetime=timedelta(hours=1)):
        """As an application makes it, of an answer in conversation c1."""
        person = self.settings.identity.person(APP, "ann", "c1")
        scope = FeedbackScope(APP, response_id, "c1", person, "content")
        return f"{self.url}/f/{sign(scope, 'url-key', datetime.now(UTC) + lifetime)}"

    def said(self):
        """The data of every event in the spool."""
        spool = self.collector.spool
        records, _ = spool.read(spool.acknowledged, 10_000)
        return [msgspec.json.decode(record.value)["data"] for record in records]

    def kinds(self):
        return [said["kind"] for said in self.said()]


class Application(http.server.BaseHTTPRequestHandler):
    """The pages of an application: PAGE at every path, with the link and headers that the test sets."""

    def do_GET(self):
        headers, body = self.server.headers, self.server.page
        self.send_response(200)
        for name, value in {"Content-Type": "text/html", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def do_POST(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


@pytest.fixture
def application():
    """Its address; the page as `application.page`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Application)
    server.headers, server.page = {}, ""
    server.url = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def collector(tmp_path, application):
    running = RunningCollector(tmp_path / "home", collector_origins=(application.url,), collector_example=APP)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def tab(chromium):
    """A tab in which no error of the client's ever reaches the page."""
    context = chromium.new_context()
    page, errors = context.new_page(), []
    page.set_default_timeout(10_000)
    page.on("pageerror", lambda error: errors.append(error))
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def page(tab, application, collector):
    """The application's page, open, with one answer."""
    show(tab, application, collector)
    return tab


def show(tab, application, collector, link=None, path="/"):
    link = link or collector.link()
    application.page = PAGE.replace("COLLECTOR", collector.url).replace("LINK", link)
    visit(tab, f"{application.url}{path}")


def visit(tab, address):
    """A page counts as visited once it has the client, which it loads after the browser calls it loaded."""
    tab.goto(address)
    until(lambda: tab.evaluate("'sent' in window"))  # waiting inside the page is what a strict policy forbids


def hide(page, *, hidden):
    """A tab in the background, as its page sees it: a browser without a window has none."""
    state = "hidden" if hidden else "visible"
    page.evaluate(
        """state => { Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
                      document.dispatchEvent(new Event("visibilitychange")); }""",
        state,
    )


def test_what_a_person_says_arrives_in_order_with_ids_of_its_own_and_nothing_before(page, collector):
    page.wait_for_timeout(300)
    assert collector.said() == []
    page.evaluate(
        """() => { answer.thumbs(true); answer.thumbs(false); answer.rating(4); answer.edit("In three days.");
                   answer.regenerate(); answer.stop(); answer.copied(); answer.complaint("No.", "wrong");
                   answer.tell("solved", { rating: 0, scale: [0, 1] }); answer.retract("thumbs"); }"""
    )
    until(lambda: len(collector.said()) == 10)
    said = collector.said()
    assert [(one["kind"], one["value"]) for one in said] == [
        ("thumbs", {"rating": 1.0, "scale": [-1.0, 1.0]}),
        ("thumbs", {"rating": -1.0, "scale": [-1.0, 1.0]}),
        ("rating", {"rating": 4.0, "scale": [1.0, 5.0]}),
        ("edit", {"edited_output": "In three days."}),
        ("regenerate", {}),
        ("stop", {}),
        ("action", {"action": "copy", "number": 1.0}),
        ("complaint", {"text": "No.", "text_length": 3, "category": "wrong"}),
        ("solved", {"rating": 0.0, "scale": [0.0, 1.0]}),
        ("thumbs", None),
    ]
    assert len({one["feedback_id"] for one in said}) == 10
    assert {(one["response_id"], one["conversation_id"], one["surface"]) for one in said} == {("r1", "c1", "answer")}
    assert all(0 < one["dwell_ms"] < 10_000 and one["client_time"] for one in said)
    page.wait_for_function("sent.length === 10")
    assert page.context.cookies() == []


def test_copying_by_hand_is_noticed_inside_the_answer_and_nowhere_else(page, collector):
    for elsewhere in ("#elsewhere", "#question"):
        page.click(elsewhere, click_count=3)
        page.keyboard.press("Control+C")
    page.click("#first", click_count=3)
    page.keyboard.press("Control+C")
    until(lambda: len(collector.said()) == 1)
    page.click("#question")  # what is selected would be dragged away
    first, last = page.locator("#first").bounding_box(), page.locator("#elsewhere").bounding_box()
    page.mouse.move(first["x"], first["y"] + 5)
    page.mouse.down()
    page.mouse.move(last["x"] + 50, last["y"] + 5)  # beyond its end: what is elsewhere does not count
    page.mouse.up()
    page.keyboard.press("Control+C")
    until(lambda: len(collector.said()) == 2)
    part, whole = collector.said()
    assert {part["kind"], whole["kind"]} == {"action"}
    assert part["value"]["action"] == whole["value"]["action"] == "copy"
    assert part["value"]["number"] == pytest.approx(36 / 61, abs=0.02)
    assert whole["value"]["number"] == 1.0


def test_only_the_time_in_which_the_answer_was_visible_counts(tab, application, collector):
    tab.clock.install(time=0)
    show(tab, application, collector)
    tab.clock.pause_at(60)
    tab.wait_for_timeout(200)  # the browser has seen that the answer is in the window
    tab.evaluate("answer.rating(1)")
    tab.clock.run_for(400)
    hide(tab, hidden=True)
    tab.clock.run_for(5_000)
    tab.evaluate("answer.rating(2)")
    hide(tab, hidden=False)
    tab.clock.run_for(300)
    tab.evaluate("element.style.marginTop = '200vh'")
    tab.wait_for_timeout(200)  # ... and that it left it
    tab.clock.run_for(5_000)
    tab.evaluate("answer.rating(3)")
    until(lambda: len(collector.said()) == 3)
    shown, hidden, outside = (said["dwell_ms"] for said in collector.said())
    assert (hidden - shown, outside - hidden) == (400, 300)


def test_leaving_at_once_with_nothing_done_is_an_exit_which_coming_back_takes_back(page, application, collector):
    page.evaluate("element.append('It takes half a minute to read. '.repeat(50))")
    page.goto(f"{application.url}/next")
    until(lambda: len(collector.said()) == 1)
    (said,) = collector.said()
    assert (said["kind"], said["value"], said["surface"], said["response_id"]) == ("exit", {}, "page", "r1")
    page.go_back(wait_until="commit")
    until(lambda: ("exit", None) in [(said["kind"], said["value"]) for said in collector.said()])
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1


def test_leaving_after_something_was_done_tells_for_how_long_it_was_visible(page, collector):
    page.evaluate("answer.thumbs(true)")
    until(collector.said)
    page.wait_for_timeout(300)
    page.goto("about:blank")
    until(lambda: len(collector.said()) == 2)
    said = collector.said()[1]
    assert (said["kind"], said["value"]["measure"], said["surface"]) == ("session", "duration_s", "page")
    assert said["value"]["number"] > 0
    assert said["value"]["number"] == pytest.approx(said["dwell_ms"] / 1000, abs=0.1)  # read one after the other


def test_parts_can_be_turned_off(page, collector):
    page.evaluate(
        "feedwheelAnswer(LINK, { element, copy: false, dwell: false, leave: false })".replace("LINK", url(page))
    )
    page.click("#first", click_count=3)
    page.keyboard.press("Control+C")
    page.evaluate("answer.thumbs(true)")
    page.goto("about:blank")
    until(collector.said)
    time.sleep(0.3)
    (said,) = collector.said()
    assert said["kind"] == "thumbs"
    assert "dwell_ms" not in said


def url(page) -> str:
    """The page's link, as a JavaScript text."""
    return json.dumps(re.search(r'feedwheelAnswer\("([^"]+)"', page.content()).group(1))


def test_what_was_said_while_the_collector_was_down_arrives_once(page, collector):
    collector.stop()
    page.evaluate("answer.thumbs(false); answer.edit('In three days.')")
    page.wait_for_timeout(300)
    page.reload()
    collector.start()
    until(lambda: len(collector.said()) >= 3)
    page.wait_for_function("!JSON.parse(sessionStorage.getItem('feedwheel-waiting')).kept.length")
    assert collector.kinds() == ["thumbs", "edit", "session"]


def test_what_a_leaving_page_sent_and_the_next_one_sends_again_is_the_same_event(page, application, collector):
    page.evaluate("answer.thumbs(true)")
    until(collector.said)
    for _ in range(3):
        visit(page, f"{application.url}/next")
    page.wait_for_function("!JSON.parse(sessionStorage.getItem('feedwheel-waiting')).kept.length")
    # One that comes again while the first is on its way to the disk is stored twice, under one id: silver has it once.
    events = {said["feedback_id"]: said for said in collector.said()}
    assert all(said == events[said["feedback_id"]] for said in collector.said())
    assert [said["kind"] for said in events.values()][:2] == ["thumbs", "session"]
    assert len(events) == 1 + 3


def test_a_full_spool_is_waited_for_as_long_as_it_asks_and_then_everything_arrives(page, collector):
    page.clock.install()
    collector.collector.spool._max_bytes = 100
    with page.expect_response(lambda reply: reply.status == 503):
        page.evaluate("answer.thumbs(true)")
    page.wait_for_function("JSON.parse(sessionStorage.getItem('feedwheel-waiting')).pausedUntil")
    paused = page.evaluate("JSON.parse(sessionStorage.getItem('feedwheel-waiting')).pausedUntil - Date.now()")
    assert 3_500 < paused <= 5_000  # Retry-After: 5, read by a page of another origin
    collector.collector.spool._max_bytes = 1_000_000
    page.evaluate("answer.stop()")  # does not go ahead of what waits
    page.clock.fast_forward(5_000)
    until(lambda: len(collector.said()) == 2)
    assert collector.kinds() == ["thumbs", "stop"]


@pytest.mark.parametrize("storage", ["allowed", "forbidden"])
def test_an_expired_link_is_told_and_holds_nothing_up(tab, application, collector, storage):
    if storage == "forbidden":
        denied = "get() { throw new DOMException('denied', 'SecurityError'); }"
        tab.add_init_script(f"Object.defineProperty(window, 'sessionStorage', {{ {denied} }})")
    show(tab, application, collector, collector.link(lifetime=timedelta(seconds=-1)))
    tab.evaluate("answer.thumbs(true)")
    tab.wait_for_function("problems.length")
    (problem,) = tab.evaluate("problems")
    assert (problem["status"], problem["said"]["kind"]) == (403, "thumbs")
    assert problem["detail"] == "this feedback link has expired"
    tab.evaluate("link => feedwheelAnswer(link).thumbs(false)", collector.link())
    until(collector.said)
    assert [said["value"]["rating"] for said in collector.said()] == [-1.0]


def test_answers_beside_each_other_are_told_apart_and_one_attached_twice_is_one(page, collector):
    page.evaluate(
        """link => { const another = document.getElementById("elsewhere");
                     window.second = feedwheelAnswer(link, { element: another });
                     window.again = feedwheelAnswer(link, { element: another });
                     document.getElementById("answer").remove(); }""",
        collector.link("r2"),
    )
    page.wait_for_timeout(200)
    page.click("#elsewhere", click_count=3)
    page.keyboard.press("Control+C")
    page.evaluate("answer.thumbs(true); second.thumbs(true); again.thumbs(false)")
    until(lambda: len(collector.said()) == 4)
    assert [(said["response_id"], said["kind"]) for said in collector.said()] == [
        ("r2", "action"),
        ("r1", "thumbs"),
        ("r2", "thumbs"),
        ("r2", "thumbs"),
    ]
    assert page.evaluate("second === again")
    removed = collector.said()[1]["dwell_ms"]
    page.evaluate("answer.stop(); second.detach(); second.stop()")
    until(lambda: len(collector.said()) == 6)
    assert collector.said()[4]["dwell_ms"] == removed  # it went away with its element


def test_text_beyond_the_limit_is_told_and_never_sent(page, collector):
    page.evaluate("answer.edit('x'.repeat(300_001)); answer.edit('\u20ac'.repeat(290_000))")
    until(collector.said)
    assert [len(said["value"]["edited_output"]) for said in collector.said()] == [290_000]
    (problem,) = page.evaluate("problems")
    assert (problem["status"], problem["detail"]) == (0, "too large")


def test_too_much_waiting_drops_the_oldest_and_says_so(page, collector):
    collector.stop()
    page.evaluate("for (let count = 0; count < 52; count++) answer.rating(count, [0, 100])")
    dropped = page.evaluate("problems.map(({ said, detail }) => [said.value.rating, detail])")
    collector.start()
    until(lambda: len(collector.said()) == 50)
    assert dropped == [[1, "too much is waiting"], [2, "too much is waiting"]]  # the first was on its way


def test_what_no_application_should_pass_harms_nothing(page, collector):
    page.evaluate(
        """() => { const circle = {}; circle.self = circle;
                   answer.tell("thumbs", circle); answer.rating("much"); answer.tell("no", {});
                   feedwheelAnswer("http://[", { element: "answer", onError: options.onError }).thumbs(true);
                   feedwheelAnswer(location.href, { onError: () => { throw new Error("theirs"); } }).stop();
                   answer.stop(); }"""
    )
    until(collector.said)
    assert collector.kinds() == ["stop"]
    problems = [(problem["status"], problem["said"]["kind"]) for problem in page.evaluate("problems")]
    assert problems == [(0, "thumbs"), (422, "rating"), (422, "no")]


@pytest.mark.parametrize("allowed", [True, False])
def test_a_strict_policy_lets_it_work_or_only_keeps_it_silent(tab, application, collector, allowed):
    connect = collector.url if allowed else "'none'"
    policy = f"default-src 'none'; script-src 'nonce-n' {collector.url}; connect-src {connect}; trusted-types 'none'"
    application.headers = {"Content-Security-Policy": f"{policy}; require-trusted-types-for 'script'"}
    show(tab, application, collector)
    tab.evaluate("answer.thumbs(true)")
    tab.goto("about:blank")
    if allowed:
        until(lambda: collector.kinds() == ["thumbs", "session"])
    assert allowed or collector.said() == []


def test_the_example_page_shows_what_it_sent_and_what_came_back(tab, collector):
    tab.goto(f"{collector.url}/example")
    tab.click("#up")
    tab.click("#edit")
    tab.fill("#edited", "Call us.")
    tab.click("text=Send")
    tab.click("#regenerate")
    tab.click("#stop")
    tab.click("#copy")
    tab.click("#up")
    until(lambda: tab.locator("#log .kept").count() == 6)
    said = collector.said()
    kinds = ["thumbs", "edit", "regenerate", "stop", "action", "thumbs"]
    assert [one["kind"] for one in said] == kinds
    assert said[-1]["value"] is None  # pressed again
    assert all(one["simulated"] and one["response_id"].startswith("example-") for one in said)
    assert said[0]["feedback_id"] in tab.inner_text("#log")


def test_the_page_of_the_guide_works_as_it_stands(tab, application, collector):
    guide = (REPOSITORY / "docs" / "capture.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```html\n(.*?)```", guide, re.DOTALL)
    application.page = code.replace("https://collector.example", collector.url).replace("LINK", collector.link())
    tab.goto(application.url)
    tab.click("text=Good")
    tab.click("#answer", click_count=3)
    tab.keyboard.press("Control+C")
    tab.goto("about:blank")
    until(lambda: collector.kinds() == ["thumbs", "action", "session"])
