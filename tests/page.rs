//! The web page, rendered from fixtures and looked at: as HTML over its router, and in a headless Chromium.
//!
//! What it holds the page to: words that are never rosier than the data, one badge only for what was reused, no other
//! host and no inline code, both languages, forms that work without JavaScript, a weight below 150 KB, that a
//! check updates itself, and that its texts are readable on their ground. Without
//! a `chromium` the browser's part says loudly that it was left out.

#![expect(clippy::indexing_slicing, reason = "a fixture without the part that a test names is a failed test")]

mod page {
    pub mod browser;
    pub mod explained;
    pub mod fixtures;
    mod interface;
    mod journey;
    pub mod server;
}
mod support;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use page::browser::{self, Browser, Look};
use page::fixtures;
use page::server::{Fixtures, app};
use std::sync::Arc;
use tower::ServiceExt;

async fn send(fixtures: &Arc<Fixtures>, request: Request<Body>) -> (Response<()>, String) {
    let (parts, body) = app(fixtures).oneshot(request).await.expect("the router never fails").into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a whole body");
    (Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).expect("the page is UTF-8"))
}

async fn get(fixtures: &Arc<Fixtures>, path: &str) -> (Response<()>, String) {
    send(fixtures, Request::get(path).body(Body::empty()).expect("a request")).await
}

async fn post(fixtures: &Arc<Fixtures>, path: &str, form: &str) -> (Response<()>, String) {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    send(fixtures, request.body(Body::from(form.to_owned())).expect("a request")).await
}

fn header_of(response: &Response<()>, name: header::HeaderName) -> &str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The HTML of one row.
fn row<'a>(html: &'a str, need: &str) -> &'a str {
    let start = html.find(&format!("id=\"need-{need}\"")).expect("the row is on the page");
    let rest = &html[start..];
    rest.split("\n<li class=\"source").next().unwrap_or(rest)
}

#[tokio::test]
async fn every_page_renders_in_both_languages_with_its_headers() {
    let fixtures = Fixtures::new(None);
    for lang in ["ru", "en"] {
        for path in [
            "/",
            "/sign-in",
            "/jobs/job-partial",
            "/jobs/job-done",
            "/jobs/job-new",
            "/jobs/job-failed",
            "/jobs/job-partial/report",
            "/snapshots/s2",
            "/jobs/job-partial?as_of=0%3A9",
            "/compare",
            "/compare?from=s1&to=s2",
            "/jobs/job-done/timeline",
            "/sources",
            "/watches",
            "/notifications",
            "/channels/webhooks/w1",
            "/log",
            "/docs",
        ] {
            let join = if path.contains('?') { '&' } else { '?' };
            let (response, html) = get(&fixtures, &format!("{path}{join}lang={lang}")).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}: {html}");
            assert!(html.contains(&format!("<html lang=\"{lang}\">")), "{path}");
            assert_eq!(header_of(&response, header::CONTENT_SECURITY_POLICY), mirano::ui::CONTENT_SECURITY_POLICY);
            assert!(header_of(&response, header::SET_COOKIE).starts_with(&format!("mirano_lang={lang};")), "{path}");
            for forbidden in ["<script>", "<style", " style=\"", " onclick", "javascript:", "http://", "https://"] {
                assert!(!html.contains(forbidden), "{path} contains {forbidden}");
            }
        }
    }
}

#[tokio::test]
async fn any_moment_can_be_opened_and_is_marked_as_past() {
    let fixtures = Fixtures::new(None);
    let (_, now) = get(&fixtures, "/jobs/job-done?lang=en").await;
    assert!(now.contains("href=\"/jobs/job-done?as_of=0%3A9\"") && now.contains("Moments of this check"), "{now}");
    assert!(
        now.contains("<option value=\"s2\" ")
            && now.contains("data-said=\"0 of 7 answered · incomplete or stale\" selected"),
        "{now}"
    );
    assert!(now.contains("id=\"live\"") && !now.contains("As it was known"));
    let (_, was) = get(&fixtures, "/jobs/job-done?as_of=2026-11-24T10%3A11%3A00Z&lang=en").await;
    assert!(was.contains("As it was known on") && was.contains("10:11:00\u{a0}UTC</time></b>"), "{was}");
    // It is not followed, not asked again, and no age in it runs on.
    assert!(!was.contains("id=\"live\"") && !was.contains("data-rel") && !was.contains("id=\"recheck\""));
    assert!(was.contains("href=\"/jobs/job-done/report?as_of=2026%2D11%2D24"), "the report stays in that moment");
    assert!(
        was.contains("?as_of=2026-11-24T10%3A11%3A00Z&amp;lang=ru"),
        "the other language stays in that moment: {was}"
    );
}

#[tokio::test]
async fn a_report_leads_to_where_it_is_verified() {
    let fixtures = Fixtures::new(None);
    let (_, report) = get(&fixtures, "/jobs/job-done/report?lang=en").await;
    assert!(!report.contains("class=\"qr\""), "it is not known how this server is called");
    let named = Request::get("/jobs/job-done/report?lang=en").header(header::HOST, "mirano.example");
    let (_, named) = send(&fixtures, named.body(Body::empty()).expect("a request")).await;
    assert!(named.contains("<svg class=\"qr\""), "{named}");
    assert!(
        named.contains("href=\"http:&#x2f;&#x2f;mirano.example&#x2f;snapshots&#x2f;s2\""),
        "paper has no address of its own: {named}"
    );
    assert!(named.contains(">http:&#x2f;&#x2f;mirano.example&#x2f;snapshots&#x2f;s2</a>"), "{named}");
    assert!(report.contains("9f2ce1d0a7b3441e8c55") && report.contains("href=\"&#x2f;snapshots&#x2f;s2\""), "{report}");
    let (_, snapshot) = get(&fixtures, "/snapshots/s2?lang=en").await;
    assert!(snapshot.contains("9f2ce1d0a7b3441e8c55") && snapshot.contains("as_of=0%3A1234"), "{snapshot}");
    let (nothing, _) = get(&fixtures, "/snapshots/s3?lang=en").await;
    assert_eq!(nothing.status(), StatusCode::NOT_FOUND);
    // What is not sealed as it stands is verified nowhere; what was sealed last is named as such.
    let draft = Request::get("/jobs/job-partial/report?lang=en").header(header::HOST, "mirano.example");
    let (_, draft) = send(&fixtures, draft.body(Body::empty()).expect("a request")).await;
    assert!(!draft.contains("class=\"qr\"") && !draft.contains("How to verify this report"), "{draft}");
    assert!(
        draft.contains("is not sealed as it stands; sealed last:") && draft.contains("href=\"/snapshots/s1\""),
        "{draft}"
    );
}

