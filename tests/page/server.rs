//! A server of fixtures: the real page over jobs that a test can change, and the events that tell of a change.

use super::{explained, fixtures};
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use mirano::ui::{Access, ChannelAt, Lang, NewChannel, NewCheck, PageData, Problem, Showcase, Visitor};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Jobs by id, what was asked of the page's data, and whether a key is needed.
pub struct Fixtures {
    pub jobs: Mutex<BTreeMap<String, Value>>,
    pub created: Mutex<Vec<NewCheck>>,
    pub rechecked: Mutex<Vec<String>>,
    pub key: Option<&'static str>,
    changes: watch::Sender<u64>,
}

impl Fixtures {
    pub fn new(key: Option<&'static str>) -> Arc<Self> {
        let jobs = [fixtures::partial(), fixtures::completed(1), fixtures::created(), fixtures::failed()];
        let by_id = jobs.into_iter().map(|job| (job["job_id"].as_str().expect("an id").to_owned(), job)).collect();
        Arc::new(Self {
            jobs: Mutex::new(by_id),
            created: Mutex::default(),
            rechecked: Mutex::default(),
            key,
            changes: watch::channel(0).0,
        })
    }

    /// Puts a job in the place of what was there, and tells everyone.
    pub fn put(&self, job: Value) {
        let id = job["job_id"].as_str().expect("an id").to_owned();
        self.jobs.lock().expect("no test panics with it").insert(id, job);
        self.changes.send_modify(|n| *n += 1);
    }
}

#[async_trait::async_trait]
impl PageData for Fixtures {
    async fn access(&self, key: Option<&str>) -> Access {
        match self.key {
            Some(wanted) if key != Some(wanted) => Access::KeyNeeded,
            wanted => Access::Granted(Visitor {
                tenant: "t".into(),
                key_id: wanted.map(|_| "k1".to_owned()),
                auditor: true,
                operator: true,
            }),
        }
    }

    async fn sources(&self, _: &Visitor, _: Lang) -> Result<Value, Problem> {
        Ok(fixtures::sources())
    }

    async fn outcomes(&self, _: &Visitor, _: Lang) -> Result<Value, Problem> {
        Ok(fixtures::outcomes())
    }

