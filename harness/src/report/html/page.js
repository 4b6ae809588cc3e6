(() => {
  "use strict";
  const form = document.getElementById("filters");
  const list = document.getElementById("list");
  const shown = document.getElementById("shown");
  const fields = ["find", "outcome", "scenario", "kernel", "side", "expected", "sort"].filter((name) => form.elements[name]);
  const runs = [...list.children];
  const texts = new Map();
  form.hidden = false;

  // What is searched: all that a run says, read when it is first asked for.
  const text = (run) => {
    if (!texts.has(run)) texts.set(run, run.textContent.toLowerCase());
    return texts.get(run);
  };

  const wanted = () => Object.fromEntries(fields.map((name) => [name, form.elements[name].value]));

  const fits = (run, want) =>
    ["outcome", "scenario", "kernel", "side", "expected"].every((name) => !want[name] || run.dataset[name] === want[name]) &&
    want.find.toLowerCase().split(/\s+/).every((word) => !word || text(run).includes(word));

  let order = "";
  const arrange = (want) => {
    if (want.sort === order) return;
    order = want.sort;
    const by = (run) => Number(run.dataset[order]);
    const sorted = order ? [...runs].sort((a, b) => by(b) - by(a)) : runs;
    list.append(...sorted);
  };

  const apply = () => {
    const want = wanted();
    arrange(want);
    let count = 0;
    for (const run of runs) {
      run.hidden = !fits(run, want);
      if (!run.hidden) count += 1;
    }
    const all = `${runs.length} ${runs.length === 1 ? "run" : "runs"}`;
    shown.textContent = count === runs.length ? all : `${count} of ${all}`;
  };

  // The view is in the address, so that it can be handed on.
  const remember = () => {
    const view = new URLSearchParams(Object.entries(wanted()).filter(([, value]) => value));
    const text = view.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  };

  const changed = () => {
    apply();
    remember();
  };

  const set = (values) => {
    for (const name of fields) form.elements[name].value = values[name] ?? "";
    // A value that is not among the choices would hide nothing and say so nowhere.
    for (const name of fields) if (form.elements[name].selectedIndex === -1) form.elements[name].value = "";
  };

  // An address is a view (it has a `=`) or a place on the page.
  const visit = () => {
    const hash = location.hash.slice(1);
    if (!hash || hash.includes("=")) {
      set(Object.fromEntries(new URLSearchParams(hash)));
      apply();
      return;
    }
    let place = null;
    try {
      place = document.getElementById(decodeURIComponent(hash));
    } catch {
      return;
    }
    if (!place) return;
    const run = place.closest(".run");
    if (run && run.hidden) {
      set({});
      apply();
    }
    for (let up = place; up; up = up.parentElement) if (up.localName === "details") up.open = true;
    place.scrollIntoView();
    if (run === place) place.querySelector("summary").focus({ preventScroll: true });
  };

  let timer = 0;
  form.elements.find.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(changed, 120);
  });
  form.addEventListener("change", changed);
  form.addEventListener("reset", () => setTimeout(changed));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    changed();
  });
  const all = (open) => () => {
    for (const run of runs) if (!run.hidden) run.open = open;
  };
  form.elements.open.addEventListener("click", all(true));
  form.elements.close.addEventListener("click", all(false));

  // A cell of the grid shows its runs, and only these.
  document.addEventListener("click", (event) => {
    const cell = event.target.closest("a.cell");
    if (!cell || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    set({ scenario: cell.dataset.scenario, kernel: cell.dataset.kernel });
    const view = new URLSearchParams({ scenario: cell.dataset.scenario, kernel: cell.dataset.kernel });
    history.pushState(null, "", `#${view}`);
    apply();
    const heading = document.getElementById("runs");
    heading.scrollIntoView();
    heading.focus({ preventScroll: true });
  });

  // Commands get a button to copy them, when they are first seen.
  const copy = async (command, button) => {
    try {
      await navigator.clipboard.writeText(command.textContent);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(command);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  };
  const buttons = (place) => {
    for (const command of place.querySelectorAll(".command")) {
      if (command.nextElementSibling?.className === "copy") continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.setAttribute("aria-label", `Copy: ${command.textContent.slice(0, 80)}`);
      button.addEventListener("click", () => copy(command, button));
      command.after(button);
    }
  };
  document.addEventListener("toggle", (event) => event.target.open && event.target.matches(".run") && buttons(event.target), true);
  for (const place of document.querySelectorAll(".run[open], main > .facts")) buttons(place);

  // On paper all that is shown is open, where the style sheet alone cannot do it.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
    closed = [];
  });

  addEventListener("hashchange", visit);
  visit();
})();