#[tokio::test]
async fn sources_that_need_a_look_stand_first() {
    let fixtures = Fixtures::new(None);
    let (_, html) = get(&fixtures, "/sources?lang=en").await;
    let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} in {html}"));
    assert!(place("source-courts") < place("source-listings") && place("source-listings") < place("source-cadastre"));
    assert!(html.contains("7 failures in a row") && html.contains("timeout: no answer within 20s"), "{html}");
    // Words for all, the text as it is kept small beside them; of the dead letter as well.
    assert!(html.matches("the source did not answer in time").count() >= 2, "{html}");
    assert!(
        html.contains("default&#x2f;p1") && html.contains("1,234") && html.contains("answers are good for 14 days")
    );
    assert!(html.contains("asked to wait &lt;b&gt;"), "what a source says is never HTML");
    assert!(html.contains("action=\"/dead-letters/t1/retry\"") && html.contains("5 attempts"), "{html}");
    assert!(html.contains("href=\"/jobs/aka4idzf6cpjp4w7\">aka4idzf</a>"), "its checks are a step away: {html}");
    let (response, _) = post(&fixtures, "/dead-letters/t1/retry", "").await;
    assert_eq!((response.status(), header_of(&response, header::LOCATION)), (StatusCode::SEE_OTHER, "/sources"));
    assert_eq!(post(&fixtures, "/dead-letters/t1/burn", "").await.0.status(), StatusCode::NOT_FOUND);
    assert_eq!(*fixtures.rechecked.lock().expect("no panic"), ["see to t1 true"]);
    let (_, ru) = get(&fixtures, "/sources?lang=ru").await;
    assert!(ru.contains("7 неудач подряд") && ru.contains("просил подождать"), "{ru}");
}

#[tokio::test]
async fn a_check_is_watched_and_no_longer() {
    let fixtures = Fixtures::new(None);
    let (response, _) = post(&fixtures, "/jobs/job-done/watch", "every=1d").await;
    assert_eq!((response.status(), header_of(&response, header::LOCATION)), (StatusCode::SEE_OTHER, "/watches"));
    let (_, html) = get(&fixtures, "/watches?lang=en").await;
    assert!(
        html.contains("action=\"/watches/w1/end\"") && html.contains("22:00-06:00 UTC") && html.contains("paid for"),
        "{html}"
    );
    assert!(html.contains("href=\"/jobs/job-done\""));
    let (_, watched) = get(&fixtures, "/jobs/job-done?lang=ru").await;
    assert!(watched.contains("href=\"/watches\">Наблюдается</a>") && !watched.contains("/watch\""), "{watched}");
    let (_, not) = get(&fixtures, "/jobs/job-partial?lang=ru").await;
    assert!(not.contains("action=\"/jobs/job-partial/watch\"") && !not.contains("Наблюдается"), "{not}");
    post(&fixtures, "/watches/w1/end", "").await;
    assert_eq!(*fixtures.rechecked.lock().expect("no panic"), ["watch job-done 1d", "end w1"]);
}

#[tokio::test]
async fn a_check_says_on_top_what_it_does_not_cover_and_that_nobody_is_told() {
    let fixtures = Fixtures::new(None);
    let mut job = fixtures::completed(1);
    job["job_id"] = "job-muted".into();
    job["not_checked"] = serde_json::json!([{"source": "enforcement_persons", "reason": "input_missing",
        "text": {"ru": "не спрошен: не указана дата рождения; срок вышел 7 декабря 2026, 18:10 UTC", "en": "not asked: no date of birth"}}]);
    for source in ["tax", "permits"] {
        let text = serde_json::json!({"ru": "профиль не спрашивает", "en": "the profile does not ask"});
        let outside = serde_json::json!({"source": source, "reason": "not_in_profile", "text": text});
        job["not_checked"].as_array_mut().expect("a list").insert(0, outside);
    }
    fixtures.put(job);
    let (_, html) = get(&fixtures, "/jobs/job-muted?lang=ru").await;
    let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} in {html}"));
    assert!(
        place("id=\"status\"") < place("Чего эта проверка не охватывает")
            && place("Чего эта проверка не охватывает") < place("id=\"sources\"")
    );
    assert!(
        place("Исполнительные производства: лица: не спрошен")
            < place("<li>Вне профиля, поэтому не спрашивали: permits, tax</li>"),
        "one line, and the last: {html}"
    );
    assert!(!html.contains("профиль не спрашивает"), "{html}");
    assert!(
        html.contains("срок вышел <time datetime=\"2026-12-07T18:10:00Z\" data-at>"),
        "in the reader's zone: {html}"
    );
    assert!(html.contains("Об этой проверке никому не сообщается до <time"), "{html}");
    let (_, other) = get(&fixtures, "/jobs/job-done?lang=ru").await;
    assert!(!other.contains("никому не сообщается") && other.contains("aria-labelledby=\"not-checked-title\""));
}

