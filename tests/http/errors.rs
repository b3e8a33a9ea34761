//! Bad input: each gets its code, its place and what to do, and loses nothing.

use crate::world::{KEY_A, KEY_ADMIN, KEY_B, World};
use serde_json::{Value as Json, json};

#[tokio::test]
async fn bad_jobs_are_refused_with_their_place() {
    let world = World::new().await;
    let good = json!({"address": crate::world::ADDRESS, "profile": "standard"});
    let with = |name: &str, value: Json| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, status, code, at) in [
        (with("profile", json!("nope")), 422, "profile_unknown", "/profile"),
        (with("address", json!("")), 422, "address_empty", "/address"),
        (with("address", json!(" \t\n ")), 422, "address_empty", "/address"),
        (with("address", json!("!!! ???")), 422, "address_unusable", "/address"),
        (with("address", json!("ы".repeat(5_000))), 422, "address_unusable", "/address"),
        (with("address", json!(7)), 400, "bad_json", "/address"),
        (with("inputs", json!({"a": 1})), 400, "bad_json", "/inputs/a"),
        (with("priority", json!(0)), 422, "input_invalid", "/priority"),
        (with("priority", json!(6)), 422, "input_invalid", "/priority"),
        (with("priority", json!("high")), 400, "bad_json", "/priority"),
        (with("max_age", json!({"courts": "soon"})), 422, "input_invalid", "/max_age/courts"),
        (with("max_age", json!({"nobody": "1d"})), 422, "source_unknown", "/max_age/nobody"),
        (with("inputs", json!({"seller_inn": "7707083893"})), 422, "input_invalid", "/inputs/seller_inn"),
        (json!({"address": crate::world::ADDRESS, "profile": "seller"}), 422, "input_missing", "/inputs/seller_inn"),
        (
            json!({"address": crate::world::ADDRESS, "profile": "seller", "inputs": {"seller_inn": "123"}}),
            422,
            "input_invalid",
            "/inputs/seller_inn",
        ),
        (json!({"profile": "standard"}), 400, "bad_json", "/address"),
        (json!({}), 400, "bad_json", "/address"),
        (with("colour", json!("red")), 400, "bad_json", "/colour"),
        (json!([1, 2]), 400, "bad_json", ""),
    ] {
        let got = world.post("/v1/jobs", &body).await;
        assert_eq!(got.problem(), (status, code.to_owned()), "{body}: {}", got.text);
        let places: Vec<Json> =
            got.json()["errors"].as_array().expect("places").iter().map(|e| e["at"].clone()).collect();
        assert!(places.iter().any(|place| place == at), "{body}: {places:?}, not {at:?}");
    }
    assert_eq!(world.read("/v1/jobs").await["items"], json!([]), "none of them made a job");
}

/// What can't be opened is told in the language asked for, with the way to what was meant.
#[tokio::test]
async fn sides_and_moments_that_there_are_not_are_told_with_what_to_do() {
    let world = World::new().await;
    let id = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    world.complete(&id).await;
    let other = world.create("k2", json!({"address": "г Москва, ул Тверская, д 99"})).await["job_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let said = async |path: String, lang: &str| {
        let join = if path.contains('?') { '&' } else { '?' };
        let got = world.get(&format!("{path}{join}lang={lang}")).await;
        let (status, code) = got.problem();
        let text = |name: &str| got.json()[name].as_str().expect("words").to_owned();
        let at = got.json()["errors"][0].clone();
        (status, code, text("detail"), text("fix"), at)
    };
    let now = format!("job:{id}@now");
    let early = "2001-01-01";
    for (path, status, detail, fix, at) in [
        (format!("/v1/diff?from=a&to={now}"), 404, "такого снимка нет: «a»", "job:<номер проверки>@now", "from"),
        (format!("/v1/diff?from={id}&to={now}"), 404, "такого снимка нет", "`job:{id}@now`", "from"),
        (format!("/v1/diff?from={now}&to=job:x@now"), 404, "такой проверки нет: «job:x@now»", "Проверьте номер", "to"),
        (format!("/v1/diff?from=job:{id}@{early}&to={now}"), 404, "тогда ещё не было", "более поздний", "from"),
        (format!("/v1/diff?from={now}&to=job:{other}@now"), 422, " — это property:", "", ""),
        (format!("/v1/jobs/{id}?as_of={early}"), 404, "тогда ещё не было", "более поздний", "as_of"),
        (format!("/v1/jobs/{id}?as_of=2099-01-01"), 400, "ещё не наступило", "уже прошёл", "as_of"),
        (format!("/v1/jobs/{id}?as_of=0:999999"), 400, "0:999999", "GET /v1/log/heads", "as_of"),
    ] {
        let got = said(path.clone(), "ru").await;
        assert_eq!(got.0, status, "{path}: {got:?}");
        assert!(got.2.contains(detail), "{path}: {got:?}");
        assert!(got.3.contains(&fix.replace("{id}", &id)), "{path}: {got:?}");
        assert!(at.is_empty() || got.4["at"] == at, "{path}: {got:?}");
        for foreign in ["there is", "is no such", "snapshot", "is about"] {
            let place = got.4["detail"].as_str().unwrap_or_default();
            assert!(
                ![&got.2, &got.3].iter().any(|text| text.contains(foreign)) && !place.contains(foreign),
                "{path}: {got:?}"
            );
        }
        let english = said(path.clone(), "en").await;
        assert!(english.2 != got.2 && !english.3.contains("номер"), "{path}: {english:?}");
    }
}

