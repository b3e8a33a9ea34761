//! A smaller question answered from a larger one's answer, an answer that shrinks all of a sudden, and a dead letter seen to from
//! the command line; through the real program.

use super::site::Site;
use super::support::api::Api;
use super::support::program::Program;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::Ordering;

const ADDRESS: &str = "г. Небывалинск, ул. Пробная, д. 1";

fn source(id: &str, more: &str, request: &str, answer: &str, attrs: &str) -> String {
    format!(
        "id = \"{id}\"\ntitle = {{ ru = \"{id}\", en = \"{id}\" }}\nlevel = \"property\"\nttl = \"7d\"\n{more}\
         [limits]\nrate = \"600/m\"\nburst = 20\n[retry]\nattempts = 1\n[request]\nurl = \"{request}\"\nallow_private = true\n\
         [answer]\nformat = \"json\"\nitems = \"$.items[*]\"\nvalid = [{{ at = \"$.items\" }}]\n{answer}\
         [[fact]]\nkind = \"{id}.thing\"\nidentity = [\"n\"]\n[fact.attrs]\nn = {{ at = \"$.n\", type = \"text\" }}\n{attrs}"
    )
}

fn write(config: &Path, url: &str) {
    std::fs::create_dir_all(config.join("sources")).expect("writable");
    let nests = "params = [\"address\", \"court\", \"since\"]\n\
                 [[nests]]\nparam = \"court\"\nattr = \"court\"\nwhole = \"all\"\n\
                 [[nests]]\nparam = \"since\"\nattr = \"filed\"\nby = \"from\"\n";
    let attrs = "court = { at = \"$.court\", type = \"text\", required = true }\nfiled = { at = \"$.filed\", type = \"date\", required = true }\n";
    let address = "params = [\"address\"]\n";
    for (id, text) in [
        (
            "courts",
            source(
                "courts",
                nests,
                &format!(
                    "{url}/courts?since={{{{ since }}}}{{% if court != 'all' %}}&court={{{{ court | urlencode }}}}{{% endif %}}"
                ),
                "",
                attrs,
            ),
        ),
        (
            "shrinks",
            source(
                "shrinks",
                address,
                &format!("{url}/shrinks"),
                "expect = { drop = { below = 0.5, from = 4 } }\n",
                "",
            ),
        ),
        ("broken", source("broken", address, &format!("{url}/broken"), "", "")),
    ] {
        std::fs::write(config.join(format!("sources/{id}.toml")), text).expect("writable");
    }
    let words = "title = { ru = \"п\", en = \"p\" }";
    let courts = |court: &str, since: &str| {
        format!(
            "{{ source = \"courts\", params = {{ address = \"{{{{ address.canonical }}}}\", court = \"{court}\", since = \"{since}\" }} }}"
        )
    };
    let other = |id: &str| format!("{{ source = \"{id}\", params = {{ address = \"{{{{ address.canonical }}}}\" }} }}");
    let profiles = [
        ("whole", courts("all", "2020-01-01")),
        ("msk", courts("АС Москвы", "2024-01-01")),
        ("shrinks", other("shrinks")),
        ("broken", other("broken")),
    ]
    .map(|(name, need)| format!("[{name}]\n{words}\nneeds = [{need}]\n"));
    std::fs::write(config.join("profiles.toml"), profiles.concat()).expect("writable");
}

async fn ask(api: &mut Api, profile: &str) -> Value {
    let job = api.post("/v1/jobs", &json!({"address": ADDRESS, "profile": profile})).await;
    api.until_final(job["job_id"].as_str().unwrap_or_else(|| panic!("{job}"))).await
}