#[tokio::test]
async fn a_page_of_a_problem_keeps_its_frame_and_names_what_is_missing() {
    let fixtures = Fixtures::new(None);
    for (path, status, said) in [
        ("/jobs/nothing", 404, "There is no such check"),
        ("/snapshots/nothing", 404, "There is no such snapshot"),
        ("/channels/pigeons/p1", 404, "There is no such page"),
        ("/compare?from=nonsense&to=s2", 404, "there is no such snapshot"),
    ] {
        let (response, html) =
            get(&fixtures, &format!("{path}{}lang=en", if path.contains('?') { '&' } else { '?' })).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert!(html.contains(said), "{path}: {said} in {html}");
        assert!(
            html.contains("href=\"/log\"") && html.contains("class=\"demo\""),
            "{path}: the frame is that of all pages"
        );
    }
}

#[tokio::test]
async fn notifications_are_listed_with_who_is_told() {
    let fixtures = Fixtures::new(None);
    let (_, html) = get(&fixtures, "/notifications?lang=en").await;
    assert!(html.contains("notifications\" aria-current=\"page\""), "the navigation leads here: {html}");
    assert!(html.contains("the &lt;b&gt;first&lt;&#x2f;b&gt; answer") && html.contains("Source is back"), "{html}");
    assert!(html.contains("action=\"/notifications/read\"") && html.contains("collected over"), "{html}");
    assert!(html.contains("only what a check names it for") && html.contains("Check ended, Facts changed"), "{html}");
    let stopped = html.split("id=\"channel-w3\"").nth(1).and_then(|rest| rest.split("</tr>").next()).expect("a row");
    assert!(
        stopped.contains("Stopped: the receiver answered 410") && stopped.contains("24\u{a0}November"),
        "{stopped}"
    );
    post(&fixtures, "/notifications/read", "").await;
    let (response, html) = post(&fixtures, "/channels/webhooks?lang=en", "target=https%3A%2F%2Fa.example%2F").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(html.contains("whsec_c2VjcmV0") && html.contains("it is not shown again"), "{html}");
    let (response, html) = post(&fixtures, "/channels/webhooks?lang=en", "target=nonsense").await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html.contains("That did not work: is no URL</b>"), "no pointer into JSON is shown to people: {html}");
    assert!(html.contains("value=\"nonsense\""), "{html}");
    let (response, _) = post(&fixtures, "/channels/emails", "target=a%40example.org&digest=1d").await;
    assert_eq!((response.status(), header_of(&response, header::LOCATION)), (StatusCode::SEE_OTHER, "/notifications"));
    assert!(html.contains("name=\"for\" value=\"8h\"") && html.contains("value=\"0s\">Tell again"), "{html}");
    post(&fixtures, "/channels/emails/e1/mute", "for=0s").await;
    post(&fixtures, "/channels/emails/e1/end", "").await;
    assert_eq!(post(&fixtures, "/channels/pigeons", "target=x").await.0.status(), StatusCode::NOT_FOUND);
    let (_, html) = get(&fixtures, "/channels/webhooks/w1?lang=en").await;
    assert!(html.contains("not delivered") && html.contains("status 500") && html.contains("10 attempts"), "{html}");
    assert!(html.contains("action=\"/channels/webhooks/w1/deliveries/d2/retry\""));
    // Who was told, of what: deliveries are told apart.
    assert!(html.contains("<p class=\"address\">receiver.example&#x2f;hook</p>"), "{html}");
    let told =
        |id: &str| html.split(&format!("id=\"delivery-{id}\"")).nth(1).and_then(|rest| rest.split("</tr>").next());
    let (first, second) = (told("d2").expect("a row"), told("d1").expect("a row"));
    assert!(first.contains("<a href=\"/jobs/job-done\">Tverskaya 7: the &lt;b&gt;first") && !first.contains("more"));
    assert!(second.contains("Courts<small>Source is back</small>") && second.contains("and 5 more"), "{second}");
    let (_, stopped) = get(&fixtures, "/channels/webhooks/w3?lang=en").await;
    assert!(stopped.contains("the receiver answered 410") && !stopped.contains("/retry\""), "{stopped}");
    assert_eq!(get(&fixtures, "/channels/webhooks/w9").await.0.status(), StatusCode::NOT_FOUND);
    assert!(!html.contains("deliveries/d1/retry"), "what is being collected is not sent by hand");
    post(&fixtures, "/channels/webhooks/w1/deliveries/d2/retry", "").await;
    let done = fixtures.rechecked.lock().expect("no panic").clone();
    let want = [
        "read all",
        "add webhooks https://a.example/",
        "add webhooks nonsense",
        "add emails a@example.org",
        "mute emails e1 0s",
        "end emails e1",
        "again webhooks w1 d2",
    ];
    assert_eq!(done, want);
}

#[tokio::test]
async fn the_log_is_shown_latest_first() {
    let fixtures = Fixtures::new(None);
    let (_, html) = get(&fixtures, "/log?lang=en").await;
    let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} in {html}"));
    assert!(place("id=\"c-0:119\"") < place("id=\"c-0:70\"") && !html.contains("id=\"c-0:69\""));
    assert!(html.contains("FactObserved × 2") && html.contains("href=\"#c-0:118\"") && html.contains("log@0:120=abc"));
    assert!(html.contains("before=70") && !html.contains(">Newest<"), "{html}");
    let (_, last) = get(&fixtures, "/log?before=20&lang=en").await;
    assert!(last.contains("id=\"c-0:19\"") && last.contains("id=\"c-0:0\"") && !last.contains(">Older<"), "{last}");
}