/// A name that a profile does not have is told with those that it has.
#[tokio::test]
async fn an_input_that_is_not_there_is_told_with_those_that_are() {
    let world = World::new().await;
    let body = json!({"address": crate::world::ADDRESS, "profile": "seller",
        "inputs": {"seller_inn": "7707083893", "nosuch": "1"}});
    let got = world.post("/v1/jobs?lang=en", &body).await;
    assert_eq!(got.problem(), (422, "input_invalid".to_owned()));
    assert_eq!(got.json()["fix"], "Use one of: seller_inn.", "{}", got.text);
}

#[tokio::test]
async fn bodies_that_are_no_json_or_too_large() {
    let world = World::new().await;
    let raw = |kind: &str, body: String| {
        world.send(world.request("POST", "/v1/jobs", KEY_A).header("content-type", kind).body(body))
    };
    assert_eq!(raw("application/json", "{\"address\": ".to_owned()).await.problem(), (400, "bad_json".to_owned()));
    assert_eq!(raw("application/json", "{} {}".to_owned()).await.problem(), (400, "bad_json".to_owned()));
    assert_eq!(raw("text/plain", "{}".to_owned()).await.problem(), (400, "bad_json".to_owned()));
    let large = format!("{{\"address\": \"{}\"}}", "x".repeat(10 * 1024 * 1024));
    assert_eq!(raw("application/json", large).await.problem(), (413, "too_large".to_owned()));
}

