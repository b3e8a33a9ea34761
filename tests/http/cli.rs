//! The commands of a person, run as programs against a server: what they print, in both languages, and how they end.

use super::world::{ADDRESS, KEY_A, World, case, developer};
use serde_json::{Value as Json, json};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// What a command came to.
struct Ran {
    code: Option<i32>,
    out: String,
    errors: String,
}

fn command(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirano"));
    command.args(arguments).args(["--server", &world.url, "--key", KEY_A]).kill_on_drop(true);
    command.env_remove("LANG").env_remove("LC_ALL").env_remove("LC_MESSAGES").env("MIRANO_LOG", "error");
    command
}

async fn run(world: &World, arguments: &[&str]) -> Ran {
    let ran = command(world, arguments).output().await.expect("runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: ran.status.code(), out: text(ran.stdout), errors: text(ran.stderr) }
}

/// Answers everything that a check asks.
async fn answer_all(world: &World) {
    for (source, facts) in
        [("cadastre", vec![developer()]), ("courts", vec![case("1", "Ответчик")]), ("bankrupts", vec![])]
    {
        let task = world.lease(source).await;
        world.answer(&task, facts).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_is_told_as_a_table_in_both_languages() {
    let world = World::new().await;
    let (first, ()) = tokio::join!(run(&world, &["check", ADDRESS]), answer_all(&world));
    assert_eq!(first.code, Some(0), "{}{}", first.out, first.errors);
    for words in [
        "COMPLETED",
        "Source",
        "within its TTL",
        "1 record",
        "the source was asked for this check",
        "Why so: mirano explain ",
    ] {
        assert!(first.out.contains(words), "{words} in {}", first.out);
    }
    assert!(!first.out.contains('\u{1b}'), "no colours but on a terminal");
    // Into a pipe a line for each change tells that something happens.
    for words in ["Cadastre: within its TTL", "Courts: waiting for another source", "Courts: within its TTL"] {
        assert!(first.errors.contains(words), "{words} in {}", first.errors);
    }
    // The same again, in Russian: everything is reused, and said to be.
    let second = run(&world, &["check", ADDRESS, "--lang", "ru"]).await;
    for words in
        ["Источник", "данные использованы из предыдущей проверки", "1 запись", "Взято — не значит проверено заново."]
    {
        assert!(second.out.contains(words), "{words} in {}", second.out);
    }
    let third: Json = serde_json::from_str(&run(&world, &["check", ADDRESS, "--json"]).await.out).expect("a job");
    assert_eq!((&third["status"], &third["progress"]["reused"]), (&json!("COMPLETED"), &json!(3)));
    let id = third["job_id"].as_str().expect("an id");
    let why = run(&world, &["explain", id]).await;
    assert!(why.out.contains("It was fast because every answer shown comes from earlier checks"), "{}", why.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_check_tells_each_event_until_its_reader_has_enough() {
    let world = World::new().await;
    let mut child =
        command(&world, &["check", ADDRESS, "--watch", "--json"]).stdout(Stdio::piped()).spawn().expect("runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut event = async || {
        let line = lines.next_line().await.expect("readable").expect("another event");
        let event: Json = serde_json::from_str(&line).expect("an event");
        event["event"].as_str().expect("a name").to_owned()
    };
    assert_eq!(event().await, "job", "it listens, before anything is answered");
    let listen = async {
        let mut seen = Vec::new();
        while seen.last().is_none_or(|last| last != "done") {
            seen.push(event().await);
        }
        seen
    };
    let (seen, ()) = tokio::join!(listen, answer_all(&world));
    for name in ["source", "facts", "risk", "snapshot"] {
        assert!(seen.iter().any(|one| one == name), "{name} in {seen:?}");
    }
    child.kill().await.expect("it was still watching");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told_with_what_to_do() {
    let world = World::new().await;
    for (arguments, code, words) in [
        (&["check", ""][..], 2, "address"),
        (&["check", ADDRESS, "--profile", "nothing"], 2, "profile"),
        (&["check", ADDRESS, "--input", "novalue"], 2, "NAME=VALUE"),
        (&["check", ADDRESS, "--max-age", "soon"], 2, "soon"),
        (&["check", ADDRESS, "--lang", "de"], 2, "possible values: ru, en"),
        (&["explain", "nothing"], 1, "Check the id"),
        (&["notifications", "read"], 2, "--all"),
        (&["webhooks", "add", "nonsense"], 2, "/url"),
        (&["webhooks", "replay", "x"], 2, "--dead"),
    ] {
        let ran = run(&world, arguments).await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}{}", ran.out, ran.errors);
        assert!(ran.errors.contains(words), "{arguments:?}: {words} in {}", ran.errors);
    }
    // In Russian where Russian is asked for, by the option or by the environment.
    for (arguments, words) in [
        (&["check", "", "--lang", "ru"][..], "адрес пуст"),
        (&["check", ADDRESS, "--input", "novalue", "--lang", "ru"], "не вида NAME=VALUE"),
        (&["explain", "nothing", "--lang", "ru"], "такой проверки нет"),
        (&["notifications", "read", "--lang", "ru"], "укажите --all"),
    ] {
        let ran = run(&world, arguments).await;
        assert!(ran.errors.contains(words), "{arguments:?}: {words} in {}", ran.errors);
    }
    let russian = command(&world, &["explain", "nothing"]).env("LANG", "ru_RU.UTF-8").output().await.expect("runs");
    let errors = String::from_utf8_lossy(&russian.stderr).into_owned();
    assert!(errors.contains("такой проверки нет"), "{errors}");
    let mut nobody = Command::new(env!("CARGO_BIN_EXE_mirano"));
    let nobody = nobody.args(["check", ADDRESS, "--server", "http://127.0.0.1:9"]).output().await.expect("runs");
    let errors = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(nobody.status.code() == Some(1) && errors.contains("`mirano serve` starts it"), "{errors}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notifications_are_listed_read_and_muted() {
    let world = World::new().await;
    let none = run(&world, &["notifications", "--unread", "--lang", "ru"]).await;
    assert_eq!((none.code, none.out.as_str()), (Some(0), "Ничего нового.\n"));
    let job = world.create("k", json!({"notify": {"events": ["job.first_result", "job.final"]}})).await;
    let job = job["job_id"].as_str().expect("an id");
    world.complete(job).await;
    let told = run(&world, &["notifications"]).await;
    assert!(told.out.contains("Check ended") && told.out.contains("Unread: 2"), "{}", told.out);
    let one = run(&world, &["notifications", "--limit", "1", "--type", "job.final"]).await;
    assert_eq!(one.out.matches("Check ended").count(), 1, "{}", one.out);
    assert_eq!(run(&world, &["notifications", "read", "--all"]).await.out, "Marked as read.\n");
    assert_eq!(run(&world, &["notifications", "--unread"]).await.out, "Nothing new.\n");
    let muted = run(&world, &["notifications", "mute", job, "8h"]).await;
    assert!(muted.out.contains("told nothing until "), "{}{}", muted.out, muted.errors);
    // What it was told of stays as it was.
    let set = world.read(&format!("/v1/jobs/{job}/notify")).await;
    assert_eq!(set["events"], json!(["job.first_result", "job.final"]), "{set}");
    let again = run(&world, &["notifications", "mute", job, "0s"]).await;
    assert!(again.out.contains("told again"), "{}", again.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_are_added_muted_sent_to_again_and_removed() {
    let world = super::notify::delivering().await;
    let receiver = super::notify::Receiver::start().await;
    receiver.answer(500);
    let added = run(&world, &["webhooks", "add", &receiver.url, "--event", "job.final", "--json"]).await;
    let hook: Json = serde_json::from_str(&added.out).expect("a webhook");
    let id = hook["webhook_id"].as_str().expect("an id");
    assert!(hook["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")), "{hook}");
    let listed = run(&world, &["webhooks", "list", "--lang", "ru"]).await;
    assert!(listed.out.contains(id) && listed.out.contains("о чём: job.final"), "{}", listed.out);
    let job = world.create("k", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    world.complete(&job).await;
    receiver.until(3).await;
    super::notify::deliveries(&world, id, |items| items.iter().any(|one| one["state"] == "dead")).await;
    let dead = run(&world, &["webhooks", "sent", id, "--dead"]).await;
    assert!(
        dead.out.contains("not delivered") && dead.out.contains("3 attempts") && dead.out.contains("status 500"),
        "{}",
        dead.out
    );
    receiver.answer(204);
    let again = run(&world, &["webhooks", "replay", id, "--dead"]).await;
    assert!(again.code == Some(0) && again.out.contains("sent again"), "{}{}", again.out, again.errors);
    receiver.until(4).await;
    super::notify::deliveries(&world, id, |items| items.iter().all(|one| one["state"] == "delivered")).await;
    let none = run(&world, &["webhooks", "replay", id, "--dead"]).await;
    assert!(none.out.contains("All was delivered"), "{}", none.out);
    assert!(run(&world, &["webhooks", "mute", id, "8h"]).await.out.contains("told nothing until"));
    assert!(run(&world, &["webhooks", "remove", id]).await.out.contains("removed"));
    let nobody = run(&world, &["webhooks", "list"]).await;
    assert_eq!(nobody.out, "Nobody is told. To add: mirano webhooks add\n");
}

/// `mirano … 2>&1 | head -1`: whoever has read enough closes both, and that is no panic.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_went_away_is_no_panic() {
    let world = World::new().await;
    for arguments in [&["policy", "show"][..], &["explain", "nothing"]] {
        // Both ends of the pipe are closed before anything is written.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut both = command(&world, arguments);
        both.stdout(writer.try_clone().expect("a pipe")).stderr(writer);
        drop(reader);
        let ended = both.status().await.expect("runs");
        assert!(ended.code().is_some_and(|code| code < 2), "{arguments:?}: {ended}");
    }
}

#[test]
fn a_port_in_use_is_told_with_the_option_that_names_another() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = held.local_addr().expect("bound").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    for (options, option) in [
        (["--listen", address.as_str(), "--demo-listen", "127.0.0.1:0"], "--listen"),
        (["--demo-listen", address.as_str(), "--listen", "127.0.0.1:0"], "--demo-listen"),
    ] {
        let mut serve = std::process::Command::new(env!("CARGO_BIN_EXE_mirano"));
        serve.args(["serve", "--demo", "--data"]).arg(folder.path().join("data")).args(options);
        serve.env("LANG", "en_US.UTF-8").env_remove("LC_ALL").env_remove("LC_MESSAGES");
        let ran = serve.output().expect("runs, and ends");
        let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(2), "{errors}");
        assert!(errors.contains(&format!("`{option} 127.0.0.1:0` takes a free port")), "{errors}");
    }
}

/// What can't be as it was asked for ends with 2, whichever command is asked, and is said once.
#[test]
fn wrong_use_is_told_alike_by_all_commands() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing").display().to_string();
    let foreign = folder.path().display().to_string();
    std::fs::write(folder.path().join("letter.txt"), "Dear sir").expect("written");
    for arguments in [
        &["log", "--data", &missing][..],
        &["log", "--data", &missing, "--type", "Nope"],
        &["rebuild", "--data", &missing],
        &["rebuild", "--data", &foreign],
        &["serve", "--demo", "--data", &foreign, "--listen", "127.0.0.1:0", "--demo-listen", "127.0.0.1:0"],
        &[
            "serve",
            "--demo",
            "--data",
            &missing,
            "--partitions",
            "0",
            "--listen",
            "127.0.0.1:0",
            "--demo-listen",
            "127.0.0.1:0",
        ],
        &["demo-sources", "--listen", "127.0.0.1:0", "--speed", "0"],
        &["demo-sources", "--listen", "127.0.0.1:0", "--data", &missing],
    ] {
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_mirano")).args(arguments).output().expect("runs");
        let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}: {errors}");
        let parts: Vec<&str> = errors.trim_end().split(": ").collect();
        assert!(parts.windows(2).all(|pair| pair[0] != pair[1]), "said twice: {errors}");
    }
}