#[tokio::test]
async fn the_way_of_a_check_is_a_picture_with_its_words() {
    let fixtures = Fixtures::new(None);
    let (_, html) = get(&fixtures, "/jobs/job-done/timeline?lang=en").await;
    assert!(html.contains("aria-label=\"The risk went from at least 20 to at least 40.\""), "{html}");
    assert!(
        html.contains("moved-line least\" d=\"M427 80H640\"") && html.contains("moved-line\" d=\"M640 80V60\""),
        "{html}"
    );
    assert!(html.contains("at least 40 of 100"), "{html}");
    assert!(html.contains("href=\"/jobs/job-done?as_of=0%3A9\"") && html.contains("href=\"/snapshots/s2\""));
    assert!(html.contains("1 came, 1 gone, 1 changed, answered: Cadastre (2 facts)"), "{html}");
    assert!(
        html.contains("10:11:40\u{a0}UTC · 4 of 7 answered · incomplete or stale · snapshot</option>"),
        "two are chosen here as well: {html}"
    );
    let (_, check) = get(&fixtures, "/jobs/job-done?lang=en").await;
    assert!(check.contains("href=\"/jobs/job-done/timeline\""), "the check leads there");
}

#[tokio::test]
async fn a_comparison_shows_changes_first_and_says_what_it_left_out() {
    let fixtures = Fixtures::new(None);
    let (_, html) = get(&fixtures, "/compare?from=s1&to=s2&lang=en").await;
    let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} in {html}"));
    assert!(place("1 changed, 1 came, 1 gone, 3 unchanged") < place("<del>₽2,900,000</del> → <ins>₽2,700,000</ins>"));
    assert!(place("<ins>₽2,700,000</ins>") < place("the way of reading changed"));
    assert!(place("the way of reading changed") < place("erased with its person"));
    assert!(
        html.contains("the source gave no answer (after)")
            && html.contains("20 → 30")
            && html.contains("by facts that changed")
    );
    assert!(html.contains("Студия &lt;b&gt;24") && !html.contains("<b>24"), "what a source says is never HTML");
    assert!(html.contains("href=\"/compare?from=s1&amp;to=s2&amp;cursor=abc\""), "{html}");
    // Another two moments of the same check are chosen by their times, with those that are compared chosen.
    let chosen = "<option value=\"s2\" data-at=\"2026-11-24T10:11:40Z\" data-precision=\"second\" data-said=\"4 of 7 answered · incomplete or stale · snapshot\" selected>";
    assert!(html.contains(chosen), "{html}");
    assert!(
        html.contains("data-said=\"0 of 7 answered · incomplete or stale\" selected>"),
        "s1 is none of these moments: the first is chosen: {html}"
    );
    let (_, last) = get(&fixtures, "/compare?from=s1&to=s2&cursor=abc&lang=ru").await;
    assert!(!last.contains("cursor=") || !last.contains(">Дальше<"), "{last}");
    let (response, wrong) = get(&fixtures, "/compare?from=nonsense&to=s2&lang=en").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(wrong.contains("there is no such snapshot") && wrong.contains("value=\"nonsense\""), "{wrong}");
}

#[tokio::test]
async fn the_policy_allows_no_inline_code_and_no_other_host() {
    let policy = mirano::ui::CONTENT_SECURITY_POLICY;
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    for forbidden in ["unsafe", "http", "*", "data:"] {
        assert!(!policy.contains(forbidden), "{forbidden}");
    }
}

#[tokio::test]
async fn words_are_never_rosier_than_the_data() {
    let fixtures = Fixtures::new(None);
    let (_, ru) = get(&fixtures, "/jobs/job-partial?lang=ru").await;
    assert!(ru.contains("Есть ответ: 4 из 7, из них 1 из предыдущих проверок"), "{ru}");
    assert!(ru.contains("Есть часть результата, часть остального обновляется"), "один источник не ответил: {ru}");
    for html in
        [&ru, &get(&fixtures, "/jobs/job-done?lang=ru").await.1, &get(&fixtures, "/jobs/job-failed?lang=ru").await.1]
    {
        let lower = html.to_lowercase();
        for lie in ["проверено", "чисто", "только что"] {
            assert!(!lower.contains(lie), "{lie}");
        }
    }
    let (_, en) = get(&fixtures, "/jobs/job-partial?lang=en").await;
    assert!(en.contains("Answered: 4 of 7, 1 of them from earlier checks"));
    for lie in ["just checked", "clean", "verified 4"] {
        assert!(!en.to_lowercase().contains(lie), "{lie}");
    }
}

#[tokio::test]
async fn each_row_says_what_is_known_of_its_source() {
    let fixtures = Fixtures::new(None);
    let (_, html) = get(&fixtures, "/jobs/job-partial?lang=ru").await;
    let badge = "<span class=\"badge reused\">данные использованы из предыдущей проверки</span>";
    let expected = [
        ("n1", vec![badge, "20\u{a0}ноября 2026", "возраст 26 часов, срок 14 дней", "найдено 2 записи"]),
        (
            "n2",
            vec![
                "устаревшие данные из предыдущей проверки",
                "срок (1 день) истёк",
                "пауза перед повтором",
                "ещё примерно 24 секунды",
                "источник ограничил доступ",
            ],
        ),
        ("n3", vec!["источник ответил: записей не найдено", "источник не указал"]),
        ("n4", vec!["ИНН\u{a0}9900000013", "список неполный", "возможное совпадение"]),
        ("n5", vec!["запрашивается"]),
        ("n6", vec!["впереди 13 запросов", "сколько ещё ждать, неизвестно", "проверка присоединилась к нему"]),
        ("n7", vec!["источник недоступен"]),
        ("n8", vec!["не применимо"]),
    ];
    for (need, words) in expected {
        for word in words {
            assert!(row(&html, need).contains(word), "{need}: no {word:?} in\n{}", row(&html, need));
        }
    }
    for raw in ["captcha page with status 200", "HTTP 503"] {
        assert!(!html.contains(raw), "a cause as the log keeps it is for who looks after the source: {raw}");
    }
    let badged: Vec<&str> = ["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"]
        .into_iter()
        .filter(|need| row(&html, need).contains("предыдущей проверки</span>"))
        .collect();
    assert_eq!(badged, ["n1", "n2"], "the badge is for reused and served_stale only");
    let (_, failed) = get(&fixtures, "/jobs/job-failed?lang=ru").await;
    assert!(!failed.contains("предыдущей проверки"), "what is expired is not shown, so nothing is reused");
    assert!(
        row(&failed, "n4")
            .contains("не спрашивали: источник «Кадастр», который называет, о ком спрашивать, не дал ответа")
    );
}

