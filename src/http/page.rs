//! What the web page shows, taken from the interface itself: the page can do what a caller can, and nothing else.

use super::auth::{Caller, Role};
use super::in_process::{Ask, InProcess};
use super::state::AppState;
use crate::core::policy::PolicyDocument;
use crate::explain::words::Both;
use crate::ui::{Access, ChannelAt, Lang, NewChannel, NewCheck, PageData, Problem, Showcase, Visitor};
use async_trait::async_trait;
use axum::Router;
use axum::http::Method;
use futures::stream::BoxStream;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The same for the whole life of the process.
static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| json!(super::openapi()));

/// The page's way to the interface, in this process.
pub struct Pages {
    state: AppState,
    api: InProcess,
    demo: Option<Vec<Showcase>>,
}

impl Pages {
    /// `api` is [`super::router`]; `demo` has the addresses to offer where sources are invented.
    pub fn new(state: AppState, api: Router, demo: Option<Vec<Showcase>>) -> Self {
        Self { state, api: InProcess::new(api), demo }
    }

    /// Whatever is refused is refused in the words of the reader.
    async fn call(&self, visitor: &Visitor, ask: Ask<'_>, lang: Lang) -> Result<Value, Problem> {
        let (join, lang) = (if ask.path.contains('?') { '&' } else { '?' }, lang.code());
        let path = format!("{}{join}lang={lang}", ask.path);
        self.api.call(caller(visitor), Ask { path: &path, ..ask }).await.map_err(Problem)
    }

    async fn read(&self, visitor: &Visitor, path: &str, lang: Lang) -> Result<Value, Problem> {
        self.call(visitor, Ask { path, ..Ask::default() }, lang).await
    }

    /// What makes or changes something.
    async fn change(&self, visitor: &Visitor, ask: Ask<'_>, lang: Lang) -> Result<(), Problem> {
        self.call(visitor, ask, lang).await.map(|_| ())
    }
}

/// Whoever looks, as the interface knows them.
fn caller(visitor: &Visitor) -> Caller {
    let roles = [(true, Role::User), (visitor.auditor, Role::Auditor), (visitor.operator, Role::Operator)];
    Caller {
        key: visitor.key_id.clone().unwrap_or_else(|| "page".to_owned()),
        tenant: visitor.tenant.clone(),
        roles: roles.into_iter().filter_map(|(has, role)| has.then_some(role)).collect(),
    }
}

fn broken(detail: &str) -> Problem {
    Problem(super::in_process::broken(detail))
}