    async fn verify(&self, _: &Visitor, _: Lang) -> Result<BoxStream<'static, Vec<u8>>, Problem> {
        let event = |name: &str, data: Value| format!("event: {name}\ndata: {data}\n\n").into_bytes();
        let told = [
            event("progress", json!({"commits": 60, "of": 120, "bytes": 1, "events": 1, "facts": 20, "findings": 0})),
            event(
                "done",
                json!({"commits": 120, "of": 120, "facts": 46, "findings": 0, "ok": true, "digest": "4be0a1d0"}),
            ),
        ];
        Ok(futures::stream::iter(told).boxed())
    }

    async fn known(&self, _: &Visitor, text: &str, _: Lang) -> Result<Vec<String>, Problem> {
        let all = ["г Москва, ул Тверская, д 7, кв 12", "г Небывалинск, ул Вымышленная, д 7"];
        Ok(all.into_iter().filter(|one| one.to_lowercase().contains(&text.to_lowercase())).map(str::to_owned).collect())
    }

    async fn dead_letters(&self, _: &Visitor, _: Lang) -> Result<Value, Problem> {
        Ok(
            json!({"items": [{"task_id": "t1", "source": "courts", "subject": "company:7707083893", "outcome": "unavailable",
            "cause": "timeout: no answer within 20s", "attempts": 5, "failed_at": "2026-11-24T10:30:00Z", "evidence": [], "requesters": 3,
            "waiting": [{"job_id": "aka4idzf6cpjp4w7", "need_id": "n4", "task_id": "a4"}]}],
            "next_cursor": null}),
        )
    }

    async fn see_to(&self, _: &Visitor, id: &str, retry: bool, _: Lang) -> Result<(), Problem> {
        self.rechecked.lock().expect("no panic").push(format!("see to {id} {retry}"));
        Ok(())
    }

    async fn watches(&self, _: &Visitor, _: Lang) -> Result<Value, Problem> {
        Ok(
            json!({"items": [{"watch_id": "w1", "job_id": "job-done", "every": "1d", "hours": "22:00-06:00", "reason": "paid",
            "next_at": "2026-11-25T22:30:00Z", "last_at": "2026-11-24T10:30:00Z"}], "next_cursor": null}),
        )
    }

    async fn watch(&self, _: &Visitor, id: &str, every: &str, _: Lang) -> Result<(), Problem> {
        self.rechecked.lock().expect("no panic").push(format!("watch {id} {every}"));
        Ok(())
    }

    async fn end_watch(&self, _: &Visitor, id: &str, _: Lang) -> Result<(), Problem> {
        self.rechecked.lock().expect("no panic").push(format!("end {id}"));
        Ok(())
    }

    async fn told_of(&self, _: &Visitor, id: &str, _: Lang) -> Result<Value, Problem> {
        let muted = (id == "job-muted").then_some("2026-11-25T10:00:00Z");
        Ok(json!({"job_id": id, "events": ["job.final"], "channels": [], "muted_until": muted, "stale_at": null}))
    }

    async fn notifications(&self, _: &Visitor, lang: Lang) -> Result<Value, Problem> {
        Ok(fixtures::notifications(lang.code()))
    }

    async fn mark_read(&self, _: &Visitor, _: Lang) -> Result<(), Problem> {
        self.rechecked.lock().expect("no panic").push("read all".to_owned());
        Ok(())
    }

    async fn channels(&self, _: &Visitor, _: Lang) -> Result<Value, Problem> {
        Ok(fixtures::channels())
    }

    async fn add_channel(&self, _: &Visitor, new: NewChannel, _: Lang) -> Result<Value, Problem> {
        self.rechecked.lock().expect("no panic").push(format!("add {} {}", new.kind, new.target));
        match new.target.as_str() {
            "nonsense" => Err(Problem(json!({"status": 422, "code": "input_invalid", "title": "An input is wrong",
                "detail": "/url: is no URL", "fix": "Send `https://…`.", "errors": [{"at": "/url", "detail": "is no URL"}]}))),
            _ if new.kind == "webhooks" => Ok(json!({"webhook_id": "w2", "secret": "whsec_c2VjcmV0"})),
            _ => Ok(json!({"email_id": "e2"})),
        }
    }

    async fn mute_channel(&self, _: &Visitor, channel: ChannelAt<'_>, time: &str, _: Lang) -> Result<(), Problem> {
        self.rechecked.lock().expect("no panic").push(format!("mute {} {} {time}", channel.kind, channel.id));
        Ok(())
    }

    async fn end_channel(&self, _: &Visitor, channel: ChannelAt<'_>, _: Lang) -> Result<(), Problem> {
        self.rechecked.lock().expect("no panic").push(format!("end {} {}", channel.kind, channel.id));
        Ok(())
    }

    async fn deliveries(&self, _: &Visitor, channel: ChannelAt<'_>, lang: Lang) -> Result<(Value, Value), Problem> {
        let channels = fixtures::channels();
        let mut known = channels[channel.kind]["items"].as_array().into_iter().flatten();
        let is = |one: &&Value| ["webhook_id", "email_id"].iter().any(|name| one[*name] == channel.id);
        let found = known.find(is).ok_or_else(|| Problem(json!({"status": 404, "code": "not_found"})))?;
        Ok((found.clone(), fixtures::deliveries(lang.code())))
    }

    async fn send_again(&self, _: &Visitor, channel: ChannelAt<'_>, delivery: &str, _: Lang) -> Result<(), Problem> {
        let done = format!("again {} {} {delivery}", channel.kind, channel.id);
        self.rechecked.lock().expect("no panic").push(done);
        Ok(())
    }

    async fn log(&self, _: &Visitor, from: &str, limit: usize, _: Lang) -> Result<Value, Problem> {
        Ok(fixtures::log(from, limit))
    }

    async fn heads(&self, _: &Visitor, _: Lang) -> Result<Value, Problem> {
        Ok(
            json!({"items": [{"head": "log@0:120=abc", "partition": 0, "commits": 120, "hash": "abc"}], "next_cursor": null}),
        )
    }

    async fn job(&self, visitor: &Visitor, id: &str, lang: Lang) -> Result<Option<Value>, Problem> {
        self.report(visitor, id, lang).await
    }

    async fn report(&self, _: &Visitor, id: &str, lang: Lang) -> Result<Option<Value>, Problem> {
        let mut job = self.jobs.lock().expect("no test panics with it").get(id).cloned();
        if let Some(job) = &mut job {
            let honesty = job["honesty"].as_array().into_iter().flatten().map(|words| words[lang.code()].clone());
            job["honesty"] = honesty.collect();
        }
        Ok(job)
    }

    async fn report_at(&self, visitor: &Visitor, id: &str, as_of: &str, lang: Lang) -> Result<Option<Value>, Problem> {
        let mut job = self.report(visitor, id, lang).await?;
        if let Some(job) = &mut job {
            job["at"] = as_of.into();
        }
        Ok(job)
    }

    async fn job_at(&self, visitor: &Visitor, id: &str, as_of: &str, lang: Lang) -> Result<Option<Value>, Problem> {
        self.report_at(visitor, id, as_of, lang).await
    }

    async fn explain(&self, _: &Visitor, id: &str, as_of: Option<&str>, lang: Lang) -> Result<Value, Problem> {
        Ok(explained::explanation(id, lang.code(), as_of))
    }

    async fn snapshot(&self, _: &Visitor, id: &str, _: Lang) -> Result<Option<Value>, Problem> {
        Ok((id == "s2").then(|| {
            json!({"snapshot_id": "s2", "job_id": "job-done", "facts_root": "9f2ce1d0a7b3441e8c55", "facts": 46,
            "receipts_root": "4be0a1d0a7b3441e8c55", "sealed_at": "2026-11-24T10:12:00Z", "position": "0:1234"})
        }))
    }

    async fn changes(&self, _: &Visitor, _: &str, _: usize, _: Lang) -> Result<Value, Problem> {
        Ok(fixtures::changes())
    }

    async fn diff(&self, _: &Visitor, from: &str, to: &str, cursor: Option<&str>, _: Lang) -> Result<Value, Problem> {
        if from == "nonsense" {
            return Err(Problem(
                json!({"status": 404, "code": "not_found", "title": "Nothing", "fix": "Check the id.",
                "detail": "there is no such snapshot: \"nonsense\"", "errors": []}),
            ));
        }
        Ok(fixtures::diff(from, to, cursor.is_none()))
    }

    async fn recent(&self, _: &Visitor, _: Lang, limit: usize) -> Result<Vec<Value>, Problem> {
        Ok(self.jobs.lock().expect("no test panics with it").values().take(limit).cloned().collect())
    }

    async fn profiles(&self) -> Result<Value, Problem> {
        Ok(fixtures::profiles())
    }

    async fn titles(&self) -> Result<Value, Problem> {
        Ok(fixtures::titles())
    }

    async fn create(&self, _: &Visitor, check: NewCheck, _: Lang) -> Result<String, Problem> {
        if check.address.is_empty() {
            return Err(Problem(
                json!({"status": 422, "code": "address_empty", "title": "Адрес пуст", "detail": "Адрес пуст.",
                "fix": "Напишите улицу и дом.", "errors": [{"at": "address", "detail": "здесь ничего нет"}]}),
            ));
        }
        if let Some(inn) = check.inputs.get("seller_birth_date").filter(|date| !date.contains('-')) {
            return Err(Problem(
                json!({"status": 422, "code": "input_invalid", "title": "Bad input", "detail": format!("not a date: {inn}"),
                "fix": "Write it as 1980-01-31.", "errors": [{"at": "/inputs/seller_birth_date", "detail": "not a date"}]}),
            ));
        }
        self.created.lock().expect("no test panics with it").push(check);
        Ok("job-partial".to_owned())
    }

    async fn recheck(&self, _: &Visitor, id: &str, _: Lang) -> Result<(), Problem> {
        self.rechecked.lock().expect("no test panics with it").push(id.to_owned());
        Ok(())
    }

    fn interface(&self) -> &Value {
        fixtures::interface()
    }

    fn demo(&self) -> Option<Vec<Showcase>> {
        let case =
            |address: &str, ru: &str, en: &str| Showcase { address: address.into(), ru: ru.into(), en: en.into() };
        Some(vec![
            case(
                "г Небывалинск, ул Вымышленная, д 7, кв 12",
                "спокойный застройщик, низкий риск",
                "a quiet developer, low risk",
            ),
            case(
                "г Небывалинск, ул Придуманная, д 13, кв 66",
                "банкротство застройщика и арест",
                "the developer's bankruptcy and an arrest",
            ),
        ])
    }
}

/// The page with its events, as the whole server would serve them.
pub fn app(fixtures: &Arc<Fixtures>) -> axum::Router {
    let events =
        axum::Router::new().route("/v1/jobs/{id}/events", axum::routing::get(events)).with_state(Arc::clone(fixtures));
    mirano::ui::router(Arc::clone(fixtures) as Arc<dyn PageData>).merge(events)
}

async fn events(State(fixtures): State<Arc<Fixtures>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receiver = fixtures.changes.subscribe();
    let stream = futures::stream::unfold((receiver, true), |(mut receiver, first)| async move {
        if !first {
            receiver.changed().await.ok()?;
        }
        Some((Event::default().event(if first { "job" } else { "source" }).data("{}"), (receiver, false)))
    });
    Sse::new(stream.map(Ok))
}

/// Serves on a port of the system's choice until the process ends.
pub async fn serve(fixtures: &Arc<Fixtures>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let at = listener.local_addr().expect("it listens");
    let app = app(fixtures);
    tokio::spawn(async move { axum::serve(listener, app).await });
    at
}
