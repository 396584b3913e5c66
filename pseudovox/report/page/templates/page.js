"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  root.classList.add("js");
  for (const element of all(".choices, .chips, .keys, .theme")) element.hidden = false;

  // Light and dark: the machine's, until the button says otherwise.
  const theme = document.querySelector("[data-theme-switch]");
  const dark = () => root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => { theme.textContent = dark() ? "Light" : "Dark"; theme.setAttribute("aria-label", `Switch to ${dark() ? "light" : "dark"}`); };
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();

  // What is shown: of everything that belongs to a set, a group of speakers or an attacker, that of the chosen ones.
  const switches = all("[data-switch]");
  const show = () => {
    const chosen = Object.fromEntries(switches.map((select) => [select.dataset.switch, select.value]));
    for (const element of all("[data-set], [data-speakers], [data-attacker]")) {
      element.hidden = ["set", "speakers", "attacker"].some(
        (kind) => chosen[kind] !== undefined && element.dataset[kind] !== undefined && element.dataset[kind] !== chosen[kind]);
    }
    for (const topic of all("[data-topic]")) {
      topic.querySelector(".none").hidden = all("figure", topic).some((figure) => !figure.hidden);
    }
  };
  for (const select of switches) select.addEventListener("change", show);
  show();

  // Sorting: by a column, first from the low end, then from the high one; what was not run stays below.
  for (const table of all("[data-sortable]")) {
    const heads = all("thead th", table);
    heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", (event) => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      const words = event.currentTarget.dataset.sort === "text";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const value = (row) => words ? row.cells[column].textContent : row.cells[column].dataset.value;
      for (const body of table.tBodies) {
        const rows = [...body.rows].filter((row) => !row.classList.contains("of"));
        rows.sort((one, other) => {
          const [a, b] = [value(one), value(other)];
          if (a === "" || b === "") return (a === "") - (b === "");
          return (words ? a.localeCompare(b) : a - b) * (rising ? 1 : -1);
        });
        body.append(...rows);
      }
    }));
  }

  // A link to a command opens the list that it is in.
  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const closed = target && target.closest("details:not([open])");
    if (closed) { closed.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  open();

  // Listening: one utterance is shown, and one player plays at a time.
  const section = document.getElementById("listen");
  if (!section) return;
  const chips = all(".chips button", section);
  const samples = all(".sample", section);
  const players = all("[data-player]", section);
  const sound = (player) => player.querySelector("audio");
  const silence = (except) => { for (const player of players) if (player !== except) sound(player).pause(); };
  const select = (place) => {
    silence();
    samples.forEach((sample, number) => { sample.hidden = number !== place; });
    chips.forEach((chip, number) => chip.setAttribute("aria-pressed", number === place));
  };
  chips.forEach((chip, place) => chip.addEventListener("click", () => select(place)));
  select(0);
  for (const player of players) {
    const audio = sound(player);
    const cursor = player.querySelector(".cursor");
    const follow = () => {
      cursor.hidden = audio.currentTime === 0;
      cursor.style.left = `${100 * audio.currentTime / (audio.duration || 1)}%`;
      if (!audio.paused) requestAnimationFrame(follow);
    };
    audio.addEventListener("play", () => { silence(player); player.classList.add("playing"); follow(); });
    audio.addEventListener("pause", () => player.classList.remove("playing"));
    audio.addEventListener("ended", () => { audio.currentTime = 0; follow(); });
    audio.addEventListener("seeked", follow);
    player.querySelector("[data-seek]").addEventListener("click", (event) => {
      const box = event.currentTarget.getBoundingClientRect();
      audio.currentTime = (event.clientX - box.left) / box.width * audio.duration;
      audio.play();
    });
  }
  section.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea")) return;
    const place = samples.findIndex((sample) => !sample.hidden);
    if (event.key === "n" || event.key === "p") {
      const next = (place + (event.key === "n" ? 1 : samples.length - 1)) % samples.length;
      select(next);
      chips[next].focus();
    } else if (event.key === "0") {
      silence();
    } else if (/^[1-9]$/.test(event.key)) {
      const player = all("[data-player]", samples[place])[Number(event.key) - 1];
      if (!player) return;
      sound(player).currentTime = 0;
      sound(player).play();
    } else {
      return;
    }
    event.preventDefault();
  });
})();
