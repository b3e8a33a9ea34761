//! The assistant's way in: keys, hosts and origins by hand, and whole conversations by real clients of the protocol.

use crate::world::{KEY_A, KEY_B, World};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use tokio::process::Command;

fn rpc(method: &str, params: Json) -> Json {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

fn post(world: &World, key: &str) -> reqwest::RequestBuilder {
    let accept = "application/json, text/event-stream";
    world.request("POST", "/mcp", key).header("accept", accept).header("mcp-protocol-version", "2025-06-18")
}

/// Calls a tool, without a session; the structured answer.
async fn tool(world: &World, key: &str, name: &str, arguments: Json) -> Json {
    let got =
        world.send(post(world, key).json(&rpc("tools/call", json!({"name": name, "arguments": arguments})))).await;
    assert_eq!(got.status, 200, "{}", got.text);
    got.json()["result"].clone()
}

#[tokio::test]
async fn an_assistant_needs_a_key_and_sees_its_own_tenant_only() {
    let world = World::new().await;
    let list = rpc("tools/list", json!({}));
    let without = world.client.post(format!("{}/mcp", world.url)).json(&list);
    assert_eq!(world.send(without).await.problem(), (401, "no_key".to_owned()));
    assert_eq!(world.send(post(&world, "no such key").json(&list)).await.problem(), (401, "no_key".to_owned()));
    let listed = world.send(post(&world, KEY_A).json(&list)).await;
    let tools = listed.json()["result"]["tools"].as_array().expect("tools").len();
    assert_eq!(tools, 9, "{}", listed.text);

    let job = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    world.complete(&job).await;
    let own = tool(&world, KEY_A, "get_check", json!({"job_id": job})).await;
    assert_eq!(own["structuredContent"]["job"]["job_id"], job);
    let foreign = tool(&world, KEY_B, "get_check", json!({"job_id": job})).await;
    assert_eq!(foreign["isError"], true);
    assert!(foreign["content"][0]["text"].as_str().is_some_and(|text| text.starts_with("not_found")), "{foreign}");
    // One truth: what the tool says of the job is what the interface says.
    let told = world.read(&format!("/v1/jobs/{job}?lang=ru")).await;
    assert_eq!(own["structuredContent"]["job"], told);
}

#[tokio::test]
async fn foreign_hosts_and_pages_are_refused() {
    let world = World::new().await;
    let list = rpc("tools/list", json!({}));
    let with = |name: &'static str, value: String| world.send(post(&world, KEY_A).header(name, value).json(&list));
    assert_eq!(with("origin", world.url.clone()).await.status, 200, "the server's own page");
    for origin in ["https://evil.example", "null", "http://localhost:1"] {
        assert_eq!(with("origin", origin.to_owned()).await.status, 403, "{origin}");
    }
    assert_eq!(with("host", "evil.example".to_owned()).await.status, 403);
}

#[tokio::test]
async fn wrong_arguments_and_unknown_tools_are_refused() {
    let world = World::new().await;
    for (name, arguments) in [
        ("start_check", json!({})),
        ("start_check", json!({"address": "x", "wait": 3})),
        ("get_check", json!({"job_id": 7})),
    ] {
        let refused = tool(&world, KEY_A, name, arguments).await;
        assert_eq!(refused["isError"], true, "{refused}");
        assert!(refused["content"][0]["text"].as_str().is_some_and(|text| text.starts_with("bad_json")), "{refused}");
    }
    let unknown = rpc("tools/call", json!({"name": "no_such_tool", "arguments": {}}));
    let got = world.send(post(&world, KEY_A).json(&unknown)).await;
    assert_eq!(got.json()["error"]["code"], -32_602, "{}", got.text);
    let refused = tool(&world, KEY_A, "start_check", json!({"address": ""})).await;
    assert!(refused["content"][0]["text"].as_str().is_some_and(|text| text.starts_with("address_empty")), "{refused}");
}

/// What can't be read is answered as JSON-RPC 2.0 says: by its codes, with the id where there is one.
#[tokio::test]
async fn rubbish_is_answered_as_json_rpc() {
    let world = World::new().await;
    for (body, code, id) in [
        ("rubbish", -32_700, Json::Null),
        ("", -32_700, Json::Null),
        ("{\"jsonrpc\": \"2.0\", ", -32_700, Json::Null),
        ("{\"id\": 7}", -32_600, json!(7)),
        ("[]", -32_600, Json::Null),
    ] {
        let request = post(&world, KEY_A).header("content-type", "application/json").body(body);
        let got = world.send(request).await;
        assert!((400..500).contains(&got.status), "{body}: {}", got.text);
        assert_eq!(got.header("content-type"), "application/json", "{body}: {}", got.text);
        let answer = got.json();
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &id), "{body}: {answer}");
        assert_eq!(answer["error"]["code"], code, "{body}: {answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|said| !said.is_empty()), "{answer}");
        assert!(body != "[]" || got.status == 400, "an array is no wrong kind of file: {}", got.text);
    }
    // A method that there is not is told in words.
    let unknown = json!({"jsonrpc": "2.0", "id": 8, "method": "zz"});
    let got = world.send(post(&world, KEY_A).json(&unknown)).await;
    assert!(got.text.contains("-32601") && got.text.contains("there is no method"), "{}", got.text);
}