/// `None` for what is not there.
fn there(read: Result<Value, Problem>) -> Result<Option<Value>, Problem> {
    match read {
        Ok(value) => Ok(Some(value)),
        // One that names a place says more than that there is nothing: no check was there at that moment.
        Err(problem) if problem.status() == 404 && !names_a_place(&problem) => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn names_a_place(problem: &Problem) -> bool {
    problem.0.get("errors").and_then(Value::as_array).is_some_and(|errors| !errors.is_empty())
}

fn path(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn about(channel: ChannelAt<'_>) -> String {
    format!("/v1/{}/{}", path(channel.kind), path(channel.id))
}

fn post(path: &str) -> Ask<'_> {
    Ask { method: Method::POST, path, ..Ask::default() }
}

/// Names for people: of sources, rules and levels.
pub(super) fn titles(document: &PolicyDocument) -> Value {
    let words = |words: &crate::core::policy::Words| Both::new(words.ru.clone(), words.en.clone());
    let sources: BTreeMap<_, _> = document.sources.iter().map(|(id, spec)| (id, words(&spec.title))).collect();
    let rules: BTreeMap<_, _> = document.risk.rules.iter().map(|rule| (&rule.id, words(&rule.title))).collect();
    let levels: BTreeMap<_, _> =
        document.risk.levels.iter().filter_map(|level| Some((&level.id, words(level.title.as_ref()?)))).collect();
    json!({"sources": sources, "rules": rules, "levels": levels, "currencies": currencies(document)})
}

/// Currencies of attributes, by the kind of fact; none of an attribute that is in several, by its source.
fn currencies(document: &PolicyDocument) -> BTreeMap<&str, BTreeMap<&str, Option<&str>>> {
    let mut currencies: BTreeMap<&str, BTreeMap<&str, Option<&str>>> = BTreeMap::new();
    for fact in document.sources.values().flat_map(|spec| &spec.facts) {
        let of_kind = currencies.entry(&fact.kind).or_default();
        for (name, spec) in &fact.attrs {
            let currency = spec.currency.as_deref();
            let known = of_kind.entry(name).or_insert(currency);
            *known = known.filter(|known| Some(*known) == currency);
        }
    }
    currencies
}

#[async_trait]
impl PageData for Pages {
    async fn access(&self, key: Option<&str>) -> Access {
        match self.state.auth().by_key(key) {
            Ok(caller) if caller.need(Role::User).is_ok() => {
                let keyed = matches!(self.state.auth(), super::Auth::Keys(_));
                Access::Granted(Visitor {
                    auditor: caller.need(Role::Auditor).is_ok(),
                    operator: caller.need(Role::Operator).is_ok(),
                    tenant: caller.tenant,
                    key_id: keyed.then_some(caller.key),
                })
            }
            _ => Access::KeyNeeded,
        }
    }

    async fn job(&self, visitor: &Visitor, id: &str, lang: Lang) -> Result<Option<Value>, Problem> {
        there(self.read(visitor, &format!("/v1/jobs/{}", path(id)), lang).await)
    }

    async fn report(&self, visitor: &Visitor, id: &str, lang: Lang) -> Result<Option<Value>, Problem> {
        there(self.read(visitor, &format!("/v1/jobs/{}/report", path(id)), lang).await)
    }

    async fn report_at(&self, visitor: &Visitor, id: &str, as_of: &str, lang: Lang) -> Result<Option<Value>, Problem> {
        there(self.read(visitor, &format!("/v1/jobs/{}/report?as_of={}", path(id), path(as_of)), lang).await)
    }

    async fn job_at(&self, visitor: &Visitor, id: &str, as_of: &str, lang: Lang) -> Result<Option<Value>, Problem> {
        there(self.read(visitor, &format!("/v1/jobs/{}?as_of={}", path(id), path(as_of)), lang).await)
    }

    async fn explain(&self, visitor: &Visitor, id: &str, as_of: Option<&str>, lang: Lang) -> Result<Value, Problem> {
        let as_of = as_of.map(|as_of| format!("?as_of={}", path(as_of))).unwrap_or_default();
        self.read(visitor, &format!("/v1/jobs/{}/explain{as_of}", path(id)), lang).await
    }

    async fn snapshot(&self, visitor: &Visitor, id: &str, lang: Lang) -> Result<Option<Value>, Problem> {
        there(self.read(visitor, &format!("/v1/snapshots/{}", path(id)), lang).await)
    }

    async fn changes(&self, visitor: &Visitor, id: &str, limit: usize, lang: Lang) -> Result<Value, Problem> {
        self.read(visitor, &format!("/v1/jobs/{}/changes?limit={limit}", path(id)), lang).await
    }

    async fn diff(
        &self,
        visitor: &Visitor,
        from: &str,
        to: &str,
        cursor: Option<&str>,
        lang: Lang,
    ) -> Result<Value, Problem> {
        let cursor = cursor.map(|cursor| format!("&cursor={}", path(cursor))).unwrap_or_default();
        self.read(visitor, &format!("/v1/diff?from={}&to={}{cursor}", path(from), path(to)), lang).await
    }

    async fn recent(&self, visitor: &Visitor, lang: Lang, limit: usize) -> Result<Vec<Value>, Problem> {
        let list = self.read(visitor, &format!("/v1/jobs?limit={limit}"), lang).await?;
        let mut jobs = Vec::new();
        for item in list.get("items").and_then(Value::as_array).into_iter().flatten() {
            let id = item.get("job_id").and_then(Value::as_str).unwrap_or_default();
            jobs.extend(self.job(visitor, id, lang).await?);
        }
        Ok(jobs)
    }

    async fn profiles(&self) -> Result<Value, Problem> {
        let nobody = Visitor { tenant: String::new(), key_id: None, auditor: false, operator: false };
        self.read(&nobody, "/v1/profiles", Lang::default()).await
    }

    async fn titles(&self) -> Result<Value, Problem> {
        let policy = self.state.policy().map_err(|error| broken(&format!("{error:?}")))?;
        Ok(titles(&policy.document))
    }

    async fn create(&self, visitor: &Visitor, check: NewCheck, lang: Lang) -> Result<String, Problem> {
        let mut body = json!({"address": check.address, "profile": check.profile, "inputs": check.inputs});
        if check.ask_anew
            && let Some(body) = body.as_object_mut()
        {
            body.insert("max_age".to_owned(), json!({"*": "0s"}));
        }
        let ask = Ask { body: Some(body), key: check.idempotency_key, ..post("/v1/jobs") };
        let job = self.call(visitor, ask, lang).await?;
        let id = job.get("job_id").and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| broken("the new job has no id"))
    }

    async fn recheck(&self, visitor: &Visitor, id: &str, lang: Lang) -> Result<(), Problem> {
        let path = format!("/v1/jobs/{}/recheck", path(id));
        let body = Some(json!({"reason": "asked on the page"}));
        self.change(visitor, Ask { body, ..post(&path) }, lang).await
    }

    async fn sources(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem> {
        self.read(visitor, "/v1/sources", lang).await
    }

    async fn outcomes(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem> {
        self.read(visitor, "/v1/sources/outcomes", lang).await
    }

    async fn dead_letters(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem> {
        self.read(visitor, "/v1/dead-letters?limit=100", lang).await
    }

    async fn see_to(&self, visitor: &Visitor, id: &str, retry: bool, lang: Lang) -> Result<(), Problem> {
        let about = format!("/v1/dead-letters/{}", path(id));
        let (method, about) = if retry { (Method::POST, format!("{about}/retry")) } else { (Method::DELETE, about) };
        self.change(visitor, Ask { method, path: &about, ..Ask::default() }, lang).await
    }

    async fn watches(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem> {
        self.read(visitor, "/v1/watches?limit=100", lang).await
    }

    async fn watch(&self, visitor: &Visitor, id: &str, every: &str, lang: Lang) -> Result<(), Problem> {
        let told = self.told_of(visitor, id, lang).await?;
        let mut body = json!({"job_id": id, "every": every, "reason": "key"});
        // Whoever watches wants to be told. What was chosen before, of what and by which channels, stays as it was chosen.
        let chosen = told.get("events").and_then(Value::as_array).is_some_and(|events| !events.is_empty());
        if let Some(body) = body.as_object_mut().filter(|_| !chosen) {
            body.insert("notify".to_owned(), json!({}));
        }
        // A second click sets no second watch.
        let key = format!("page-watch-{id}");
        self.change(visitor, Ask { body: Some(body), key: Some(key), ..post("/v1/watches") }, lang).await
    }

    async fn told_of(&self, visitor: &Visitor, id: &str, lang: Lang) -> Result<Value, Problem> {
        self.read(visitor, &format!("/v1/jobs/{}/notify", path(id)), lang).await
    }

    async fn end_watch(&self, visitor: &Visitor, id: &str, lang: Lang) -> Result<(), Problem> {
        let path = format!("/v1/watches/{}", path(id));
        self.change(visitor, Ask { method: Method::DELETE, path: &path, ..Ask::default() }, lang).await
    }

    async fn notifications(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem> {
        self.read(visitor, "/v1/notifications?limit=50", lang).await
    }

    async fn mark_read(&self, visitor: &Visitor, lang: Lang) -> Result<(), Problem> {
        let body = Some(json!({"all": true}));
        self.change(visitor, Ask { body, ..post("/v1/notifications/read") }, lang).await
    }

    async fn channels(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem> {
        let webhooks = self.read(visitor, "/v1/webhooks?limit=100", lang).await?;
        let emails = self.read(visitor, "/v1/emails?limit=100", lang).await?;
        Ok(json!({"webhooks": webhooks, "emails": emails}))
    }

    async fn add_channel(&self, visitor: &Visitor, new: NewChannel, lang: Lang) -> Result<Value, Problem> {
        let mut body = match new.kind.as_str() {
            "emails" => json!({"address": new.target, "lang": lang.code()}),
            _ => json!({"url": new.target}),
        };
        if let (Some(digest), Some(body)) = (new.digest, body.as_object_mut()) {
            body.insert("digest".to_owned(), json!(digest));
        }
        let path = format!("/v1/{}", path(&new.kind));
        self.call(visitor, Ask { body: Some(body), key: new.idempotency_key, ..post(&path) }, lang).await
    }

    async fn mute_channel(
        &self,
        visitor: &Visitor,
        channel: ChannelAt<'_>,
        time: &str,
        lang: Lang,
    ) -> Result<(), Problem> {
        let body = Some(json!({"mute": time}));
        let ask = Ask { method: Method::PATCH, path: &about(channel), body, ..Ask::default() };
        self.change(visitor, ask, lang).await
    }

    async fn end_channel(&self, visitor: &Visitor, channel: ChannelAt<'_>, lang: Lang) -> Result<(), Problem> {
        self.change(visitor, Ask { method: Method::DELETE, path: &about(channel), ..Ask::default() }, lang).await
    }

    async fn deliveries(
        &self,
        visitor: &Visitor,
        channel: ChannelAt<'_>,
        lang: Lang,
    ) -> Result<(Value, Value), Problem> {
        let about = about(channel);
        Ok((self.read(visitor, &about, lang).await?, self.read(visitor, &format!("{about}/deliveries"), lang).await?))
    }

    async fn send_again(
        &self,
        visitor: &Visitor,
        channel: ChannelAt<'_>,
        delivery: &str,
        lang: Lang,
    ) -> Result<(), Problem> {
        let about = format!("{}/deliveries/{}/retry", about(channel), path(delivery));
        self.change(visitor, post(&about), lang).await
    }

    async fn log(&self, visitor: &Visitor, from: &str, limit: usize, lang: Lang) -> Result<Value, Problem> {
        self.read(visitor, &format!("/v1/log?from={}&limit={limit}", path(from)), lang).await
    }

    async fn heads(&self, visitor: &Visitor, lang: Lang) -> Result<Value, Problem> {
        self.read(visitor, "/v1/log/heads", lang).await
    }

    async fn verify(&self, visitor: &Visitor, lang: Lang) -> Result<BoxStream<'static, Vec<u8>>, Problem> {
        let path = format!("/v1/audit/replay?lang={}", lang.code());
        let ask = Ask { method: Method::POST, path: &path, body: Some(json!({})), key: None };
        self.api.stream(caller(visitor), ask).await.map_err(Problem)
    }

    async fn known(&self, visitor: &Visitor, text: &str, lang: Lang) -> Result<Vec<String>, Problem> {
        let path = format!("/v1/subjects?limit=20&q={}", path(text));
        let found = self.read(visitor, &path, lang).await?;
        let property = |item: &&Value| item.get("level").and_then(Value::as_str) == Some("property");
        let items = found.get("items").and_then(Value::as_array).into_iter().flatten();
        Ok(items.filter(property).filter_map(|item| Some(item.get("label")?.as_str()?.to_owned())).collect())
    }

    fn interface(&self) -> &Value {
        &DESCRIPTION
    }

    fn demo(&self) -> Option<Vec<Showcase>> {
        self.demo.clone()
    }
}