/// Runs the program as a client; what it says.
async fn mirano(server: &str, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_mirano"));
    let output = command.args(arguments).args(["--server", server]).output().await.expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_drops_and_dead_letters() {
    let folder = tempfile::tempdir().expect("temp");
    let (data, config) = (folder.path().join("data"), folder.path().join("config"));
    let (site, url) = Site::open().await;
    write(&config, &url);
    let arguments = ["serve", "--data", data.to_str().expect("UTF-8"), "--config", config.to_str().expect("UTF-8")];
    let arguments = [&arguments[..], &["--listen", "127.0.0.1:0", "--auth=off", "--partitions", "2"]].concat();
    let mut program = Program::start(&arguments);
    let server = program.says("Mirano is ready").await;
    let mut api = Api::new(server.clone());

    // All courts since 2020 are asked; what one of them has since 2024 is known then.
    let whole = ask(&mut api, "whole").await;
    assert_eq!((&whole["sources"][0]["facts"], &whole["sources"][0]["reuse"]["narrowed"]), (&json!(3), &json!(false)));
    let part = ask(&mut api, "msk").await;
    let row = &part["sources"][0];
    assert_eq!(
        (&row["facts"], &row["origin"], &row["reuse"]["narrowed"]),
        (&json!(1), &json!("reused"), &json!(true)),
        "{row:#}"
    );
    assert_eq!((&row["observed_at"], &part["status"]), (&whole["sources"][0]["observed_at"], &json!("COMPLETED")));
    assert_eq!(row["note"]["en"], "data selected from an earlier answer to a larger question");
    assert_eq!(site.times("courts"), 1, "nobody asked the source");
    let id = part["job_id"].as_str().expect("an id").to_owned();
    let told = api.json(&format!("/v1/jobs/{id}/explain?lang=en")).await;
    assert_eq!(told["receipts"][0]["reason"], "narrowed", "{told:#}");
    assert!(told["sentences"].to_string().contains("selected from an earlier answer to a larger question"), "{told:#}");
    let report = api.json(&format!("/v1/jobs/{id}/report")).await;
    assert!(report.to_string().contains("А40-2/2024") && !report.to_string().contains("А40-1/2021"), "{report:#}");
    // Asked again, it is asked.
    api.post(&format!("/v1/jobs/{id}/recheck"), &json!({})).await;
    api.until_final(&id).await;
    assert_eq!(site.times("courts"), 2);

    // A page that lost most of its rows: kept, told, and nothing has vanished.
    let job = ask(&mut api, "shrinks").await;
    assert_eq!(job["sources"][0]["facts"], 6);
    site.version.store(1, Ordering::SeqCst);
    let id = job["job_id"].as_str().expect("an id").to_owned();
    api.post(&format!("/v1/jobs/{id}/recheck"), &json!({})).await;
    let after = api.until_final(&id).await;
    let row = &after["sources"][0];
    assert_eq!((&row["facts"], &row["last_failure"]["outcome"]), (&json!(6), &json!("suspicious")), "{row:#}");
    let cause = row["last_failure"]["cause"].as_str().expect("told");
    assert!(cause.starts_with("sudden_drop: 2 facts where the last answer had 6"), "{cause}");

    // A source that is down: a dead letter, seen to from the command line.
    let job = ask(&mut api, "broken").await;
    assert_eq!(job["status"], "FAILED");
    let listed = mirano(&server, &["dead-letters", "list", "--source", "broken", "--json"]).await;
    let letter: Value = serde_json::from_str(listed.trim()).unwrap_or_else(|_| panic!("{listed}"));
    assert_eq!((&letter["outcome"], &letter["attempts"]), (&json!("unavailable"), &json!(1)), "{letter}");
    assert_eq!(letter["evidence"].as_array().map(Vec::len), Some(1), "what it said is kept");
    let task = letter["task_id"].as_str().expect("an id");
    let words = mirano(&server, &["dead-letters", "list"]).await;
    for told in
        [task, "the source answered with an error (status 500)", "http_status: the source answered 500", "shrinks"]
    {
        assert!(words.contains(told), "{told} in {words}");
    }
    site.version.store(2, Ordering::SeqCst);
    mirano(&server, &["dead-letters", "retry", task]).await;
    let id = job["job_id"].as_str().expect("an id").to_owned();
    let revived = api.until(&id, |job| job["status"] == "COMPLETED").await;
    assert_eq!(revived["sources"][0]["facts"], 1);
    let dropped = mirano(&server, &["dead-letters", "list", "--source", "shrinks", "--json"]).await;
    let letter: Value = serde_json::from_str(dropped.trim()).unwrap_or_else(|_| panic!("{dropped}"));
    mirano(&server, &["dead-letters", "drop", letter["task_id"].as_str().expect("an id")]).await;
    assert_eq!(mirano(&server, &["dead-letters", "list"]).await, "");
    program.end().await;

    // Whoever audits the log recomputes parts like all other answers.
    let verified = tokio::process::Command::new(env!("CARGO_BIN_EXE_mirano"))
        .args(["verify", "--data", data.to_str().expect("UTF-8")])
        .output()
        .await
        .expect("runs");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
