//! `mirano dead-letters`: tasks that were given up, listed, tried again or dropped on a running server.

use super::{Server, list as items, text};
use crate::words::{Lang, cause, moment, one};
use anyhow::Result;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;

/// See to tasks that were given up (role operator)
#[derive(clap::Args)]
#[command(
    after_help = "A task is given up when its source did not answer for long, or refused it; its checks say so and end.\n\n  mirano dead-letters list --source courts\n  mirano dead-letters retry TASK     whoever went without its answer asks again\n  mirano dead-letters drop TASK      it is known, and nothing is to be done"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List them, oldest first by source, with cause and evidence
    List {
        #[command(flatten)]
        server: Server,
        /// Of this source only
        #[arg(long)]
        source: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Try them again
    Retry {
        #[command(flatten)]
        server: Server,
        /// Their tasks
        #[arg(required = true, value_name = "TASK")]
        tasks: Vec<String>,
    },
    /// Drop them: they are listed no more
    Drop {
        #[command(flatten)]
        server: Server,
        /// Their tasks
        #[arg(required = true, value_name = "TASK")]
        tasks: Vec<String>,
    },
}

pub(super) async fn run(args: Args) -> Result<()> {
    match args.command {
        Command::List { server, source, json } => list(&server, source.as_deref(), json).await,
        Command::Retry { server, tasks } => {
            for task in &tasks {
                server.answer(server.request(Method::POST, &format!("{}/retry", path(task)))).await?;
                println!("{task} is tried again");
            }
            Ok(())
        }
        Command::Drop { server, tasks } => {
            for task in &tasks {
                server.answer(server.request(Method::DELETE, &path(task))).await?;
                println!("{task} is dropped");
            }
            Ok(())
        }
    }
}

fn path(task: &str) -> String {
    format!("/v1/dead-letters/{}", utf8_percent_encode(task, NON_ALPHANUMERIC))
}

async fn list(server: &Server, source: Option<&str>, json: bool) -> Result<()> {
    let mut cursor: Option<String> = None;
    loop {
        let mut request = server.request(Method::GET, "/v1/dead-letters").query(&[("limit", "500")]);
        let more = [("source", source), ("cursor", cursor.as_deref())];
        for (name, value) in more.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            request = request.query(&[(name, value)]);
        }
        let page = server.json(request).await?;
        for letter in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            if json {
                println!("{letter}");
            } else {
                print!("{}", shown(letter, server.lang()));
            }
        }
        cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// A task that was given up, in lines: whom it asked, why that failed (in words, and as it is kept), and what came of it.
fn shown(letter: &Value, lang: Lang) -> String {
    let number = |name: &str| letter.get(name).and_then(Value::as_u64).unwrap_or(0);
    let kept = text(letter, "cause");
    let why = cause(kept, Some(text(letter, "outcome")));
    let given_up = [
        ("at", moment(text(letter, "failed_at")).into()),
        ("attempts", number("attempts").into()),
        ("waiting", number("requesters").into()),
    ];
    let mut lines = vec![
        format!("{}  {}  {}", text(letter, "task_id"), text(letter, "source"), text(letter, "subject")),
        format!("  {}", why.get(lang)),
        format!("    {kept}"),
        format!("  {}", one(lang, "cli-dead_given_up", &given_up)),
    ];
    for waits in items(letter, "waiting") {
        let named = [("job", text(waits, "job_id").into()), ("task", text(waits, "task_id").into())];
        lines.push(format!("  {}", one(lang, "cli-dead_waiting", &named)));
    }
    for evidence in items(letter, "evidence").filter_map(Value::as_str) {
        lines.push(format!("  {}", one(lang, "cli-dead_evidence", &[("id", evidence.into())])));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_letter_says_why_in_the_readers_language_and_keeps_the_details() {
        let letter = json!({"task_id": "t", "source": "companies", "subject": "company:7707083893", "outcome": "blocked", "attempts": 5,
            "cause": "blocked: blocked by {\"contains\":\"captcha\"}", "failed_at": "2026-11-24T10:00:00Z", "requesters": 2, "evidence": ["e1"],
            "waiting": [{"job_id": "j1", "need_id": "n1", "task_id": "a1"}]});
        let russian = shown(&letter, Lang::Ru);
        let lines: Vec<&str> = russian.lines().collect();
        assert_eq!(
            lines,
            [
                "t  companies  company:7707083893",
                "  источник ограничил доступ",
                "    blocked: blocked by {\"contains\":\"captcha\"}",
                "  оставлено 24 ноября 2026, 10:00 UTC; попыток: 5, осталось без ответа: 2",
                "  ждёт проверка j1 (задача a1)",
                "  свидетельство e1",
            ]
        );
        assert!(shown(&letter, Lang::En).contains("  the source restricted access\n"));
    }
}
