"""Pages tell of what happens without being loaded again: many tabs, no stream, a tab that sleeps, a host that died."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect
from tests.browser.fleet import HELLO, Fleet
from tests.browser.window import STREAM, Window, is_marked, line_of, main_of, mark, tab_to
from tests.integration.cli.installed import wait_until

_TABS = 12
_POLL_MS = 5000
_AS_IF = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def _shows(page: Page, task_id: str, *, is_there: bool = True) -> None:
    """Wait until the list of tasks has this one."""
    expect(main_of(page).get_by_role("link", name=task_id)).to_have_count(1 if is_there else 0)


def test_many_tabs_share_one_stream_and_another_takes_it_over(fleet: Fleet, window: Window) -> None:
    """A browser has six connections to a host: twelve tabs take one of them, and go on when its tab is closed."""
    tabs = [window.open("/tasks") for _ in range(_TABS)]
    for tab in tabs:
        expect(line_of(tab)).to_have_text("live")
    task_id = fleet.finish("Greet all tabs")
    for tab in tabs:
        _shows(tab, task_id)
    assert window.asked(STREAM) == 1
    tabs.pop(0).close()
    wait_until(lambda: _after_a_turn(tabs[-1], window) == 2, "another tab listens")
    later = fleet.finish("Greet those that are left")
    for tab in tabs:
        _shows(tab, later)
        expect(line_of(tab)).to_have_text("live")
    assert window.asked(STREAM) == 2


def _after_a_turn(page: Page, window: Window) -> int:
    """How many streams were asked for, once the browser had its turn."""
    page.evaluate("1")
    return window.asked(STREAM)


def test_what_happens_while_a_tab_is_loaded_is_shown(fleet: Fleet, window: Window) -> None:
    """Between the page and the script that hears what happens, a task ends, of which nothing more is to be heard."""
    window.open_live("/")
    fleet.pause("claude")
    task_id = fleet.hand_in("Greet whoever waits")

    def meanwhile(route: Route) -> None:
        fleet.resume("claude")
        fleet.until(task_id, "done")
        route.continue_()

    window.context.route("**/static/site.*.js", meanwhile)
    page = window.open(f"/tasks/{task_id}")
    expect(main_of(page).get_by_text("done", exact=True)).to_be_visible()


def test_resources_go_on_while_somebody_sees_them(fleet: Fleet, window: Window) -> None:
    """Nothing happens, and the lines that need two looks are there after the next one."""
    page = window.open_live("/resources")
    mark(page)
    expect(main_of(page).get_by_role("img", name="Processor")).to_have_accessible_name(re.compile("now .* %"))
    expect(main_of(page).locator("polyline")).to_have_count(6)
    assert is_marked(page)


def test_what_a_running_task_says_is_read_as_it_says_it(fleet: Fleet, window: Window) -> None:
    """A page that was there before shows what the model said so far, while it goes on."""
    fleet.pause("claude")
    task_id = fleet.hand_in("Tell a long story")
    page = window.open_live(f"/tasks/{task_id}")
    mark(page)
    fleet.resume("claude")
    expect(main_of(page)).to_contain_text("Once upon a time. Once upon a time.")
    assert fleet.task(task_id)["state"] == "leased"
    assert is_marked(page)
    fleet.ask("POST", f"/api/tasks/{task_id}/cancel", {})


def test_a_tab_that_nobody_sees_asks_for_nothing_until_it_is_looked_at(fleet: Fleet, window: Window) -> None:
    """Beside one that is seen, it leaves the host in peace; then it shows at once what it missed."""
    seen, hidden = window.open_live("/tasks"), window.open_live("/tasks?kind=edit")
    hidden.evaluate(_AS_IF, True)
    asked = window.asked("kind=edit")
    task_id = fleet.finish("Greet whoever looks")
    _shows(seen, task_id)
    _shows(hidden, task_id, is_there=False)
    assert window.asked("kind=edit") == asked
    hidden.evaluate(_AS_IF, False)
    _shows(hidden, task_id)


def test_a_tab_that_slept_shows_what_it_missed(fleet: Fleet, window: Window) -> None:
    """The browser stops it whole, as it does on a laptop that sleeps; woken, it is up to date without a reload."""
    awake, asleep = window.open_live("/tasks"), window.open_live("/tasks?kind=edit")
    mark(asleep)
    session = window.context.new_cdp_session(asleep)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    task_id = fleet.finish("Greet while it sleeps")
    _shows(awake, task_id)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    _shows(asleep, task_id)
    assert is_marked(asleep)


@pytest.mark.parametrize("way", ["abort", "refuse", "hold"])
def test_without_a_stream_the_page_looks_now_and_then(fleet: Fleet, window: Window, way: str) -> None:
    """Where a proxy ends, refuses or holds back the stream, the page says that it polls, and is up to date.

    Once there is one, the page listens again.
    """

    def meet(route: Route) -> None:
        if way == "abort":
            route.abort()
        elif way == "refuse":
            route.fulfill(status=502)

    window.context.route(f"**{STREAM}*", meet)
    page = window.context.new_page()
    page.clock.install()
    page.goto(f"{fleet.url}/tasks")
    page.clock.run_for(_POLL_MS + 1000)
    expect(line_of(page)).to_have_text("polling")
    task_id = fleet.finish(f"Greet without a stream: {way}")
    page.clock.run_for(_POLL_MS + 1000)
    _shows(page, task_id)
    window.context.unroute(f"**{STREAM}*")
    page.clock.run_for(_POLL_MS + 1000)
    expect(line_of(page)).to_have_text("live")
    window.complaints = [one for one in window.complaints if STREAM not in one]


def test_a_page_outlives_the_host(fleet: Fleet, window: Window) -> None:
    """A host is killed: the page says so. Another takes its place: session and page are good still, nothing is lost."""
    page = window.context.new_page()
    page.clock.install()
    page.goto(f"{fleet.url}/tasks")
    expect(line_of(page)).to_have_text("live")
    mark(page)
    fleet.kill_host()
    try:
        page.clock.run_for(_POLL_MS + 1000)
        expect(line_of(page)).to_have_text("no answer")
    finally:
        fleet.start_host()
    expect(line_of(page)).to_have_text("live")
    _shows(page, fleet.finish("Greet the new host"))
    assert is_marked(page)
    window.complaints.clear()


def test_what_changes_leaves_the_focus_and_what_was_closed_where_they_are(fleet: Fleet, window: Window) -> None:
    """Whoever reads or uses the keyboard is not thrown back to the top by what happens meanwhile."""
    fleet.place.write("hello.py", HELLO)
    page = window.open_live(f"/tasks/{fleet.finish('Greet whoever reads')}")
    changed = main_of(page).get_by_text('print("good morning")').first
    closed = page.locator("details").filter(has=page.get_by_text('print("good morning")')).first
    closed.locator("summary").first.click()
    expect(changed).to_be_hidden()
    tab_to(page, "Side by side")
    fleet.ask("POST", f"/api/tasks/{page.url.rpartition('/')[2]}/apply", {})
    expect(main_of(page)).to_contain_text("applied")
    expect(main_of(page).get_by_role("link", name="Side by side")).to_be_focused()
    expect(changed).to_be_hidden()


def test_a_button_that_is_pressed_while_the_page_changes_is_clicked(fleet: Fleet, window: Window) -> None:
    """The part that changes waits until the mouse is let go; then it is read."""
    page = window.open_live("/")
    main_of(page).get_by_role("button", name="Pause gpt").hover()
    page.mouse.down()
    with page.expect_response(lambda answer: "hx-request" in answer.request.headers) as read:
        fleet.finish("Greet whoever presses")
    read.value.finished()
    page.mouse.up()
    expect(main_of(page).get_by_role("button", name="Resume gpt")).to_be_visible()
    fleet.resume("gpt")


def test_a_page_whose_session_was_ended_says_so(fleet: Fleet, window: Window) -> None:
    """Left in one tab, the others do not go on as if nothing had happened."""
    page, other = window.open_live("/tasks"), window.open_live("/")
    other.get_by_role("contentinfo").get_by_role("button", name="Leave").click()
    expect(main_of(other)).to_contain_text("ez open")
    fleet.finish("Greet nobody")
    expect(page.get_by_role("alert")).to_contain_text("ez open")
    expect(line_of(page)).to_have_text("signed out")
    window.complaints.clear()