#[tokio::test]
async fn done_says_how_much_was_not_asked_again() {
    let fixtures = Fixtures::new(None);
    for (reused, words) in [
        (0, "Готово<"),
        (1, "Готово; часть данных не запрашивалась заново<"),
        (2, "Готово; данные не запрашивались заново<"),
    ] {
        fixtures.put(fixtures::completed(reused));
        let (_, html) = get(&fixtures, "/jobs/job-done?lang=ru").await;
        assert!(html.contains(words), "{reused}");
    }
}

#[tokio::test]
async fn what_nobody_knows_is_not_told_as_a_low_risk() {
    let fixtures = Fixtures::new(None);
    fixtures.put(fixtures::unknown());
    let (_, html) = get(&fixtures, "/jobs/job-unknown?lang=en").await;
    assert!(
        html.contains("No source found a record of this object.") && html.contains("class=\"level none\""),
        "{html}"
    );
    let (_, report) = get(&fixtures, "/jobs/job-unknown/report?lang=ru").await;
    assert!(report.contains("Ни один источник не нашёл записей об этом объекте."), "{report}");
    let (_, start) = get(&fixtures, "/?lang=en").await;
    let line = start.split("job-unknown").nth(1).and_then(|rest| rest.split("</tr>").next()).expect("it is listed");
    assert!(line.contains("class=\"level none\"") && line.contains("no records"), "{line}");
    let (_, known) = get(&fixtures, "/jobs/job-done?lang=en").await;
    assert!(!known.contains("No source found a record") && known.contains("class=\"level low\""), "{known}");
}

#[tokio::test]
async fn a_check_is_explained_with_the_receipts_that_it_rests_on() {
    let fixtures = Fixtures::new(None);
    for (lang, questions) in [
        ("ru", ["Почему результат пришёл быстро?", "Почему обновление ещё идёт?"]),
        ("en", ["Why did the result come fast?", "Why is it still being updated?"]),
    ] {
        for part in ["", "/fragment"] {
            let (_, html) = get(&fixtures, &format!("/jobs/job-partial{part}?lang={lang}")).await;
            let start = html.find("id=\"why\"").expect("the explanation is on the page");
            let why = html[start..].split("</section>").next().expect("it ends");
            let explained = page::explained::explanation("job-partial", lang, None);
            for (question, answer) in questions.into_iter().zip(["why_fast", "why_updating"]) {
                let answer = explained[answer]["text"].as_str().expect("words");
                assert!(why.contains(question) && why.contains(answer), "{lang} {question} {answer}: {why}");
            }
            // Each sentence stands there once, and opens its receipts without a script.
            for (id, text, receipts) in
                explained["sentences"].as_array().expect("a list").iter().map(|one| {
                    (one["id"].as_str().expect("an id"), one["text"].as_str().expect("words"), &one["receipts"])
                })
            {
                let begins: String = text.chars().take_while(|letter| *letter != ',' && *letter != '.').collect();
                assert_eq!(why.matches(&begins).count(), 1, "{begins} in {why}");
                let opens = why
                    .split(&format!("-{id}\"><summary"))
                    .nth(1)
                    .map(|rest| rest.split("</details>").next().unwrap_or(rest));
                for receipt in receipts.as_array().expect("a list") {
                    let named = format!("observation-of-{}", receipt.as_str().expect("an id"));
                    assert!(opens.is_some_and(|opens| opens.contains(&named)), "{id} rests on {named}: {why}");
                }
                assert_eq!(opens.is_some(), receipts != &serde_json::json!([]), "{id}");
            }
            // A time in a sentence is one of the page, and nothing in it is HTML.
            assert!(
                why.contains("<time datetime=\"2026-12-07T08:15:00Z\" data-at>") && why.contains("&lt;b&gt;"),
                "{why}"
            );
        }
    }
    let (_, was) = get(&fixtures, "/jobs/job-done?as_of=0%3A9&lang=en").await;
    assert!(was.contains("(job-done, 0:9)"), "of a moment it says what was known then: {was}");
}

#[tokio::test]
async fn risk_is_a_picture_with_words() {
    let fixtures = Fixtures::new(None);
    let (_, html) = get(&fixtures, "/jobs/job-partial?lang=en").await;
    for words in [
        "at least 65 of 100",
        "aria-label=\"Risk 65 of 100. Insolvency proceedings are open: +40; Mortgage or pledge: +20; Defendant in a pending case: +5\"",
        "Enforcement proceedings: the source did not answer",
        "1 possible match, no points",
        "href=\"#fact-k1\"",
        "<h3>Stop factors</h3>",
    ] {
        assert!(html.contains(words), "{words}");
    }
    let (_, html) = get(&fixtures, "/jobs/job-new?lang=en").await;
    assert!(html.contains("The risk is scored when the first facts are here."));
}

