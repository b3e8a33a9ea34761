//! `mirano webhooks` and `mirano emails`: who is told, what they were sent, and sending it again; clients of a running server.

use super::notifications::muted;
use super::table::Table;
use super::{Misused, Server, list, part, text};
use crate::words::{Lang, code, moment, one};
use anyhow::Result;
use console::Style;
use reqwest::Method;
use serde_json::{Map, Value, json};

/// Programs that are told
#[derive(clap::Args)]
#[command(
    after_help = "  mirano webhooks add https://example.org/hook --event job.final --event facts.changed\n  mirano webhooks sent ID --dead        what was given up\n  mirano webhooks replay ID --dead      send all of that again\n\nRequests are signed by the Standard Webhooks spec; the secret is shown once."
)]
pub(super) struct WebhookArgs {
    #[command(subcommand)]
    command: Command,
}

/// People who are told by mail
#[derive(clap::Args)]
#[command(
    after_help = "  mirano emails add analyst@example.org --digest 1d\n  mirano emails mute ID 8h\n\nThe server needs a mail server of its own: `[smtp]` in notify.toml."
)]
pub(super) struct EmailArgs {
    #[command(subcommand)]
    command: Command,
}

/// What every one of these commands takes.
#[derive(clap::Args)]
struct Common {
    /// Print what the interface gives
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List them
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Add one
    Add {
        /// The URL, or the address
        target: String,
        /// What it hears of every check: `job.final`, … (more than once); left out: everything
        #[arg(long = "event", value_name = "TYPE")]
        events: Vec<String>,
        /// Only what a check's `notify` names it for
        #[arg(long, conflicts_with = "events")]
        by_check: bool,
        /// Tell together what comes within so long: `1h`, `1d`
        #[arg(long, value_name = "TIME")]
        digest: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Send it nothing new for a while
    Mute {
        /// Its id
        id: String,
        /// For how long, such as `8h`; `0s` ends it
        #[arg(value_name = "FOR")]
        time: String,
        #[command(flatten)]
        common: Common,
    },
    /// Remove it
    Remove {
        /// Its id
        id: String,
        #[command(flatten)]
        common: Common,
    },
    /// What it was sent, newest first, and how that went
    Sent {
        /// Its id
        id: String,
        /// Only dead letters: what was given up
        #[arg(long)]
        dead: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Send again, also what was taken
    Replay {
        /// Its id
        id: String,
        /// Deliveries, as `sent` lists them
        deliveries: Vec<String>,
        /// All dead letters
        #[arg(long, conflicts_with = "deliveries")]
        dead: bool,
        #[command(flatten)]
        common: Common,
    },
}

/// What tells the two kinds apart.
struct Kind {
    /// In paths, and the command's name.
    plural: &'static str,
    id: &'static str,
    target: &'static str,
}

pub(super) async fn webhooks(args: WebhookArgs) -> Result<()> {
    run(&Kind { plural: "webhooks", id: "webhook_id", target: "url" }, args.command).await
}

pub(super) async fn emails(args: EmailArgs) -> Result<()> {
    run(&Kind { plural: "emails", id: "email_id", target: "address" }, args.command).await
}

impl Common {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let request = self.server.request(method, path);
        self.server.json(body.iter().fold(request, |request, body| request.json(body))).await
    }

    fn show(&self, answer: &Value, lines: impl FnOnce(Lang) -> String) -> Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(answer)?);
        } else {
            println!("{}", lines(self.server.lang()));
        }
        Ok(())
    }
}