/// What is wrong is told in the language of the call.
#[tokio::test]
async fn refusals_of_tools_follow_their_language() {
    let world = World::new().await;
    for (name, arguments, words) in [
        ("start_check", json!({"address": "", "lang": "ru"}), "адрес пуст"),
        ("get_check", json!({"job_id": "nothing", "lang": "ru"}), "такой проверки нет"),
        ("get_check", json!({"job_id": "nothing", "lang": "en"}), "there is no such job"),
        ("start_check", json!({"lang": "ru"}), "Отправьте аргументы"),
        ("compare", json!({"from": "job:x@now", "to": "job:x@now", "lang": "ru"}), "Проверьте номер"),
    ] {
        let refused = tool(&world, KEY_A, name, arguments).await;
        assert_eq!(refused["isError"], true, "{refused}");
        assert!(refused["content"][0]["text"].as_str().is_some_and(|text| text.contains(words)), "{words}: {refused}");
    }
}

/// The answer of a wait comes with the event, not with the time.
#[tokio::test]
async fn a_wait_ends_with_the_check() {
    let world = World::new().await;
    let job = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    let waiting = tool(&world, KEY_A, "get_check", json!({"job_id": job, "wait_s": 60}));
    let (waited, _) = tokio::join!(waiting, world.complete(&job));
    assert_eq!(waited["structuredContent"]["job"]["final"], true, "{waited}");
    let running =
        world.create("k2", json!({"max_age": {"*": "0s"}})).await["job_id"].as_str().expect("an id").to_owned();
    let told = tool(&world, KEY_A, "get_check", json!({"job_id": running, "wait_s": 1, "lang": "en"})).await;
    assert_eq!(told["structuredContent"]["job"]["final"], false);
    let said = told["content"][0]["text"].as_str().expect("sentences");
    assert!(said.contains("It is being updated"), "{said}");
}

/// A folder beside the target folder, made by `.ci/setup test`.
fn made_by_setup(variable: &str, below: &str) -> Option<PathBuf> {
    let beside = || {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
        target.join(below)
    };
    let program = std::env::var_os(variable).map_or_else(beside, PathBuf::from);
    if program.is_file() {
        return Some(program);
    }
    println!("LEFT OUT: a real client of MCP: there is no {}; `.ci/setup test` makes it", program.display());
    None
}

/// Python with the package `mcp`; one that was made before lacks it.
fn python() -> Option<PathBuf> {
    let python = made_by_setup("MIRANO_PYTHON", "venv/bin/python")?;
    let has = std::process::Command::new(&python).args(["-c", "import mcp"]).output().expect("runs");
    if !has.status.success() {
        println!(
            "LEFT OUT: the Python client of MCP: {} has no package mcp; `.ci/setup test` adds it",
            python.display()
        );
    }
    has.status.success().then_some(python)
}

/// A world in which a check of the address has answers, so that another is reused.
async fn answered() -> World {
    let world = World::new().await;
    let job = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    world.complete(&job).await;
    world.pass(60_000);
    world
}

async fn converse(python: &Path, arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/client.py");
    let mut command = Command::new(python);
    let said = command.arg(script).args(arguments).env("no_proxy", "*").kill_on_drop(true).output();
    let said = tokio::time::timeout(std::time::Duration::from_secs(120), said).await.expect("ends").expect("runs");
    let (out, errors) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success() && out.contains("\"done\""), "{out}\n{errors}");
    assert!(out.contains("come from earlier checks"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_sdk_converses_over_http_and_stdio() {
    let Some(python) = python() else { return };
    let world = answered().await;
    converse(&python, &["http", &world.url, KEY_A, crate::world::ADDRESS]).await;
    let world = answered().await;
    converse(&python, &["stdio", env!("CARGO_BIN_EXE_mirano"), &world.url, KEY_A, crate::world::ADDRESS]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inspector_lists_and_calls() {
    let Some(inspector) = made_by_setup("MIRANO_INSPECTOR", "inspector/node_modules/.bin/mcp-inspector") else {
        return;
    };
    let world = answered().await;
    let (url, header) = (format!("{}/mcp", world.url), format!("Authorization: Bearer {KEY_A}"));
    let ask = async |target: &[&str], rest: &[&str]| -> Json {
        let mut command = Command::new(&inspector);
        command.arg("--cli").args(target).args(rest).env("NO_PROXY", "*").env("no_proxy", "*").kill_on_drop(true);
        let said = tokio::time::timeout(std::time::Duration::from_secs(120), command.output())
            .await
            .expect("ends")
            .expect("runs");
        let (out, errors) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{errors}"))
    };
    let over_http = ["--transport", "http", &url, "--header", &header];
    // The inspector has a flag `--server` of its own, so the program reads its server from the environment.
    let (server, key) = (format!("MIRANO_SERVER={}", world.url), format!("MIRANO_KEY={KEY_A}"));
    let over_stdio = ["-e", &server, "-e", &key, env!("CARGO_BIN_EXE_mirano"), "mcp"];
    for target in [&over_http[..], &over_stdio[..]] {
        let listed = ask(target, &["--method", "tools/list"]).await;
        assert_eq!(listed["tools"].as_array().map(Vec::len), Some(9), "{listed}");
        let address = format!("address={}", crate::world::ADDRESS);
        let call = ["--method", "tools/call", "--tool-name", "start_check", "--tool-arg", &address, "lang=en"];
        let called = ask(target, &call).await;
        assert_eq!(called["structuredContent"]["job"]["progress"]["reused"], 3, "{called}");
        let prompts = ask(target, &["--method", "prompts/list"]).await;
        assert_eq!(prompts["prompts"].as_array().map(Vec::len), Some(4), "{prompts}");
    }
}