#[tokio::test]
async fn what_people_typed_never_becomes_html() {
    let fixtures = Fixtures::new(None);
    let (_, html) = get(&fixtures, "/jobs/job-new?lang=en").await;
    assert!(html.contains("&lt;script&gt;alert(1)"));
    assert!(html.contains("address understood with low confidence") && html.contains("no city found"));
    let (_, html) = get(&fixtures, "/?address=%22%3E%3Cscript%3E").await;
    assert!(!html.contains("\"><script>"));
}

#[tokio::test]
async fn the_form_makes_a_check_without_javascript() {
    let fixtures = Fixtures::new(None);
    let form = "form_key=page-1&address=+Some+street+1+&profile=standard&inputs.standard.seller_name=X&inputs.quick.seller_name=Y&anew=1";
    let (response, _) = post(&fixtures, "/jobs", form).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(header_of(&response, header::LOCATION), "/jobs/job%2Dpartial");
    let made = fixtures.created.lock().expect("no test panics with it")[0].clone();
    assert_eq!((made.address.as_str(), made.profile.as_str(), made.ask_anew), ("Some street 1", "standard", true));
    assert_eq!(made.inputs.into_iter().collect::<Vec<_>>(), [("seller_name".to_owned(), "X".to_owned())]);
    assert_eq!(made.idempotency_key.as_deref(), Some("page-1"));
    let (response, _) = post(&fixtures, "/jobs/job-partial/recheck", "").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(*fixtures.rechecked.lock().expect("no test panics with it"), ["job-partial"]);
}

#[tokio::test]
async fn an_error_stands_at_its_field_with_what_to_do() {
    let fixtures = Fixtures::new(None);
    let (response, html) = post(&fixtures, "/jobs?lang=ru", "address=&profile=quick").await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        html.contains("<p class=\"error\" id=\"address-error\">Ошибка: здесь ничего нет</p>")
            && html.contains("Напишите улицу и дом.")
    );
    assert!(html.contains("value=\"quick\" required checked"), "what was chosen stays chosen");
    let form = "address=x&profile=standard&inputs.standard.seller_birth_date=yesterday";
    let (_, html) = post(&fixtures, "/jobs?lang=en", form).await;
    assert!(
        html.contains("id=\"inputs.standard.seller_birth_date-error\">Error: not a date<")
            && html.contains("value=\"yesterday\"")
    );
}

#[tokio::test]
async fn another_site_starts_nothing() {
    let fixtures = Fixtures::new(None);
    let request = Request::post("/jobs")
        .header("sec-fetch-site", "cross-site")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let (response, _) = send(&fixtures, request.body(Body::from("address=x&profile=quick")).expect("a request")).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(fixtures.created.lock().expect("no test panics with it").is_empty());
}

