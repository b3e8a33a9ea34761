// Makes a readable page live: times in the reader's zone, and a check that updates itself.
//
// The server renders everything. On an event of the check the same HTML is fetched again and the sections that differ
// are exchanged by id, so there is no second opinion about words here. Focus, open details and scroll stay.
"use strict";
(() => {
  const lang = document.documentElement.lang || "en";
  // A day is written before its month, as in the words around it.
  const form = lang === "en" ? "en-GB" : lang;
  const moment = new Intl.DateTimeFormat(form, { dateStyle: "medium", timeStyle: "short" });
  const toSeconds = new Intl.DateTimeFormat(form, { dateStyle: "medium", timeStyle: "medium" });
  const exact = new Intl.DateTimeFormat(form, { dateStyle: "full", timeStyle: "long" });
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: "always" });
  const body = document.body.dataset;

  // Ages round down and never leave a unit early, as on the server.
  function age(seconds) {
    if (seconds < 60) return body.moments;
    if (seconds < 3600) return relative.format(-Math.floor(seconds / 60), "minute");
    if (seconds < 172800 && Math.floor(seconds / 3600) !== 24) return relative.format(-Math.floor(seconds / 3600), "hour");
    return relative.format(-Math.floor(seconds / 86400), "day");
  }

  // As exactly as the server found it needed, so that no two moments of a list read alike.
  function written(at, precision) {
    if (!precision) return moment.format(at);
    if (precision !== "milli") return toSeconds.format(at);
    const thousandths = (lang === "ru" ? "," : ".") + String(at.getMilliseconds()).padStart(3, "0");
    return toSeconds.formatToParts(at).map(({ type, value }) => (type === "second" ? value + thousandths : value)).join("");
  }

  function localise(root) {
    for (const time of root.querySelectorAll("time[data-at], time[data-rel]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      if ("rel" in time.dataset) time.textContent = age((Date.now() - at) / 1000);
      else time.textContent = written(at, time.dataset.at);
      time.title = exact.format(at);
    }
    for (const option of root.querySelectorAll("option[data-at]")) {
      const at = new Date(option.dataset.at);
      if (!Number.isNaN(at.getTime())) option.textContent = `${written(at, option.dataset.precision)} · ${option.dataset.said}`;
    }
  }

  // Addresses that were asked about before, while one is typed. The list of the first ones came with the page.
  function suggest(input) {
    if (!input?.list) return;
    let wanted;
    let asked = "";
    input.addEventListener("input", () => {
      clearTimeout(wanted);
      wanted = setTimeout(async () => {
        const text = input.value.trim();
        if (text === asked || text.length < 2) return;
        asked = text;
        const answer = await fetch(`/known?q=${encodeURIComponent(text)}`).catch(() => undefined);
        if (!answer?.ok || text !== asked) return;
        const option = (value) => Object.assign(document.createElement("option"), { value });
        input.list.replaceChildren(...(await answer.json()).map(option));
      }, 150);
    });
  }

  // The log is replayed on the server; its progress comes as events in the answer to the form.
  function verify(part) {
    const form = part?.querySelector("form");
    if (!form) return;
    const [button, bar, said, list] = ["button", "progress", "[role=status]", "ul"].map((one) => part.querySelector(one));
    const number = new Intl.NumberFormat(lang);
    const fill = (words, data) => words.replace(/\{(\w+)\}/g, (_, name) => number.format(data[name] ?? 0));
    const take = (name, data) => {
      if (name === "progress") [bar.max, bar.value, said.textContent] = [data.of || 1, data.commits, fill(part.dataset.progress, data)];
      if (name === "finding") {
        const line = document.createElement("li");
        const words = document.createElement("p");
        words.textContent = [data.kind, data.position ?? data.place ?? "", data.detail].join(" ");
        line.append(words);
        list.append(line);
        list.hidden = false;
      }
      if (name === "done") {
        bar.value = bar.max;
        said.className = `outcome ${data.ok ? "ok" : "bad"}`;
        said.textContent = fill(data.ok ? part.dataset.ok : part.dataset.bad, data);
      }
      return name === "done";
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      bar.hidden = false;
      bar.value = 0;
      list.replaceChildren();
      list.hidden = true;
      said.className = "outcome";
      let ended = false;
      try {
        const answer = await fetch(form.action, { method: "POST", headers: { Accept: "text/event-stream", "Accept-Language": lang } });
        if (!answer.ok) throw new Error(answer.statusText);
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let rest = "", read = await reader.read(); !read.done; read = await reader.read()) {
          const blocks = (rest + read.value).split("\n\n");
          rest = blocks.pop();
          for (const block of blocks) {
            const field = (name) => block.split("\n").find((line) => line.startsWith(name))?.slice(name.length).trim();
            const data = field("data:");
            if (data && take(field("event:"), JSON.parse(data))) ended = true;
          }
        }
      } catch {
        // Told below: what has no end has no outcome.
      }
      if (!ended) [said.className, said.textContent] = ["outcome bad", part.dataset.broken];
      bar.hidden = true;
      button.disabled = false;
    });
  }

  const live = document.getElementById("live");
  const shown = new Map(); // section's id -> its HTML as the server sent it
  if (live) for (const part of live.querySelectorAll("[data-live]")) shown.set(part.id, part.outerHTML);
  localise(document);
  // Ages run on; moments stay as they are written.
  setInterval(() => localise(document), 30000);
  document.addEventListener("change", ({ target }) => target.matches("select") && (target.dataset.touched = "1"));
  suggest(document.querySelector("[data-suggest]"));
  verify(document.getElementById("verify"));
  if (!live) return;

  const facts = new Set([...live.querySelectorAll("[data-fact]")].map((fact) => fact.id));
  const fresh = new Map(); // fact's id -> until when it is marked new
  let seen = document.getElementById("state")?.dataset.said;

  function markNew(part) {
    const now = Date.now();
    for (const fact of part.querySelectorAll("[data-fact]")) {
      if (!facts.has(fact.id)) {
        facts.add(fact.id);
        fresh.set(fact.id, now + 60000);
        fact.classList.add("is-new");
      }
      if ((fresh.get(fact.id) ?? 0) > now) {
        const mark = document.createElement("span");
        mark.className = "badge new";
        mark.textContent = body.new;
        fact.append(" ", mark);
        const later = () => mark.remove();
        setTimeout(later, fresh.get(fact.id) - now);
      }
    }
  }

  function exchange(old, part) {
    const open = new Set([...old.querySelectorAll("details[open]")].map((details) => details.id));
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    const changed = old.dataset.sig !== part.dataset.sig;
    const chosen = [...old.querySelectorAll("select")].map((select) => [select.id, select.value, select.dataset.touched]);
    old.replaceWith(part);
    // What the reader chose stays chosen; what nobody touched follows the newest.
    for (const [id, value] of chosen.filter(([, , touched]) => touched)) {
      const select = document.getElementById(id);
      if ([...(select?.options ?? [])].some((option) => option.value === value)) Object.assign(select, { value }).dataset.touched = "1";
    }
    for (const details of part.querySelectorAll("details")) details.open = open.has(details.id);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    if (changed) part.classList.add("changed");
  }

  function place(part, parts) {
    // A new section goes behind the one that stands before it, into the parent of the same id.
    const before = part.previousElementSibling?.id && document.getElementById(part.previousElementSibling.id);
    const parent = part.parentElement?.id && document.getElementById(part.parentElement.id);
    const own = document.importNode(part, true);
    if (before) before.after(own);
    else if (parent) parent.prepend(own);
    else return undefined;
    own.classList.add("changed");
    return own;
  }

  function update(html) {
    const parts = new DOMParser().parseFromString(html, "text/html").querySelectorAll("[data-live]");
    const here = new Set();
    for (const part of parts) {
      here.add(part.id);
      const raw = part.outerHTML;
      if (shown.get(part.id) === raw) continue;
      shown.set(part.id, raw);
      const old = document.getElementById(part.id);
      let own;
      if (old) exchange(old, (own = document.importNode(part, true)));
      else own = place(part);
      if (!own) continue;
      localise(own);
      markNew(own);
    }
    for (const id of [...shown.keys()]) {
      if (here.has(id)) continue;
      shown.delete(id);
      document.getElementById(id)?.remove();
    }
    const said = document.getElementById("state")?.dataset.said;
    if (said && said !== seen) document.getElementById("announce").textContent = seen = said;
  }

  let running = false;
  let again = false;
  async function refresh() {
    if (running) return void (again = true);
    running = true;
    try {
      const answer = await fetch(live.dataset.part, { headers: { "Accept-Language": lang }, cache: "no-store" });
      if (answer.status === 401) return void location.reload();
      if (answer.ok) update(await answer.text());
    } catch {
      // Offline: the stream reconnects by itself, and its first event asks again.
    } finally {
      // Events come in bursts; one look at most every 400 ms shows them all.
      setTimeout(() => {
        running = false;
        if (again) refresh((again = false));
      }, 400);
    }
  }

  const events = new EventSource(live.dataset.events);
  for (const kind of live.dataset.kinds.split(" ")) events.addEventListener(kind, refresh);
  let lost;
  const link = document.getElementById("link");
  const tell = (words) => link && (link.textContent = words);
  events.onopen = () => {
    clearTimeout(lost);
    tell("");
  };
  events.onerror = () => {
    clearTimeout(lost);
    lost = setTimeout(() => tell(live.dataset.offline), 3000);
  };
  // What only time changes (a TTL that ends) sends no event.
  setInterval(() => document.visibilityState === "visible" && refresh(), 60000);
})();
