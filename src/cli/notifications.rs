//! `mirano notifications`: what the tenant was told, newest first; a client of a running server.

use super::table::Table;
use super::{Misused, Server, list, part, text};
use crate::words::{Lang, code, moment, one};
use anyhow::Result;
use console::Style;
use reqwest::Method;
use serde_json::{Value, json};

/// What you were told
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "What is told is what a check was started with (`notify`), or what a webhook or an address hears of every check:\n`mirano webhooks add`, `mirano emails add`.\n\n  mirano notifications --unread\n  mirano notifications read --all\n  mirano notifications mute JOB 8h"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(clap::Args)]
struct List {
    /// Only what was not read
    #[arg(long)]
    unread: bool,
    /// Only one type: `job.final`, `facts.changed`, …
    #[arg(long = "type", value_name = "TYPE")]
    what: Option<String>,
    /// How many, 500 at most
    #[arg(long, default_value_t = 50)]
    limit: u16,
    /// Go on where a list ended
    #[arg(long)]
    cursor: Option<String>,
    /// Print the list as the interface gives it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Mark notifications as read
    Read {
        /// Their ids
        ids: Vec<String>,
        /// All that there are
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Tell nobody of a check for a while; what happens is still listed
    Mute {
        /// The check's id
        job: String,
        /// For how long, such as `8h`; `0s` ends it
        #[arg(value_name = "FOR")]
        time: String,
        #[command(flatten)]
        server: Server,
    },
}

pub(super) async fn run(args: Args) -> Result<()> {
    match args.command {
        None => show(&args.list).await,
        Some(Command::Read { ids, all, server }) => {
            let body = match (all, ids.is_empty()) {
                (true, _) => json!({"all": true}),
                (false, false) => json!({"ids": ids}),
                (false, true) => return Err(Misused(server.say("cli-read_which", &[])).into()),
            };
            server.done(server.request(Method::POST, "/v1/notifications/read").json(&body)).await?;
            println!("{}", server.say("told-marked", &[]));
            Ok(())
        }
        Some(Command::Mute { job, time, server }) => {
            let path = format!("/v1/jobs/{}/notify", part(&job));
            let set = server.json(server.request(Method::GET, &path)).await?;
            // What else is set stays as it is.
            let mut body = json!({"events": set.get("events"), "mute": time});
            let channels: Vec<&Value> = list(&set, "channels").collect();
            if let Some(body) = body.as_object_mut().filter(|_| !channels.is_empty()) {
                body.insert("channels".to_owned(), json!(channels));
            }
            let now = server.json(server.request(Method::PUT, &path).json(&body)).await?;
            println!("{}", muted(server.lang(), &job, &now));
            Ok(())
        }
    }
}

/// What is said of somebody who was muted, or is told again.
pub(super) fn muted(lang: Lang, id: &str, now: &Value) -> String {
    match text(now, "muted_until") {
        "" => one(lang, "told-unmuted", &[("id", id.into())]),
        until => one(lang, "told-muted", &[("id", id.into()), ("until", moment(until).into())]),
    }
}

async fn show(args: &List) -> Result<()> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &args.limit.to_string()).append_pair("lang", &args.server.lang);
    if args.unread {
        query.append_pair("unread", "true");
    }
    for (name, value) in [("type", &args.what), ("cursor", &args.cursor)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let path = format!("/v1/notifications?{}", query.finish());
    let told = args.server.json(args.server.request(Method::GET, &path)).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        print!("{}", lines(&told, args.server.lang(), args.unread));
    }
    Ok(())
}

/// The list for a terminal.
fn lines(told: &Value, lang: Lang, unread: bool) -> String {
    let (bold, dim) = (Style::new().bold(), Style::new().dim());
    let mut table = Table::default();
    for item in list(told, "items") {
        let new = item.get("read").and_then(Value::as_bool) == Some(false);
        let kind = code(lang, "notice", text(item, "type"));
        let said = if new { bold.apply_to(text(item, "text")).to_string() } else { text(item, "text").to_owned() };
        let mark = if new { "•" } else { " " };
        let at = moment(text(item, "timestamp")).get(lang).to_owned();
        table.row([
            mark.to_owned(),
            dim.apply_to(at).to_string(),
            kind,
            said,
            dim.apply_to(text(item, "notification_id")).to_string(),
        ]);
    }
    let mut out = table.lines("");
    if table.is_empty() {
        out.push(one(lang, if unread { "told-none" } else { "told-all_none" }, &[]));
    }
    if let Some(n) = told.get("unread").and_then(Value::as_u64).filter(|n| *n > 0) {
        out.push(dim.apply_to(one(lang, "told-unread", &[("n", n.into())])).to_string());
    }
    let cursor = text(told, "next_cursor");
    if !cursor.is_empty() {
        out.push(dim.apply_to(one(lang, "told-next", &[("cursor", cursor.into())])).to_string());
    }
    out.push(String::new());
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::words::Lang;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn what_is_new_is_marked() {
        console::set_colors_enabled(false);
        let item = |id: &str, what: &str, text: &str, read: bool| json!({"notification_id": id, "type": what, "timestamp": "2027-01-15T08:00:00.000Z", "text": text, "read": read});
        let told = json!({"items": [item("n2", "job.final", "Тверская 7: the check has ended without any data", false),
            item("n1", "source.recovered", "The source “Courts” answers again", true)], "unread": 1, "next_cursor": "abc"});
        expect![[r#"
            •  15 January 2027, 08:00 UTC  Check ended     Тверская 7: the check has ended without any data  n2
               15 January 2027, 08:00 UTC  Source is back  The source “Courts” answers again                 n1
            Unread: 1
            More: --cursor abc
        "#]]
        .assert_eq(&lines(&told, Lang::En, false));
        assert_eq!(lines(&json!({"items": [], "unread": 0}), Lang::Ru, true), "Ничего нового.\n");
    }
}