#[tokio::test]
async fn keys_roles_and_other_tenants() {
    let world = World::new().await;
    let job = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    let none = world.send(world.client.get(format!("{}/v1/jobs", world.url))).await;
    assert_eq!(none.problem(), (401, "no_key".to_owned()));
    assert_eq!(none.header("www-authenticate"), "Bearer");
    let ask = |method: &'static str, path: String, key: &'static str| world.send(world.request(method, &path, key));
    assert_eq!(ask("GET", "/v1/jobs".to_owned(), "guess").await.problem(), (401, "no_key".to_owned()));
    assert_eq!(ask("GET", "/v1/log".to_owned(), KEY_A).await.problem(), (403, "role_missing".to_owned()));
    assert_eq!(ask("GET", "/v1/log".to_owned(), KEY_ADMIN).await.status, 200);
    for path in ["", "/events", "/tasks", "/report", "/explain", "/snapshots"] {
        let got = ask("GET", format!("/v1/jobs/{job}{path}"), KEY_B).await;
        assert_eq!(got.problem(), (404, "not_found".to_owned()), "{path}");
    }
    for path in ["recheck", "seal"] {
        let got = ask("POST", format!("/v1/jobs/{job}/{path}"), KEY_B).await;
        assert_eq!(got.problem(), (404, "not_found".to_owned()), "{path}");
    }
    let task = world.lease("cadastre").await;
    let alias = world.read(&format!("/v1/jobs/{job}/tasks")).await["items"][0]["task_id"].clone();
    let alias = alias.as_str().expect("an alias").to_owned();
    assert_ne!(alias, task.task.to_string(), "a job has its own names for tasks");
    assert_eq!(ask("GET", format!("/v1/tasks/{alias}"), KEY_A).await.status, 200);
    assert_eq!(ask("GET", format!("/v1/tasks/{alias}"), KEY_B).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(ask("GET", "/v1/subjects?q=Тверская".to_owned(), KEY_B).await.json()["items"], json!([]));
}

#[tokio::test]
async fn unknown_things_bad_cursors_and_positions() {
    let world = World::new().await;
    let job = world.create("k1", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    for (path, status, code) in [
        ("/v1/jobs/nothing".to_owned(), 404, "not_found"),
        ("/v1/jobs/aaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(), 404, "not_found"),
        ("/v1/snapshots/x".to_owned(), 404, "not_found"),
        ("/v1/facts/x".to_owned(), 404, "not_found"),
        ("/v1/tasks/x".to_owned(), 404, "not_found"),
        ("/v1/subjects/company:1/facts".to_owned(), 404, "not_found"),
        ("/v1/subjects/company:1/history".to_owned(), 404, "not_found"),
        ("/v1/nowhere".to_owned(), 404, "not_found"),
        ("/v1/jobs?cursor=zzzz".to_owned(), 400, "bad_cursor"),
        ("/v1/jobs?limit=0".to_owned(), 422, "input_invalid"),
        ("/v1/jobs?limit=501".to_owned(), 422, "input_invalid"),
        ("/v1/jobs?limit=many".to_owned(), 422, "input_invalid"),
        ("/v1/jobs?lang=de".to_owned(), 422, "input_invalid"),
        ("/v1/jobs?min_position=soon".to_owned(), 400, "bad_time"),
        (format!("/v1/jobs/{job}?min_position=9:0"), 400, "bad_time"),
        (format!("/v1/jobs/{job}?min_position=0:999999"), 503, "position_timeout"),
        (format!("/v1/jobs/{job}/events?last_event_id=x"), 400, "bad_cursor"),
    ] {
        let got = world.get(&path).await;
        assert_eq!(got.problem(), (status, code.to_owned()), "{path}");
        assert_eq!(status == 503, !got.header("retry-after").is_empty(), "{path}");
    }
    let patch = world.send(world.request("PATCH", "/v1/jobs", KEY_A)).await;
    assert_eq!(patch.problem(), (405, "method_not_allowed".to_owned()));
    let seal = world.send(world.request("POST", &format!("/v1/jobs/{job}/seal"), KEY_A)).await;
    assert_eq!(seal.problem(), (404, "not_found".to_owned()), "nothing is known yet");
}

#[tokio::test]
async fn without_a_policy_nothing_is_taken() {
    let world = World::bare(1).await;
    assert_eq!(world.get("/readyz").await.problem(), (503, "not_ready".to_owned()));
    assert_eq!(world.get("/healthz").await.status, 200);
    let body = json!({"address": crate::world::ADDRESS, "profile": "standard"});
    let got = world.post("/v1/jobs", &body).await;
    assert_eq!(got.problem(), (503, "not_ready".to_owned()));
    assert_eq!(got.header("retry-after"), "5");
}

#[tokio::test]
async fn the_policy_changes_only_for_who_has_read_it() {
    let world = World::new().await;
    let read = world.send(world.request("GET", "/v1/policy", KEY_ADMIN)).await;
    let tag = read.header("etag").to_owned();
    let mut policy = read.json();
    policy["document"]["sources"]["courts"]["ttl"] = json!("2d");
    let put = |key: &'static str, tag: Option<String>, body: Json| {
        let request = world.request("PUT", "/v1/policy", key).json(&body);
        world.send(tag.into_iter().fold(request, |request, tag| request.header("if-match", tag)))
    };
    assert_eq!(put(KEY_A, Some(tag.clone()), policy.clone()).await.problem(), (403, "role_missing".to_owned()));
    assert_eq!(put(KEY_ADMIN, None, policy.clone()).await.problem(), (428, "if_match_missing".to_owned()));
    let old = put(KEY_ADMIN, Some("\"77\"".to_owned()), policy.clone()).await;
    assert_eq!(old.problem(), (412, "version_changed".to_owned()));
    let mut broken = policy.clone();
    broken["document"]["profiles"]["standard"]["needs"][0]["source"] = json!("nobody");
    broken["document"]["risk"]["rule"][0]["when"] = json!("fact.kind ==");
    let refused = put(KEY_ADMIN, Some(tag.clone()), broken).await;
    assert_eq!(refused.problem(), (422, "policy_invalid".to_owned()));
    assert!(refused.json()["errors"].as_array().is_some_and(|errors| errors.len() >= 2), "{}", refused.text);
    let shapeless = put(KEY_ADMIN, Some(tag.clone()), json!({"document": {"sources": 7}})).await;
    assert_eq!(shapeless.problem(), (422, "policy_invalid".to_owned()));
    let changed = put(KEY_ADMIN, Some(tag.clone()), policy.clone()).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!((changed.json()["origin"].as_str(), changed.header("etag") == tag), (Some("api"), false));
    let again = put(KEY_ADMIN, Some(tag), policy).await;
    assert_eq!(again.problem(), (412, "version_changed".to_owned()));
    let sources = world.read("/v1/sources").await;
    let courts = sources["items"].as_array().expect("items").iter().find(|source| source["source"] == "courts");
    assert_eq!(courts.expect("there")["ttl_s"], 2 * 86_400);
}

/// Codes and places stay; words follow `?lang=`, else `Accept-Language`, else they are English, as programs know them.
#[tokio::test]
async fn problems_are_told_in_the_language_asked_for() {
    let world = World::new().await;
    let job = world.create("k", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    let good = json!({"address": crate::world::ADDRESS, "profile": "standard"});
    let inn = json!({"address": crate::world::ADDRESS, "profile": "seller", "inputs": {"seller_inn": "123"}});
    let watch = json!({"job_id": job, "every": "1s", "reason": "key"});
    let as_of = format!("/v1/jobs/{job}?as_of=1999");
    let before = format!("/v1/jobs/{job}?as_of=1999-01-01");
    for (method, path, body, code, words) in [
        ("POST", "/v1/jobs", json!({"address": "", "profile": "standard"}), "address_empty", "адрес пуст"),
        ("POST", "/v1/jobs", json!({"address": "!!!", "profile": "standard"}), "address_unusable", "не названы"),
        ("POST", "/v1/jobs", json!({"address": "x", "profile": "nope"}), "profile_unknown", "нет профиля «nope»"),
        ("POST", "/v1/jobs", inn, "input_invalid", "не ИНН"),
        ("POST", "/v1/watches", watch, "input_invalid", "меньше минуты"),
        ("GET", as_of.as_str(), Json::Null, "bad_time", "«1999» — не время, не дата и не позиция"),
        ("GET", before.as_str(), Json::Null, "not_found", "такой проверки тогда ещё не было"),
        ("GET", "/v1/jobs/nothing", Json::Null, "not_found", "такой проверки нет"),
        ("GET", "/v1/jobs?limit=0", Json::Null, "input_invalid", "`limit`"),
        ("GET", "/v1/jobs?cursor=zzz", Json::Null, "bad_cursor", "не от этого списка"),
        ("GET", "/v1/nowhere", Json::Null, "not_found", "ничего нет"),
        ("DELETE", "/v1/jobs", good, "method_not_allowed", "не делается"),
    ] {
        let ask = |accept: &'static str| {
            let request = world.request(method, path, KEY_A);
            let request = if body.is_null() { request } else { request.json(&body) };
            world.send(if accept.is_empty() { request } else { request.header("accept-language", accept) })
        };
        let (ru, en, none) = (ask("ru-RU,ru;q=0.9").await, ask("en").await, ask("").await);
        assert_eq!(ru.problem().1, code, "{path}: {}", ru.text);
        assert_eq!(
            (en.problem(), en.text.as_str()),
            (ru.problem(), none.text.as_str()),
            "English is what programs get"
        );
        let cyrillic = |text: &str| text.chars().any(|c| ('а'..='я').contains(&c));
        let (ru, en) = (ru.json(), en.json());
        assert!(ru["detail"].as_str().is_some_and(|said| said.contains(words)), "{path}: {ru}");
        for member in ["title", "detail", "fix"] {
            assert!(ru[member].as_str().is_some_and(cyrillic), "{path}: {member} of {ru}");
            assert!(!en[member].as_str().is_some_and(cyrillic), "{path}: {member} of {en}");
        }
        for (ru, en) in ru["errors"].as_array().expect("places").iter().zip(en["errors"].as_array().expect("places")) {
            assert_eq!(ru["at"], en["at"]);
        }
    }
    let by_query = world.send(world.request("GET", "/v1/jobs/nothing?lang=ru", KEY_A).header("accept-language", "en"));
    assert_eq!(by_query.await.json()["detail"], "такой проверки нет", "the query string goes first");
}

#[tokio::test]
async fn places_of_bad_input_are_where_it_stands() {
    let world = World::new().await;
    let job = world.create("k", json!({})).await["job_id"].as_str().expect("an id").to_owned();
    let got = world.post("/v1/watches", &json!({"job_id": job, "every": "1s", "reason": "key"})).await;
    assert_eq!(got.json()["errors"][0]["at"], "/every", "{}", got.text);
    let got = world.send(world.request("GET", "/v1/log?from=zzz", crate::world::KEY_AUDITOR)).await;
    assert_eq!(got.problem(), (400, "bad_time".to_owned()));
    assert_eq!(got.json()["errors"][0]["at"], "from", "{}", got.text);
}

/// An address that nothing would ever be sent to is not taken.
#[tokio::test]
async fn addresses_are_refused_where_no_mail_is_sent() {
    let world = World::new().await;
    let body = json!({"address": "a@example.org"});
    let add = || world.post("/v1/emails?lang=en", &body);
    assert_eq!(add().await.status, 201);
    world.state.without_mail();
    let refused = add().await;
    assert_eq!(refused.problem(), (422, "input_invalid".to_owned()));
    assert!(refused.json()["fix"].as_str().is_some_and(|fix| fix.contains("[smtp]")), "{}", refused.text);
    assert_eq!(world.read("/v1/emails").await["items"].as_array().map(Vec::len), Some(1));
}
