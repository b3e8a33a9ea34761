//! `mirano explain`: a check in sentences, each with the receipts that it rests on; a client of a running server.

use super::table::Table;
use super::titles::Titles;
use super::{Server, list, text};
use crate::words::{Lang, code, moment, one, within};
use anyhow::Result;
use console::Style;
use reqwest::Method;
use serde_json::Value;

/// Explain a check
#[derive(clap::Args)]
#[command(
    after_help = "Each sentence ends with the receipts it rests on, [1], and below is what each receipt says: the source, where the\nanswer came from, when the source was asked and for how long that is fresh.\n\n  mirano explain kuofzc57b3kutrigpuhsbx6ixi --lang en"
)]
pub(super) struct Args {
    /// The check's id: `mirano check` and the page show it
    job: String,
    /// Print the explanation as the interface gives it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let id = percent_encoding::utf8_percent_encode(&args.job, percent_encoding::NON_ALPHANUMERIC);
    let path = format!("/v1/jobs/{id}/explain?lang={}", args.server.lang);
    let told = args.server.json(args.server.request(Method::GET, &path)).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        print!("{}", text_of(&told, args.server.lang(), &Titles::of(&args.server).await));
    }
    Ok(())
}

/// Topics in the order in which they are read; each has its heading.
const TOPICS: &[&str] = &["checked", "reused", "freshness", "updating", "missing", "risk"];

/// The explanation in lines for a terminal.
fn text_of(told: &Value, lang: Lang, titles: &Titles) -> String {
    let (bold, dim) = (Style::new().bold(), Style::new().dim());
    let receipts: Vec<&Value> = list(told, "receipts").collect();
    // What sentences rest on: the numbers of their receipts, each once.
    let rest = |sentences: &[&Value]| -> String {
        let named =
            |id: &str| sentences.iter().any(|one| list(one, "receipts").any(|receipt| receipt.as_str() == Some(id)));
        let of = |(n, receipt): (usize, &&Value)| named(text(receipt, "receipt_id")).then(|| format!("[{}]", n + 1));
        dim.apply_to(receipts.iter().enumerate().filter_map(of).collect::<String>()).to_string()
    };
    let heading = |name: &str| bold.apply_to(one(lang, &format!("explain-{name}"), &[])).to_string();
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    for topic in TOPICS {
        let mut sentences = list(told, "sentences").filter(|sentence| text(sentence, "topic") == *topic).peekable();
        if sentences.peek().is_some() {
            line(heading(topic));
        }
        for sentence in sentences {
            line(format!("  {}  {}", text(sentence, "text"), rest(&[sentence])));
        }
    }
    for name in ["why_fast", "why_updating"] {
        line(heading(name));
        let why = told.get(name).unwrap_or(&Value::Null);
        let named = |one: &&Value| list(why, "sentences").any(|id| id.as_str() == Some(text(one, "id")));
        let of: Vec<&Value> = list(told, "sentences").filter(named).collect();
        line(format!("  {}  {}", text(why, "text"), rest(&of)));
    }
    if !receipts.is_empty() {
        line(heading("receipts"));
    }
    let mut table = Table::default();
    for (n, receipt) in receipts.iter().enumerate() {
        let ttl = within(receipt.get("ttl_s").and_then(Value::as_u64).unwrap_or(0));
        let asked = [("at", moment(text(receipt, "observed_at")).into()), ("ttl", ttl.into())];
        let answer = match text(receipt, "outcome") {
            "found" => one(lang, "sources-found", &[]),
            outcome => code(lang, "result", outcome),
        };
        let source = titles.get(lang, text(receipt, "source")).to_owned();
        let cells = [source, answer, code(lang, "origin", text(receipt, "origin"))];
        let id = dim.apply_to(text(receipt, "receipt_id")).to_string();
        table.row([format!("[{}]", n + 1)].into_iter().chain(cells).chain([one(lang, "explain-receipt", &asked), id]));
    }
    table.lines("  ").into_iter().for_each(line);
    out
}

#[cfg(test)]
mod tests {
    use super::{Titles, text_of};
    use crate::words::Lang;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn each_sentence_ends_with_its_receipts() {
        let told = json!({
            "sentences": [
                {"id": "s1", "topic": "checked", "text": "Answered: 2 of 3, 1 of them from earlier checks.", "receipts": ["ra", "rb"]},
                {"id": "s2", "topic": "missing", "text": "Court cases: the source gave no answer.", "receipts": []},
                {"id": "s3", "topic": "reused", "text": "Reviews: data reused from an earlier check.", "receipts": ["rb"]}],
            "why_fast": {"text": "A part came fast: 1 of 3 come from earlier checks; the rest was or is being asked.", "sentences": ["s3"]},
            "why_updating": {"text": "Nothing is being updated now.", "sentences": []},
            "receipts": [
                {"receipt_id": "ra", "source": "cadastre", "origin": "fetched", "outcome": "found", "observed_at": "2026-11-24T16:25:48Z", "ttl_s": 604800},
                {"receipt_id": "rb", "source": "reviews", "origin": "reused", "outcome": "nothing_found", "observed_at": "2026-11-20T16:25:48Z", "ttl_s": 1209600}],
        });
        console::set_colors_enabled(false);
        expect![[r#"
            What there is
              Answered: 2 of 3, 1 of them from earlier checks.  [1][2]
            From earlier checks
              Reviews: data reused from an earlier check.  [2]
            Without an answer
              Court cases: the source gave no answer.
            Why did the result come fast?
              A part came fast: 1 of 3 come from earlier checks; the rest was or is being asked.  [2]
            Why is it still being updated?
              Nothing is being updated now.
            Receipts
              [1]  cadastre  records found                          the source was asked for this check  asked 24 November 2026, 16:25 UTC, TTL 7 days   ra
              [2]  reviews   the source answered: no records found  data reused from an earlier check    asked 20 November 2026, 16:25 UTC, TTL 14 days  rb
        "#]]
        .assert_eq(&text_of(&told, Lang::En, &Titles::default()));
    }
}