async fn run(kind: &Kind, command: Command) -> Result<()> {
    let all = format!("/v1/{}", kind.plural);
    let of = |id: &str| format!("{all}/{}", part(id));
    match command {
        Command::List { common } => {
            let page = common.call(Method::GET, &format!("{all}?limit=500"), None).await?;
            common.show(&page, |lang| listed(kind, &page, lang))
        }
        Command::Add { target, events, by_check, digest, common } => {
            let mut body = Map::from_iter([(kind.target.to_owned(), json!(target))]);
            if by_check || !events.is_empty() {
                body.insert("events".to_owned(), json!(events));
            }
            body.extend(digest.map(|digest| ("digest".to_owned(), json!(digest))));
            if kind.plural == "emails" {
                body.insert("lang".to_owned(), json!(common.server.lang));
            }
            let added = common.call(Method::POST, &all, Some(Value::Object(body))).await?;
            common.show(&added, |lang| {
                let args = [("id", text(&added, kind.id).into()), ("target", target.as_str().into())];
                let secret = text(&added, "secret");
                let told = (!secret.is_empty()).then(|| one(lang, "channel-secret", &[("secret", secret.into())]));
                [Some(one(lang, "channel-added", &args)), told].into_iter().flatten().collect::<Vec<_>>().join("\n")
            })
        }
        Command::Mute { id, time, common } => {
            let now = common.call(Method::PATCH, &of(&id), Some(json!({"mute": time}))).await?;
            common.show(&now, |lang| muted(lang, &id, &now))
        }
        Command::Remove { id, common } => {
            common.server.done(common.server.request(Method::DELETE, &of(&id))).await?;
            common.show(&Value::Null, |lang| one(lang, "channel-ended", &[("id", id.as_str().into())]))
        }
        Command::Sent { id, dead, common } => {
            let page = common.call(Method::GET, &sent_path(&of(&id), dead), None).await?;
            common.show(&page, |lang| sent(&page, lang, dead))
        }
        Command::Replay { id, deliveries, dead, common } => {
            let deliveries = if dead { dead_letters(&common, &of(&id)).await? } else { deliveries };
            if deliveries.is_empty() && !dead {
                return Err(Misused(common.server.say("cli-replay_which", &[])).into());
            }
            for delivery in &deliveries {
                let path = format!("{}/deliveries/{}/retry", of(&id), part(delivery));
                let again = common.call(Method::POST, &path, None).await?;
                common.show(&again, |lang| one(lang, "delivery-again", &[("id", delivery.as_str().into())]))?;
            }
            if deliveries.is_empty() {
                common.show(&Value::Null, |lang| one(lang, "delivery-none_dead", &[]))?;
            }
            Ok(())
        }
    }
}

fn sent_path(channel: &str, dead: bool) -> String {
    format!("{channel}/deliveries?limit=500{}", if dead { "&state=dead" } else { "" })
}

/// All dead letters of a channel, page by page.
async fn dead_letters(common: &Common, channel: &str) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = common.call(Method::GET, &format!("{}{cursor}", sent_path(channel, true)), None).await?;
        ids.extend(list(&page, "items").map(|item| text(item, "delivery_id").to_owned()));
        match text(&page, "next_cursor") {
            "" => return Ok(ids),
            next => cursor = format!("&cursor={}", part(next)),
        }
    }
}

/// Channels for a terminal.
fn listed(kind: &Kind, page: &Value, lang: Lang) -> String {
    let dim = Style::new().dim();
    let mut table = Table::default();
    for item in list(page, "items") {
        let events: Vec<&str> = list(item, "events").filter_map(Value::as_str).collect();
        let events = if events.is_empty() {
            one(lang, "channel-by_check", &[])
        } else {
            one(lang, "channel-events", &[("events", events.join(", ").into())])
        };
        let mut also = vec![events];
        let digest = text(item, "digest");
        also.extend((!digest.is_empty()).then(|| one(lang, "channel-digest", &[("digest", digest.into())])));
        let until = text(item, "muted_until");
        also.extend((!until.is_empty()).then(|| one(lang, "channel-muted", &[("until", moment(until).into())])));
        let stopped = text(item, "stopped_at");
        also.extend((!stopped.is_empty()).then(|| one(lang, "channel-stopped", &[("at", moment(stopped).into())])));
        let target = text(item, kind.target).to_owned();
        table.row([dim.apply_to(text(item, kind.id)).to_string(), target, also.join("; ")]);
    }
    if table.is_empty() {
        return one(lang, "channel-none", &[("command", kind.plural.into())]);
    }
    table.lines("").join("\n")
}

