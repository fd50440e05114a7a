"""What a person does on the pages, in a real browser: by mouse, and by keyboard alone."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Dialog, Page, expect
from tests.browser.fleet import HELLO, Fleet
from tests.browser.window import Window, is_marked, main_of, mark, opened, tab_to
from tests.integration.cli.installed import wait_until

from ezaigents.access import Role


def _state(page: Page, word: str) -> None:
    """Wait until the page says that its task is in this state."""
    expect(main_of(page).get_by_text(word, exact=True).first).to_be_visible()


def _press(page: Page, name: str) -> None:
    main_of(page).get_by_role("button", name=name, exact=True).click()


def _accept(page: Page, words: str | None = None) -> None:
    """Answer what the page asks next with yes, or with these words."""

    def answer(dialog: Dialog) -> None:
        dialog.accept(words) if words is not None else dialog.accept()

    page.once("dialog", answer)


def test_a_link_lets_one_browser_in_once(browser: Browser, fleet: Fleet) -> None:
    """It leads to the fleet and leaves no code in the address; whoever comes second reads on a page what to do."""
    link = fleet.place.ez("open", "--print").out.strip()
    first, second = browser.new_context(), browser.new_context()
    try:
        page = first.new_page()
        page.goto(link)
        assert page.url == f"{fleet.url}/"
        expect(page.get_by_role("heading", level=1)).to_have_text("Fleet")
        late = second.new_page()
        answer = late.goto(link)
        assert answer is not None
        assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (403, "text/html")
        expect(main_of(late)).to_contain_text("`ez open` prints a fresh one")
        assert not second.cookies()
    finally:
        first.close()
        second.close()


def test_a_job_is_handed_in_watched_and_its_patch_applied(fleet: Fleet, window: Window) -> None:
    """The form leads to the task, which tells of its end without being loaded again; its patch changes the file."""
    path = fleet.place.write("hello.py", HELLO)
    fleet.pause("claude")
    page = window.open("/new")
    page.get_by_role("textbox", name="What is to be done").fill("Greet whoever comes")
    page.get_by_role("textbox", name="Files and folders").fill("hello.py")
    page.get_by_role("combobox", name="Kind").select_option("edit")
    page.get_by_role("combobox", name="Agent").select_option("claude")
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url(re.compile(r"/tasks/\w{18}$"))
    _state(page, "waiting")
    mark(page)
    fleet.resume("claude")
    _state(page, "done")
    expect(main_of(page)).to_contain_text("The greeting is longer.")
    for line in ('print("hello")', 'print("good morning")'):
        expect(main_of(page).get_by_text(line).first).to_be_visible()
    assert path.read_text() == HELLO
    _press(page, "Apply the patch")
    expect(main_of(page).get_by_role("button", name="Apply the patch")).to_have_count(0)
    assert path.read_text() == 'print("good morning")\n'
    assert is_marked(page)


def test_a_task_leads_to_its_run_which_says_what_it_cost(fleet: Fleet, window: Window) -> None:
    """Simulated or not: a run of one task cost what the task did."""
    task_id = fleet.finish("Greet for a price")
    page = window.open(f"/tasks/{task_id}")
    run = str(fleet.task(task_id)["run"])
    main_of(page).get_by_role("link", name=run).click()
    page.wait_for_url(f"**/runs/{run}")
    cost = f"{fleet.task(task_id)['cost_microusd'] / 1e6:.6f} USD"
    expect(main_of(page).get_by_text(f"{cost}, simulated")).to_be_visible()


def test_a_running_task_is_cancelled_and_tried_again(fleet: Fleet, window: Window) -> None:
    """Its page asks first, then says that it is cancelled, and offers another try, which is taken."""
    task_id = fleet.hand_in("Wait for the rain")
    fleet.until(task_id, "leased")
    page = window.open_live(f"/tasks/{task_id}")
    page.once("dialog", lambda dialog: dialog.dismiss())
    _press(page, "Cancel")
    assert fleet.task(task_id)["state"] == "leased"
    _accept(page)
    _press(page, "Cancel")
    _state(page, "cancelled")
    _press(page, "Try again")
    fleet.until(task_id, "leased")
    _state(page, "running")
    _accept(page)
    _press(page, "Cancel")
    _state(page, "cancelled")


def test_what_an_agent_asks_is_allowed_or_not(fleet: Fleet, window: Window) -> None:
    """Its page tells the exact words; an approval lets the task end, a denial gives its reason."""
    ids = [fleet.hand_in("Ask to deploy"), fleet.hand_in("Ask to deploy again")]
    for task_id in ids:
        fleet.until(task_id, "asks")
    page = window.open_live(f"/tasks/{ids[0]}")
    expect(main_of(page)).to_contain_text("'deploy' '--now'")
    _press(page, "Approve")
    _state(page, "done")
    page = window.open_live(f"/tasks/{ids[1]}")
    _accept(page, "not on a Friday")
    _press(page, "Deny")
    _state(page, "done")
    expect(main_of(page)).to_contain_text("not on a Friday")


def test_an_agent_is_paused_and_resumed_by_keyboard(fleet: Fleet, window: Window) -> None:
    """Tab and Enter are enough, what has the focus is seen, and it stays there when the page changes beneath it."""
    page = window.open_live("/")
    tab_to(page, "Pause gpt")
    page.keyboard.press("Enter")
    expect(main_of(page).get_by_role("button", name="Resume gpt")).to_be_focused()
    wait_until(lambda: "gpt" in _paused(fleet), "gpt is paused")
    page.keyboard.press("Enter")
    expect(main_of(page).get_by_role("button", name="Pause gpt")).to_be_focused()
    wait_until(lambda: "gpt" not in _paused(fleet), "gpt is resumed")


def _paused(fleet: Fleet) -> list[str]:
    return [agent["name"] for agent in fleet.ask("GET", "/api/agents")["agents"] if agent["health"] == "paused"]


def test_a_job_is_handed_in_by_keyboard(fleet: Fleet, window: Window) -> None:
    """From the first page to the task, with Tab, Enter, arrows and letters."""
    page = window.open("/")
    tab_to(page, "New job")
    page.keyboard.press("Enter")
    page.wait_for_url("**/new")
    tab_to(page, "What is to be done")
    page.keyboard.type("Greet by keyboard")
    tab_to(page, "Files and folders")
    page.keyboard.type("hello.py")
    tab_to(page, "Kind")
    page.keyboard.type("edit")
    tab_to(page, "Agent")
    page.keyboard.type("claude")
    tab_to(page, "Hand in")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/tasks/\w{18}$"))
    expect(main_of(page)).to_contain_text("Greet by keyboard")
    task = fleet.task(page.url.rpartition("/")[2])
    assert (task["kind"], task["agent"], task["path"]) == ("edit", "claude", "hello.py")


def test_what_is_wrong_with_a_job_is_told_on_its_form(window: Window) -> None:
    """A file that is not there: the page says so, and keeps what was typed."""
    page = window.open("/new")
    prompt = page.get_by_role("textbox", name="What is to be done")
    prompt.fill("Greet nobody")
    page.get_by_role("textbox", name="Files and folders").fill("gone.py")
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("alert")).to_contain_text("gone.py")
    expect(prompt).to_have_value("Greet nobody")
    window.complaints = [one for one in window.complaints if "/api/tasks" not in one]


def test_a_slash_leads_to_the_search(window: Window) -> None:
    """From wherever one is, but for a field, where it is a letter."""
    for path in ("/tasks", "/"):
        page = window.open(path)
        page.keyboard.press("/")
        page.wait_for_url(re.compile("/tasks"))
        search = page.get_by_role("searchbox", name="Search")
        expect(search).to_be_focused()
        page.keyboard.type("a/b")
        expect(search).to_have_value("a/b")


def test_who_may_only_look_sees_no_button_that_acts(browser: Browser, fleet: Fleet) -> None:
    """Of a task and of the fleet, a session of the role `read` shows what there is to see, and nothing to press."""
    task_id = fleet.hand_in("Wait for the sun")
    with opened(browser, fleet, Role.READ) as window:
        for path in ("/", f"/tasks/{task_id}"):
            page = window.open_live(path)
            expect(main_of(page)).to_contain_text("claude")
            expect(main_of(page).get_by_role("button")).to_have_count(0)
        expect(page.get_by_role("link", name="New job")).to_have_count(0)
    fleet.ask("POST", f"/api/tasks/{task_id}/cancel", {})


def test_leaving_ends_the_session(browser: Browser, fleet: Fleet) -> None:
    """The button at the foot of each page; after it, nothing is shown any more."""
    with opened(browser, fleet) as window:
        page = window.open_live("/")
        page.get_by_role("contentinfo").get_by_role("button", name="Leave").click()
        expect(main_of(page)).to_contain_text("ez open")
        answer = page.goto(f"{fleet.url}/tasks")
        assert answer is not None
        assert answer.status == 401
        window.complaints.clear()


def test_a_switch_is_turned_off_and_on_again(fleet: Fleet, window: Window) -> None:
    """The page says what is in force now, and the running host has it."""
    page = window.open_live("/switches")
    main_of(page).get_by_role("button", name="Turn off delta-heartbeat").click()
    on_again = main_of(page).get_by_role("button", name="Turn on delta-heartbeat")
    expect(on_again).to_be_visible()
    assert {row["name"]: row["on"] for row in fleet.ask("GET", "/api/switches")["switches"]}["delta-heartbeat"] is False
    on_again.click()
    expect(main_of(page).get_by_role("button", name="Turn off delta-heartbeat")).to_be_visible()
