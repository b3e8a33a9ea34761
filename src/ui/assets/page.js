// Makes a readable page live: times in the reader's zone, and a check that updates itself.
//
// The server renders everything. On an event of the check the same HTML is fetched again and the sections that differ
// are exchanged by id, so there is no second opinion about words here. Focus, open details and scroll stay.
"use strict";
(() => {
  const lang = document.documentElement.lang || "en";
  const moment = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" });
  const exact = new Intl.DateTimeFormat(lang, { dateStyle: "full", timeStyle: "long" });
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: "always" });
  const body = document.body.dataset;

  // Ages round down and never leave a unit early, as on the server.
  function age(seconds) {
    if (seconds < 60) return body.moments;
    if (seconds < 3600) return relative.format(-Math.floor(seconds / 60), "minute");
    if (seconds < 172800 && Math.floor(seconds / 3600) !== 24) return relative.format(-Math.floor(seconds / 3600), "hour");
    return relative.format(-Math.floor(seconds / 86400), "day");
  }

  function localise(root) {
    for (const time of root.querySelectorAll("time[data-at], time[data-rel]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      if ("rel" in time.dataset) time.textContent = age((Date.now() - at) / 1000);
      else time.textContent = moment.format(at);
      time.title = exact.format(at);
    }
  }

  const live = document.getElementById("live");
  const shown = new Map(); // section's id -> its HTML as the server sent it
  if (live) for (const part of live.querySelectorAll("[data-live]")) shown.set(part.id, part.outerHTML);
  localise(document);
  setInterval(() => localise(document), 30000);
  if (!live) return;

  const page = `/jobs/${encodeURIComponent(live.dataset.job)}`;
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
    old.replaceWith(part);
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
      const answer = await fetch(`${page}/fragment`, { headers: { "Accept-Language": lang }, cache: "no-store" });
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

  const events = new EventSource(`/v1/jobs/${encodeURIComponent(live.dataset.job)}/events?lang=${lang}`);
  for (const kind of ["job", "source", "facts", "risk", "snapshot", "done"]) events.addEventListener(kind, refresh);
  let lost;
  events.onopen = () => {
    clearTimeout(lost);
    document.getElementById("link").textContent = "";
  };
  events.onerror = () => {
    clearTimeout(lost);
    lost = setTimeout(() => (document.getElementById("link").textContent = live.dataset.offline), 3000);
  };
  // What only time changes (a TTL that ends) sends no event.
  setInterval(() => document.visibilityState === "visible" && refresh(), 60000);
})();