/// Deliveries for a terminal.
fn sent(page: &Value, lang: Lang, dead: bool) -> String {
    let dim = Style::new().dim();
    let mut table = Table::default();
    for item in list(page, "items") {
        let state = text(item, "state");
        let word = code(lang, "delivery", state);
        let style = match state {
            "delivered" => Style::new().green(),
            "dead" => Style::new().red(),
            _ => Style::new().yellow(),
        };
        let tells = tells(item, lang);
        let last = list(item, "attempts").last();
        let n = last.and_then(|last| last.get("n")).and_then(Value::as_u64);
        let attempts = n.map(|n| one(lang, "date-attempts", &[("n", n.into())])).unwrap_or_default();
        let cause = last.map(|last| text(last, "cause")).unwrap_or_default();
        table.row([
            dim.apply_to(text(item, "delivery_id")).to_string(),
            moment(text(item, "created_at")).get(lang).to_owned(),
            style.apply_to(word).to_string(),
            tells,
            attempts,
            dim.apply_to(cause).to_string(),
        ]);
    }
    if table.is_empty() {
        return one(lang, if dead { "delivery-none_dead" } else { "delivery-none" }, &[]);
    }
    table.lines("").join("\n")
}

/// What a delivery tells: the first of it in words, and how many more there are.
fn tells(item: &Value, lang: Lang) -> String {
    let left_out = item.get("left_out").and_then(Value::as_u64).unwrap_or(0);
    let more = (list(item, "notifications").count() as u64 + left_out).saturating_sub(1);
    let first = list(item, "tells").next().map(|told| text(told, "text").to_owned());
    let more = (more > 0).then(|| one(lang, "notifications-more", &[("n", more.into())]));
    first.into_iter().chain(more).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn channels_and_what_they_were_sent_are_tables() {
        console::set_colors_enabled(false);
        let kind = Kind { plural: "webhooks", id: "webhook_id", target: "url" };
        let page = json!({"items": [
            {"webhook_id": "w1", "url": "https://a.example/hook", "events": ["job.final", "facts.changed"], "digest": "1d"},
            {"webhook_id": "w22", "url": "https://b.example/", "events": [], "muted_until": "2027-01-15T08:00:00.000Z"},
            {"webhook_id": "w3", "url": "https://c.example/", "events": ["job.final"], "stopped_at": "2027-01-15T08:00:00.000Z"}]});
        expect![[r#"
            w1   https://a.example/hook  of: job.final, facts.changed; collected over 1d
            w22  https://b.example/      only what a check names it for; told nothing until 15 January 2027, 08:00 UTC
            w3   https://c.example/      of: job.final; stopped: the receiver answered 410 on 15 January 2027, 08:00 UTC"#]]
        .assert_eq(&listed(&kind, &page, Lang::En));
        let page = json!({"items": [
            {"delivery_id": "d2", "state": "dead", "notifications": ["a", "b"], "tells": [{"text": "A street: it ended"}],
             "created_at": "2027-01-15T08:00:00.000Z", "attempts": [{"n": 10, "cause": "status 500"}]},
            {"delivery_id": "d1", "state": "collecting", "notifications": ["a"], "tells": [{"text": "Courts answer again"}],
             "created_at": "2027-01-14T08:00:00.000Z", "attempts": []}]});
        expect![[r#"
            d2  15 January 2027, 08:00 UTC  not delivered    A street: it ended; and 1 more  10 attempts  status 500
            d1  14 January 2027, 08:00 UTC  being collected  Courts answer again"#]]
        .assert_eq(&sent(&page, Lang::En, false));
        assert_eq!(sent(&json!({"items": []}), Lang::Ru, true), "Всё доставлено, или ещё будут попытки.");
    }
}
