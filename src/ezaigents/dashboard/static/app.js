// What pages do besides being read. One tab of this browser listens for all of them; the others hear it from that one.
(() => {
  "use strict";
  const AGAIN_MS = 300, POLL_MS = 5000, TOLD_MS = 8000, WATCH_MS = 40000;
  const line = document.getElementById("line");
  const told = document.getElementById("told");
  let due = 0, hiding = 0, polling = 0, overdue = 0, lost = false, greeted = false;

  const live = () => document.getElementById("live");
  const say = (text) => {
    told.textContent = text;
    told.hidden = false;
    clearTimeout(hiding);
    hiding = setTimeout(() => { told.hidden = true; }, TOLD_MS);
  };
  const show = (word) => { line.textContent = word; line.className = word; };

  // Read the live part again, soon, and once for all that happens meanwhile; not while nobody looks.
  const refresh = () => {
    if (due || document.hidden || !live() || !live().dataset.live) return;
    due = setTimeout(() => { due = 0; if (!document.hidden) htmx.trigger(live(), "live"); }, AGAIN_MS);
  };
  // What a running task says: what follows on what is shown is added; where something was missed, it begins there.
  const output = (update) => {
    const place = document.getElementById("said");
    if (!place || place.dataset.task !== update.task) return;
    const follows = Number(place.dataset.step) === update.step && Number(place.dataset.at) === update.at;
    const atEnd = place.scrollTop + place.clientHeight >= place.scrollHeight - 8;
    place.textContent = (follows ? place.textContent : "") + update.text;
    if (place.textContent.length > 20000) place.textContent = place.textContent.slice(-10000);
    place.dataset.step = update.step;
    place.dataset.at = update.at + [...update.text].length;
    if (atEnd) place.scrollTop = place.scrollHeight;
    if (update.moved) refresh();
  };
  const concerns = (update) => {
    const topics = live() ? (live().dataset.live || "").split(" ") : [];
    if (update.type === "resync") return true;
    if (update.type === "agent-update") return topics.includes("agents");
    if (update.type === "message-update") return topics.includes("messages");
    return topics.includes("tasks") || topics.includes("run:" + update.run)
      || (update.tasks || []).some((id) => topics.includes("task:" + id));
  };
  const hear = (update) => {
    if (update.type === "line") {
      lost = lost && update.word !== "live";
      if (!lost) show(update.word);
      return;
    }
    if (update.type === "task-output") output(update);
    else if (concerns(update)) refresh();
  };
  document.addEventListener("visibilitychange", refresh);
  // What is said of the time goes on with it.
  const STEPS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const rough = (seconds) => {
    for (const [unit, word] of STEPS) if (seconds >= unit) return Math.floor(seconds / unit) + " " + word;
    return "0 s";
  };
  const skew = Date.now() - Number(document.body.dataset.now || Date.now());
  const tick = () => {
    if (document.hidden) return;
    for (const one of document.querySelectorAll("main time[datetime]")) {
      const since = Math.max(0, (Date.now() - skew - Date.parse(one.dateTime)) / 1000);
      if (one.textContent.endsWith(" ago")) one.textContent = rough(since) + " ago";
      else if (one.dataset.took) one.textContent = rough(since);
    }
  };
  setInterval(tick, 1000);
  // What changes without anything happening is read again as it goes on, while somebody looks.
  setInterval(() => { if (live() && "steady" in live().dataset) refresh(); }, POLL_MS);
  // The host forgets after a minute that somebody watches.
  setInterval(() => { if (document.getElementById("said")) refresh(); }, WATCH_MS);

  // -- one stream for all tabs ------------------------------------------------------------------------------------
  const others = "BroadcastChannel" in window ? new BroadcastChannel("ez-live") : null;
  const tell = (update) => { hear(update); if (others) others.postMessage(update); };
  const look = () => { tell({ type: "line", word: "polling" }); tell({ type: "resync" }); };
  const poll = () => { if (!polling) { look(); polling = setInterval(look, POLL_MS); } };
  const pollSoon = () => { if (!overdue) overdue = setTimeout(poll, POLL_MS); };
  const listen = () => {
    const stream = new EventSource("/api/events");
    let opened = false;
    pollSoon();
    stream.onopen = () => {
      clearTimeout(overdue);
      clearInterval(polling);
      overdue = polling = 0;
      tell({ type: "line", word: "live" });
      if (!opened) tell({ type: "resync" });
      opened = true;
    };
    stream.onmessage = (event) => tell(JSON.parse(event.data));
    stream.onerror = () => {
      if (stream.readyState === EventSource.CLOSED) { poll(); setTimeout(listen, POLL_MS); }
      else if (!polling) { tell({ type: "line", word: "reconnecting" }); pollSoon(); }
    };
  };
  if (others) {
    others.onmessage = (event) => {
      if (event.data.type === "who") { if (leads) others.postMessage({ type: "line", word: line.className || "live" }); }
      else hear(event.data);
      if (event.data.type === "line" && !greeted) { greeted = true; refresh(); } // what happened while this was loaded
    };
  }
  let leads = false;
  if (document.body.dataset.push === "off" || !("EventSource" in window)) poll();
  else if (others && navigator.locks) {
    navigator.locks.request("ez-live", () => new Promise(() => { leads = true; listen(); }));
    others.postMessage({ type: "who" });
  } else listen();

  // -- reading the live part ---------------------------------------------------------------------------------------
  // What was read last is not put in again; what is put in keeps the focus, and what was opened or closed by hand.
  const CAN = "a[href], button, summary, input, select, textarea";
  const named = (selector) => {
    const found = new Map(), count = {};
    for (const one of live().querySelectorAll(selector)) {
      const data = one.dataset, text = one.tagName === "SUMMARY" ? one.textContent : "";
      const name = one.id || [one.tagName, one.getAttribute("href"), data.post, data.body, one.name, text].join(" ");
      count[name] = (count[name] || 0) + 1;
      found.set(name + " " + count[name], one);
    }
    return found;
  };
  let last = "", focused = "", opened = [];
  // A button that is put in anew between its being pressed and let go would not be clicked.
  let pressed = false, missed = false;
  document.addEventListener("pointerdown", () => { pressed = true; });
  for (const name of ["pointerup", "pointercancel", "dragend", "blur"])
    addEventListener(name, () => setTimeout(() => { pressed = false; if (missed) { missed = false; refresh(); } }));
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== live()) return;
    if (pressed) { missed = true; event.detail.shouldSwap = false; return; }
    const text = event.detail.xhr.responseText;
    if (text === last) { event.detail.shouldSwap = false; return; }
    last = text;
    focused = ([...named(CAN)].find(([, one]) => one === document.activeElement) || [""])[0];
    opened = [...named("details > summary")].map(([name, one]) => [name, one.parentElement.open]);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== live()) return;
    const summaries = named("details > summary");
    for (const [name, open] of opened) if (summaries.has(name)) summaries.get(name).parentElement.open = open;
    const again = focused && document.activeElement === document.body && named(CAN).get(focused);
    if (again) again.focus({ preventScroll: true });
    else if (focused && document.activeElement === document.body) document.getElementById("main").focus({ preventScroll: true });
    reach();
  });
  document.addEventListener("htmx:afterOnLoad", (event) => {
    if (lost && event.detail.successful) { lost = false; show("polling"); }
  });
  document.addEventListener("htmx:sendError", () => { lost = true; show("no answer"); });
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status !== 401) return;
    lost = true;
    show("signed out");
    say("This session has ended. `ez open` prints a link to a new one.");
  });

  // What scrolls by itself can be reached and scrolled by keyboard.
  const reach = () => {
    for (const one of document.querySelectorAll("main table, main pre:not(#said)")) {
      if (one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight) one.tabIndex = 0;
      else one.removeAttribute("tabindex");
    }
  };
  reach();
  addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true);

  // -- actions ----------------------------------------------------------------------------------------------------
  const post = async (address, body) => {
    const answer = await fetch(address, {
      method: "POST", credentials: "same-origin", body: JSON.stringify(body),
      headers: { "content-type": "application/json", "ez-request": "1", accept: "application/json" },
    });
    const given = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(given.detail || given.state || "refused (" + answer.status + ")");
    return given;
  };
  const ANSWERS = {
    OK: "done", ASKED: "asked to stop", STALE: "nothing to do: it has moved on meanwhile", GONE: "not there any more",
    FULL: "the queue is full", DUPLICATE: "it was done before",
  };
  const in_words = (answer) => ANSWERS[answer] || answer;
  const said = (given) => {
    if (given.answer) { const words = in_words(given.answer); return words[0].toUpperCase() + words.slice(1); }
    if (given.counts) return Object.entries(given.counts).map(([word, count]) => count + " " + in_words(word)).join(", ");
    if ("handed_back" in given) return given.handed_back + " handed back; everybody is paused" + (given.left.length ? "; not stopped: " + given.left.join(", ") : "");
    return given.sent ? given.sent.join("; ") : "Done";
  };
  const run = async (element, address, body) => {
    if (element.ariaDisabled) return;
    element.ariaDisabled = "true"; // and not `disabled`, which would take the focus from it
    try {
      const given = await post(address, body);
      const then = element.dataset.then || (element.form && element.form.dataset.then);
      if (then) location.assign(!given.tasks ? then : given.tasks.length === 1 ? "/tasks/" + given.tasks[0].id : "/runs/" + given.run);
      else {
        say(said(given));
        if (element.form) for (const field of element.form.querySelectorAll("textarea")) field.value = "";
        if (live()) htmx.trigger(live(), "live");
      }
    } catch (error) { say(error.message); } finally { element.ariaDisabled = null; }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-post]");
    if (!button) return;
    const body = JSON.parse(button.dataset.body || "{}");
    if (button.dataset.sure && !confirm(button.dataset.sure)) return;
    if (button.dataset.ask) {
      const words = prompt(button.dataset.words);
      if (words === null) return;
      body[button.dataset.ask] = words;
    }
    run(button, button.dataset.post, body);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-form]");
    if (!form) return;
    event.preventDefault();
    const body = body_of(form), button = event.submitter || form.querySelector("button");
    if (button.dataset.forecast) forecast(button, form, body);
    else run(button, form.dataset.form, body);
  });
  const body_of = (form) => {
    const body = {};
    for (const field of form.elements) {
      if (!field.name) continue;
      if ("flag" in field.dataset) body[field.name] = field.checked;
      else if ("list" in field.dataset) body[field.name] = field.value.split("\n").map((one) => one.trim()).filter(Boolean);
      else if ("number" in field.dataset) { if (field.value) body[field.name] = Number(field.value); }
      else body[field.name] = field.value;
    }
    return body;
  };

  // -- before a job is handed in ----------------------------------------------------------------------------------
  const usd = (micro) => (micro / 1e6).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 4 }) + " USD";
  const forecast = async (button, form, body) => {
    const place = form.querySelector("[data-forecast-told]");
    delete body.yes;
    if (button.ariaDisabled) return;
    button.ariaDisabled = "true";
    try {
      const told = await post(button.dataset.forecast, body);
      const cost = told.forecast
        ? usd(told.forecast.low) + " to " + usd(told.forecast.high) + ", likely " + usd(told.forecast.likely) + " (by " + told.forecast.basis + ")"
        : "nothing: no model is asked, or its price is not known";
      place.textContent = told.agent + (told.why ? " (" + told.why + ")" : "") + ": " + cost
        + (told.simulated ? "; simulated, nothing is paid" : "") + (told.needs_yes ? ". More than ask_above_usd: tick the box above to hand it in." : "");
    } catch (error) { place.textContent = error.message; } finally { button.ariaDisabled = null; }
  };
  const picked = (picker) => document.querySelector("[name=" + picker.dataset.picker + "]");
  const choose = (picker, path) => {
    const field = picked(picker), lines = field.value.split("\n").filter(Boolean);
    if (!lines.includes(path)) field.value = [...lines, path].join("\n");
    say(path + " is chosen");
  };
  const entry = (words, label, act) => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.textContent = words;
    button.setAttribute("aria-label", label);
    button.addEventListener("click", act);
    item.append(button);
    return item;
  };
  const look_into = async (picker, path) => {
    const list = picker.querySelector("ul"), here = picker.querySelector("[data-picker-here]");
    const answer = await fetch("/api/files?path=" + encodeURIComponent(path), { headers: { accept: "application/json" } });
    const given = await answer.json().catch(() => ({}));
    if (!answer.ok) { here.textContent = given.detail || "this folder cannot be listed"; return; }
    here.textContent = (given.path || "The whole workspace") + (given.is_cut ? " (not all of it is shown)" : "");
    const above = given.path.split("/").slice(0, -1).join("/");
    list.replaceChildren(
      ...(given.path ? [entry("..", "The folder above", () => look_into(picker, above)),
        entry("choose " + given.path + "/", "Choose this folder", () => choose(picker, given.path))] : []),
      ...given.folders.map((one) => entry(one.split("/").pop() + "/", "Open the folder " + one, () => look_into(picker, one))),
      ...given.files.map((one) => entry(one.path.split("/").pop(), "Choose the file " + one.path, () => choose(picker, one.path))));
  };
  for (const picker of document.querySelectorAll("[data-picker]"))
    picker.addEventListener("toggle", () => { if (picker.open && !picker.querySelector("li")) look_into(picker, ""); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, textarea, select")) return;
    const search = document.querySelector("input[type=search]");
    if (search) { event.preventDefault(); search.focus(); }
    else location.assign("/tasks#search");
  });
})();
