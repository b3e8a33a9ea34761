//! The report as a page that can be printed: no scripts, nothing loaded from elsewhere.

use super::report::{Report, ViewsReport};
use std::fmt::Write;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111}\
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}table{border-collapse:collapse;width:100%}\
td,th{border:1px solid #bbb;padding:.3rem .5rem;text-align:left;vertical-align:top}td{overflow-wrap:anywhere}th,td:first-child{white-space:nowrap}code{font-size:.85em;overflow-wrap:anywhere}\
.ok{color:#064}.bad{color:#a00}@media print{body{margin:0;max-width:none}tr{break-inside:avoid}}\
@media(max-width:40rem){body{margin:1rem auto}.found tr:first-child{display:none}.found tr,.found td{display:block}.found td:empty{display:none}}";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The page. `at`: when it was made.
pub fn html(report: &Report, at: &str) -> String {
    let mut out = String::new();
    // Writing into a String does not fail.
    let _ = page(&mut out, report, at);
    out
}

fn page(out: &mut String, report: &Report, at: &str) -> std::fmt::Result {
    let (class, verdict) = match report.findings.len() {
        0 => ("ok", "Nothing wrong was found".to_owned()),
        1 => ("bad", "One finding".to_owned()),
        n => ("bad", format!("{n} findings")),
    };
    write!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Audit of a Mirano log</title><style>{STYLE}</style>\
         <h1>Audit of a Mirano log</h1><p class=\"{class}\"><strong>{verdict}.</strong></p><table>"
    )?;
    let row = |out: &mut String, name: &str, value: &str| write!(out, "<tr><th>{name}<td>{}", escape(value));
    row(out, "Looked at", &report.source)?;
    row(out, "Log", report.log_id.as_deref().unwrap_or("could not be opened"))?;
    row(out, "Made", &format!("{at}, by mirano {}, in {:.1} s", report.program, report.seconds))?;
    let partitions = match report.partitions.len() {
        1 => "one partition".to_owned(),
        n => format!("{n} partitions"),
    };
    row(out, "Commits", &format!("{} in {}, {} bytes", report.commits(), partitions, report.bytes()))?;
    row(
        out,
        "Facts",
        &format!("{} recomputed, {} sealed with keys that are not here", report.facts, report.facts_sealed),
    )?;
    row(out, "Observations", &format!("{} recomputed", report.observations))?;
    row(out, "Snapshots", &format!("{} recomputed", report.snapshots))?;
    let evidence = report.evidence.map_or("not looked at".to_owned(), |evidence| {
        format!(
            "{} named, {} read and compared, {} sealed with keys that are not here, {} checked by an earlier run",
            evidence.named, evidence.checked, evidence.sealed, evidence.earlier
        )
    });
    row(out, "Evidence", &evidence)?;
    let views = report.views.as_ref().map_or("not compared".to_owned(), ViewsReport::words);
    row(out, "Views", &views)?;
    out.push_str("</table><h2>Findings</h2>");
    if report.findings.is_empty() {
        out.push_str("<p>None.");
    } else {
        out.push_str("<table class=\"found\"><tr><th>Kind<th>Commit<th>Place<th>What");
        for finding in &report.findings {
            write!(
                out,
                "<tr><td><code>{}</code><td>{}<td><code>{}</code><td>{}",
                escape(&finding.kind),
                escape(finding.position.as_deref().unwrap_or("")),
                escape(finding.place.as_deref().unwrap_or("")),
                escape(&finding.detail)
            )?;
        }
        out.push_str("</table>");
    }
    out.push_str(
        "<h2>Heads</h2><p>Whoever keeps these lines can see later that nothing before them was changed:</p><ul>",
    );
    for part in &report.partitions {
        let whole = if part.whole { "" } else { " (not read to its end)" };
        write!(out, "<li>{} commits{whole}<br><code>{}</code>", part.commits, escape(&part.head))?;
    }
    out.push_str("</ul>");
    if !report.notes.is_empty() {
        out.push_str("<h2>Notes</h2><ul>");
        for note in &report.notes {
            write!(out, "<li>{}", escape(note))?;
        }
        out.push_str("</ul>");
    }
    out.push_str(
        "<h2>What this says</h2><p>Every byte of the log was read and its chain followed from the genesis; every fact's name, \
         every observation's root and every snapshot was computed again from the log alone. It does not say that what a \
         source answered was true, nor that a decision was the right one. A log whose end was cut and of which no head was \
         kept looks whole.",
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_from_the_log_becomes_markup() {
        assert_eq!(super::escape("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
    }
}