#[tokio::test]
async fn a_key_opens_the_page_and_only_the_key() {
    let fixtures = Fixtures::new(Some("secret"));
    let (response, _) = get(&fixtures, "/jobs/job-partial").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(header_of(&response, header::LOCATION), "/sign-in?next=%2Fjobs%2Fjob%2Dpartial");
    let (response, _) = get(&fixtures, "/jobs/job-partial/fragment").await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let (response, html) = post(&fixtures, "/sign-in?lang=en", "key=wrong&next=/").await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(html.contains("This key does not fit") && !html.contains("wrong\""), "a key is never repeated");
    let (response, _) = post(&fixtures, "/sign-in", "key=secret&next=/jobs/job-partial").await;
    let cookie = header_of(&response, header::SET_COOKIE);
    assert!(
        cookie.starts_with("mirano_key=secret;") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict")
    );
    assert_eq!(header_of(&response, header::LOCATION), "/jobs/job-partial");
    let request = Request::get("/jobs/job-partial").header(header::COOKIE, "mirano_key=secret");
    let (response, html) = send(&fixtures, request.body(Body::empty()).expect("a request")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(html.contains("action=\"/sign-out\""));
}

#[tokio::test]
async fn unknown_checks_are_told_so() {
    let (response, html) = get(&Fixtures::new(None), "/jobs/nothing?lang=en").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(html.contains("There is no such check"));
}

#[tokio::test]
async fn a_page_with_all_it_loads_is_light() {
    let fixtures = Fixtures::new(None);
    let (_, html) = get(&fixtures, "/jobs/job-partial?lang=ru").await;
    let mut weight = html.len();
    let mut assets: Vec<&str> = html.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assets.sort_unstable();
    assets.dedup();
    assert_eq!(assets.len(), 3, "{assets:?}");
    for asset in assets {
        let (response, body) = get(&fixtures, asset).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(header_of(&response, header::CACHE_CONTROL).contains("immutable"));
        assert!(!body.contains("https://"), "{asset} names another host");
        weight += body.len();
    }
    eprintln!("the page of a check weighs {weight} bytes, uncompressed");
    assert!(weight < 150_000, "{weight}");
}

const DESKTOP: Look = Look { width: 1280, height: 1100, dark: false };
const PHONE: Look = Look { width: 390, height: 1500, dark: false };

#[tokio::test(flavor = "multi_thread")]
async fn a_check_updates_itself_in_a_browser() {
    let Some(mut browser) = Browser::start().await else { return };
    let fixtures = Fixtures::new(None);
    fixtures.put(fixtures::created_with_id("job-live"));
    let at = page::server::serve(&fixtures).await;
    browser.open(&format!("http://{at}/jobs/job-live?lang=en"), DESKTOP).await;
    browser.evaluate("document.getElementById('recheck').focus()").await;
    let mut job = fixtures::partial();
    job["job_id"] = "job-live".into();
    fixtures.put(job);
    browser.until("document.querySelector('.said').textContent.includes('Answered: 4 of 7, 1 of them from')").await;
    let ids = "[...document.querySelectorAll('#sources > li')].map((row) => row.id).join(' ')";
    let rows = "need-n1 need-n2 need-n3 need-n4 need-n5 need-n6 need-n7 need-n8";
    assert_eq!(browser.evaluate(ids).await, rows, "rows that came later stand in their order");
    let new = browser.evaluate("document.querySelectorAll('.badge.new').length").await;
    assert_eq!(new, 11, "each fact that arrived is marked");
    let said = browser.evaluate("document.querySelector('[aria-live]').textContent").await;
    assert!(said.as_str().expect("text").starts_with("Part of the result is here"), "the change is announced: {said}");
    assert_eq!(browser.evaluate("document.activeElement.id").await, "recheck", "the focus stays");
    let times = "[...document.querySelectorAll('time[data-at]')].map((time) => time.textContent).join(' | ')";
    let times = browser.evaluate(times).await.as_str().expect("text").to_owned();
    assert!(
        times.contains("13:09") && times.contains("24 Nov 2026") && !times.contains("UTC"),
        "times are in the reader's zone and form: {times}"
    );

    // Moments to choose from are in the reader's zone, and no two read alike.
    let labels = "[...document.querySelectorAll('#compare-from option')].map((option) => option.textContent)";
    let labels = browser.evaluate(labels).await;
    let labels: Vec<&str> = labels.as_array().expect("a list").iter().filter_map(|label| label.as_str()).collect();
    assert_eq!(labels.len(), 3);
    let said = |label: &str, clock: &str| label.contains(clock) && !label.contains("UTC");
    assert!(said(labels[0], "13:11:40") && said(labels[1], "13:11:00") && said(labels[2], "13:09:40"), "{labels:?}");

    // A second change leaves what did not change alone, and closes nothing that the reader opened.
    browser
        .evaluate("document.getElementById('more-n2').open = true; document.getElementById('why-rest').open = true; window.kept = document.getElementById('need-n4')")
        .await;
    let choose = "(() => { const from = document.getElementById('compare-from'); from.value = from.options[1].value; from.dispatchEvent(new Event('change', { bubbles: true })); })()";
    browser.evaluate(choose).await;
    let mut job = fixtures::partial();
    job["job_id"] = "job-live".into();
    job["sources"][1]["attempts"] = 3.into();
    fixtures.put(job);
    browser.until("document.getElementById('need-n2').textContent.includes('3 attempts')").await;
    assert_eq!(browser.evaluate("document.getElementById('why-rest').open").await, true);
    assert_eq!(browser.evaluate("document.getElementById('compare-from').selectedIndex").await, 1);
    assert_eq!(browser.evaluate("document.getElementById('more-n2').open").await, true);
    assert_eq!(browser.evaluate("window.kept === document.getElementById('need-n4')").await, true);
}

/// The picture of a risk is whole in every width: the line is under each point, no point vanishes, and it says when.
#[tokio::test(flavor = "multi_thread")]
async fn the_line_of_the_timeline_is_whole_on_a_phone() {
    let Some(mut browser) = Browser::start().await else { return };
    let fixtures = Fixtures::new(None);
    let at = page::server::serve(&fixtures).await;
    for look in [DESKTOP, PHONE] {
        browser.open(&in_lang(at, "/jobs/job-done/timeline", "en"), look).await;
        // What is drawn is as thick as it is told to be, whatever the picture was scaled to; and nothing covers the line.
        let drawn = "[...document.querySelectorAll('.line .moved-line, .line .point')].map((one) => { const style = getComputedStyle(one); \
             return [style.vectorEffect, style.stroke !== getComputedStyle(document.querySelector('.line')).backgroundColor, parseFloat(style.strokeWidth)] })";
        let drawn = browser.evaluate(drawn).await;
        let drawn = drawn.as_array().expect("a list").clone();
        assert_eq!(drawn.len(), 4, "a line in two parts, and a point for each moment with a risk: {drawn:?}");
        for (index, part) in drawn.iter().enumerate() {
            assert_eq!((&part[0], &part[1]), (&"non-scaling-stroke".into(), &true.into()), "{look:?}: {drawn:?}");
            let least = if index < 2 { 2.0 } else { 5.0 };
            assert!(part[2].as_f64().is_some_and(|wide| wide >= least), "{look:?}: {drawn:?}");
        }
        let ticks = "[...document.querySelectorAll('.line .ticks time')].map((one) => one.textContent)";
        let ticks = browser.evaluate(ticks).await;
        let ticks: Vec<&str> = ticks.as_array().expect("a list").iter().filter_map(|tick| tick.as_str()).collect();
        assert_eq!(ticks, ["24 Nov 2026, 13:09", "24 Nov 2026, 13:10", "24 Nov 2026, 13:11"], "{look:?}");
    }
}

/// Every view, by the name that its pictures have.
const VIEWS: [(&str, &str); 14] = [
    ("start", "/"),
    ("check", "/jobs/job-partial"),
    ("done", "/jobs/job-done"),
    ("report", "/jobs/job-done/report"),
    ("snapshot", "/snapshots/s2"),
    ("timeline", "/jobs/job-done/timeline"),
    ("compare", "/compare?from=s1&to=s2"),
    ("sources", "/sources"),
    ("watches", "/watches"),
    ("notifications", "/notifications"),
    ("deliveries", "/channels/webhooks/w1"),
    ("log", "/log"),
    ("problem", "/jobs/nothing"),
    ("sign-in", "/sign-in"),
];

/// The same views as they are at other times, and what is read by programmers; no pictures are taken of them.
const AT_OTHER_TIMES: [(&str, &str); 7] = [
    ("a check that failed", "/jobs/job-failed"),
    ("a check of what nobody knows", "/jobs/job-unknown"),
    ("a moment", "/jobs/job-partial?as_of=0%3A9"),
    ("a report in the making", "/jobs/job-partial/report"),
    ("nothing to compare yet", "/compare"),
    ("sides that there are not", "/compare?from=nonsense&to=s2"),
    ("the reference of the interface", "/docs"),
];

/// The address of a view in a language.
fn in_lang(at: std::net::SocketAddr, path: &str, lang: &str) -> String {
    format!("http://{at}{path}{}lang={lang}", if path.contains('?') { '&' } else { '?' })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_fits_every_window() {
    let Some(mut browser) = Browser::start().await else { return };
    let fixtures = Fixtures::new(None);
    fixtures.put(fixtures::unknown());
    let at = page::server::serve(&fixtures).await;
    // The canary: what is too wide is seen.
    browser.open(&in_lang(at, "/", "ru"), Look { width: 320, ..PHONE }).await;
    browser.evaluate("document.querySelector('main').append(Object.assign(document.createElement('pre'), {textContent: 'w'.repeat(80)}))").await;
    assert_ne!(browser.evaluate(&format!("({TOO_WIDE})(320)")).await, serde_json::json!([]));
    for (name, path) in VIEWS.into_iter().chain(AT_OTHER_TIMES) {
        for lang in ["ru", "en"] {
            browser.open(&in_lang(at, path, lang), Look { width: 320, ..PHONE }).await;
            for open in [false, true] {
                browser
                    .evaluate(&format!("document.querySelectorAll('details').forEach((one) => one.open = {open})"))
                    .await;
                for width in [320, 360, 375, 390, 520, 521, 768, 860, 1024, 1280] {
                    browser.look(Look { width, ..PHONE }).await;
                    let wide = browser.evaluate(&format!("({TOO_WIDE})({width})")).await;
                    assert_eq!(wide, serde_json::json!([]), "{name} {lang} {width}, details open: {open}");
                    let uneven = browser.evaluate(UNEVEN).await;
                    assert_eq!(
                        uneven,
                        serde_json::json!([]),
                        "{name} {lang} {width}: buttons of one line differ in height"
                    );
                }
            }
            let ragged = browser.evaluate(RAGGED).await;
            assert_eq!(ragged, serde_json::json!([]), "{name} {lang}: rows that do not fit their table's head");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_no_barriers_and_pictures_are_taken() {
    let Some(mut browser) = Browser::start().await else { return };
    let fixtures = Fixtures::new(None);
    fixtures.jobs.lock().expect("no test panics with it").remove("job-new");
    let at = page::server::serve(&fixtures).await;
    let folder = browser::pictures();
    let all = browser::all_pictures();
    let axe = browser::axe();
    for (name, path) in VIEWS {
        for lang in ["ru", "en"] {
            for (device, look) in [("desktop", DESKTOP), ("phone", PHONE)] {
                for (scheme, dark) in [("light", false), ("dark", true)] {
                    browser.open(&in_lang(at, path, lang), Look { dark, ..look }).await;
                    // Four of the eight are those of the documents: each size, scheme and language twice.
                    let shown = matches!(
                        (device, scheme, lang),
                        ("desktop", "light", "en")
                            | ("desktop", "dark", "ru")
                            | ("phone", "light", "ru")
                            | ("phone", "dark", "en")
                    );
                    if shown || all {
                        browser.picture(&folder.join(format!("{name}-{device}-{scheme}-{lang}.webp"))).await;
                    }
                    browser.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)").await;
                    let poor = browser.evaluate(CONTRAST).await;
                    assert_eq!(poor, serde_json::json!([]), "{name} {scheme} {lang}: texts of poor contrast");
                    // Both languages, both sizes and both schemes are in it once; the tool takes a second for each.
                    if matches!((device, scheme, lang), ("desktop", "light", "en") | ("phone", "dark", "ru")) {
                        browser.evaluate(&axe).await;
                        let found = browser.evaluate(VIOLATIONS).await;
                        assert_eq!(found, serde_json::json!([]), "{name} {device} {scheme} {lang}: barriers");
                    }
                }
            }
        }
    }
    eprintln!("pictures are in {}", folder.display());
}

/// What stands over the right edge of a window; a page that nothing scrolls sideways has none.
const TOO_WIDE: &str = include_str!("page/too_wide.js");

/// Buttons that stand on one line and are not of one height.
const UNEVEN: &str = "[...document.querySelectorAll('.buttons')].flatMap((group) => { \
     const boxes = [...group.querySelectorAll('button, .button')].map((one) => one.getBoundingClientRect()); \
     return boxes.filter((one) => boxes.some((other) => one.top < other.bottom && other.top < one.bottom && Math.abs(one.height - other.height) > 1)) \
     .map((one) => group.textContent.trim().slice(0, 40) + ' ' + one.height) })";

/// Rows of tables that have more or fewer cells than the table has columns.
const RAGGED: &str = "[...document.querySelectorAll('table')].flatMap((table) => [...table.tBodies[0].rows] \
     .filter((row) => row.cells.length !== table.tHead.rows[0].cells.length).map((row) => row.textContent.trim().slice(0, 60)))";

/// What axe-core finds against WCAG 2.2 A and AA: the rule, and where.
const VIOLATIONS: &str = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}) \
     .then((found) => found.violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.target).join(', ')))";

/// Texts whose contrast with the ground under them is less than 4.5 to 1 (WCAG 2.2, 1.4.3).
const CONTRAST: &str = include_str!("page/contrast.js");
