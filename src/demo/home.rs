//! The front page: says that this is a demo, names addresses to try, shows the controls.

use super::answer::{Answer, escape};
use super::server::{Shared, held};
use super::sites::SITES;
use super::world::Showcase;
use axum::extract::State;
use std::fmt::Write;
use std::sync::Arc;

const CONTROLS: &str = r#"<p><button onclick="post('clock', {advance_days: 1})">+1</button>
<button onclick="post('clock', {advance_days: 30})">+30</button>
<button onclick="post('reset', {})">reset counters</button></p>
<script>async function post(what, body) {
  await fetch('/control/' + what, {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(body)});
  location.reload();
}</script>"#;

/// `GET /`
pub async fn home(State(state): State<Arc<Shared>>) -> Answer {
    let mut body = String::from("<h1>Демо-источники Mirano / Mirano demo sources</h1>\n");
    let _ = write!(
        body,
        "<p>Это не настоящие источники. Все компании, лица, адреса, дела и долги здесь вымышлены; номера начинаются с несуществующего региона 00. \
         Любой адрес получает ответ, выведенный из его букв. / These are not real sources. All companies, persons, addresses, cases and debts are \
         invented; numbers begin with the region 00, which does not exist. Any address gets an answer that follows from its letters.</p>\n\
         <h2>Дата мира / the world's date: {}</h2>{CONTROLS}\n<h2>Адреса / addresses</h2>\n<ul>\n",
        state.date(),
    );
    for case in Showcase::ALL {
        let (ru, en) = case.story();
        let _ = writeln!(body, "<li><code>{}</code> — {ru} / {en}</li>", escape(case.address()));
    }
    body.push_str("</ul>\n<h2>Источники / sources</h2>\n<table><tr><th>id</th><th></th><th>limit</th><th>requests</th><th>429</th></tr>\n");
    let shown = held(&state.counters).shown();
    for site in &SITES {
        let count = shown.by_source.get(site.id).cloned().unwrap_or_default();
        let limit = super::server::at_speed(site.limit, state.speed);
        let _ = writeln!(
            body,
            "<tr><td><code>{}…</code></td><td>{} / {}</td><td>{}/{} s</td><td>{}</td><td>{}</td></tr>",
            site.example,
            site.title.0,
            site.title.1,
            limit.requests,
            limit.period.as_secs(),
            count.total,
            count.over_limit,
        );
    }
    body.push_str("</table>\n");
    if let Some(folder) = &state.folder {
        body.push_str("<h2>Файлы / files</h2>\n<ul>\n");
        for (path, dates) in folder.paths() {
            let _ = writeln!(body, "<li><a href=\"/data/{0}\">/data/{0}</a>: {1}</li>", escape(&path), dates);
        }
        body.push_str("</ul>\n");
    }
    body.push_str(
        "<p><a href=\"/control/requests\">/control/requests</a> · <a href=\"/control/clock\">/control/clock</a> · \
         <a href=\"/control/fault\">/control/fault</a> · <a href=\"/control/showcases\">/control/showcases</a></p>",
    );
    Answer::html("Mirano demo", &body)
}
