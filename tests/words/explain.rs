//! Whatever was reused or stale is never called checked now, nothing missing is called absent, and "nothing found" is said only
//! where a source answered so: over generated jobs, in both languages, in every text that an explanation holds.

use crate::jobs::{DAY, FAILED_AGO, MINUTE, Made, Row, Waits, made};
use mirano::explain::model::{
    Explanation, FreshnessWord, JobView, OriginWord, OutcomeWord, RowState, RowView, Sentence,
};
use mirano::explain::words::Lang;
use mirano_schemas::{NotApplicable, Origin, Outcome};
use proptest::prelude::*;

const SOURCES: &[&str] = &["cadastre", "listings", "reviews", "courts", "companies", "enforcement"];

fn answer() -> impl Strategy<Value = crate::jobs::Answer> {
    let origin =
        prop_oneof![Just(Origin::Fetched), Just(Origin::Coalesced), Just(Origin::Reused), Just(Origin::ServedStale),];
    // Ages around every TTL of the demo, and the very young.
    let age = prop_oneof![0..2_000u64, 0..DAY, 0..150 * DAY];
    (origin, 0..40u32, age, any::<bool>()).prop_map(|(origin, facts, age_ms, complete)| crate::jobs::Answer {
        origin,
        outcome: if facts == 0 { Outcome::NothingFound } else { Outcome::Found },
        facts,
        age_ms,
        complete,
    })
}

/// Causes as the log keeps them: of a source, of our side, of a worker of its own, of a row behind another.
const CAUSES: &[&str] = &[
    "timeout: no answer within 20s",
    "http_status: the source answered 503",
    "unexpected_status: the source answered 404 (step search)",
    "blocked: blocked by {\"contains\":\"captcha\"}",
    "too_many_requests: the source answered 429",
    "attribute_missing: item 3: `filed` of court.case is not there",
    "breaker_open: it has not answered for 1260 s; timeout: no answer within 20s",
    "lease_expired: the worker did not answer in time",
    "secret_missing: the environment variable KAD_KEY is not set",
    "sudden_drop: 1 facts where the last answer had 40; asked again in an hour",
    "the parameter `inn` is missing",
    "Etwas_Eigenes: eines Arbeiters",
    "depends_on:nobody",
];

fn cause() -> impl Strategy<Value = String> {
    let first = format!("depends_on:{}", mirano_schemas::NeedId::of(&[&0usize.to_le_bytes()]));
    let mut all: Vec<String> = CAUSES.iter().map(|cause| (*cause).to_owned()).collect();
    all.push(first);
    proptest::sample::select(all)
}

/// What of a cause is for who looks after the source, and no word for a reader.
fn is_raw(text: &str) -> bool {
    let codes =
        regex::Regex::new(r"\b[a-z]+_[a-z_]+\b|depends_on|contains|KAD_KEY|Etwas|within 20s").expect("a pattern");
    codes.is_match(text)
}

fn row() -> impl Strategy<Value = Row> {
    let waits = prop_oneof![Just(Waits::Queued), Just(Waits::Running), Just(Waits::Retrying)];
    let shape = prop_oneof![
        6 => (proptest::option::of(answer()), proptest::option::of(waits), any::<bool>(), cause()).prop_map(|(answer, pending, failed, cause)| {
            // A need that has neither answer nor task has failed.
            let failed = pending.is_none() && (failed || answer.is_none());
            Row { answer, pending, failed, cause: Some(cause), ..Row::default() }
        }),
        1 => Just(Row { without_subject: true, ..Row::default() }),
        1 => prop_oneof![
            Just(NotApplicable::NoneFound),
            Just(NotApplicable::InputMissing("seller_name".to_owned())),
            Just(NotApplicable::OverMax(3)),
        ].prop_map(|why| Row { not_applicable: Some(why), ..Row::default() }),
    ];
    (0..SOURCES.len(), shape).prop_map(|(n, shape)| Row { source: SOURCES[n].to_owned(), ..shape })
}

/// Words that no explanation may use: each would say more than a receipt can.
fn overstates(text: &str) -> Option<&'static str> {
    const RU: &[&str] =
        &["только что", "прямо сейчас", "актуальн", "чисто", "отсутству", "проверено", "проверены", "полностью"];
    const EN: &[&str] = &[
        "just now",
        "right now",
        "up to date",
        "up-to-date",
        "clean",
        "all clear",
        "was checked",
        "were checked",
        "fully",
        "verified",
    ];
    let lower = text.to_lowercase();
    // The one place where «проверено» stands is the denial of it.
    let lower = lower.replace("не значит проверено заново", "");
    RU.iter().chain(EN).find(|word| lower.contains(**word)).copied()
}

fn says_nothing_found(text: &str) -> bool {
    text.contains("записей не найдено") || text.contains("no records found")
}

fn says_asked_for_this(text: &str) -> bool {
    text.contains("опрошен для этой проверки") || text.contains("was asked for this check")
}

fn says_earlier(text: &str) -> bool {
    text.contains("предыдущей проверки") || text.contains("earlier check")
}

/// The sentences about one row: each begins with its source's name and rests on its receipt, or on none.
fn about<'a>(told: &'a Explanation, row: &'a RowView) -> impl Iterator<Item = &'a Sentence> {
    told.sentences.iter().filter(move |sentence| {
        sentence.args.get("source").and_then(|source| source.as_str()) == Some(row.source.as_str())
            && sentence.receipts.iter().eq(row.receipt_id.iter())
    })
}

/// What is true of a row, told from what it was made of and the policy's times alone.
struct Truth {
    shown: bool,
    /// Shown, and observed before the job asked.
    reused: bool,
    /// Shown past its TTL.
    stale: bool,
    nothing_found: bool,
}

fn truth(made: &Made, row: &Row) -> Truth {
    let spec = &made.policy.document.sources[&row.source];
    let answer = row.answer.as_ref().filter(|_| row.not_applicable.is_none());
    let answer = answer.filter(|answer| answer.age_ms < spec.ttl.0 + spec.serve_stale.0);
    Truth {
        shown: answer.is_some(),
        reused: answer.is_some_and(|answer| matches!(answer.origin, Origin::Reused | Origin::ServedStale)),
        stale: answer.is_some_and(|answer| answer.age_ms >= spec.ttl.0),
        nothing_found: answer.is_some_and(|answer| answer.outcome == Outcome::NothingFound),
    }
}

/// Asked for this very check, by a request of its own.
fn fetched(row: &Row) -> bool {
    row.answer.as_ref().is_some_and(|answer| answer.origin == Origin::Fetched)
}

fn holds(made: &Made, view: &JobView, told: &Explanation, lang: Lang) -> Result<(), TestCaseError> {
    let notes = view.sources.iter().map(|row| row.note.get(lang).to_owned());
    let texts = told.sentences.iter().map(|sentence| sentence.text.clone()).chain(view.honesty.clone()).chain(notes);
    for text in texts.chain([told.why_fast.text.clone(), told.why_updating.text.clone()]) {
        prop_assert_eq!(overstates(&text), None, "{}", text);
        prop_assert!(!is_raw(&text), "{}", text);
    }
    let known: Vec<&str> = view.sources.iter().filter_map(|row| row.receipt_id.as_deref()).collect();
    for sentence in &told.sentences {
        for receipt in &sentence.receipts {
            prop_assert!(known.contains(&receipt.as_str()), "{} rests on a receipt that is not shown", sentence.text);
        }
        // What is said of nothing found is said of rows whose source answered so.
        if says_nothing_found(&sentence.text) {
            let rows: Vec<_> =
                view.sources.iter().filter(|row| sentence.receipts.iter().eq(row.receipt_id.iter())).collect();
            prop_assert!(
                !rows.is_empty() && rows.iter().all(|row| row.outcome == Some(OutcomeWord::NothingFound)),
                "{}",
                sentence.text
            );
        }
    }
    // What is said of several rows rests on the receipts of those rows.
    let ids = |wanted: &dyn Fn(&Row) -> bool| -> Vec<String> {
        let rows = made.given.iter().zip(&view.sources).filter(|(given, _)| wanted(given));
        rows.filter_map(|(_, row)| row.receipt_id.clone()).collect()
    };
    let earlier = ids(&|given| truth(made, given).reused);
    let past_ttl = ids(&|given| truth(made, given).stale);
    for sentence in told.sentences.iter().filter(|sentence| sentence.code == "honesty") {
        let text = &sentence.text;
        if text.contains("не значит проверено заново") || text.contains("Reused does not mean") {
            prop_assert_eq!(&sentence.receipts, &earlier, "{}", text);
        }
        if text.contains("устарели") || text.contains("stale:") {
            prop_assert_eq!(&sentence.receipts, &past_ttl, "{}", text);
        }
    }
    let past = |row: &&RowView| row.freshness == FreshnessWord::Stale && row.receipt_id.is_some();
    let moving = view.sources.iter().filter(past).filter(|row| row.updating).count();
    for text in view.honesty.iter().filter(|text| text.contains("устарели") || text.contains("stale:")) {
        let still = text.contains("не обновляются") || text.contains("not being updated");
        prop_assert_eq!(still, moving == 0, "{}", text);
    }
    for (given, row) in made.given.iter().zip(&view.sources) {
        let Truth { shown, reused, stale, nothing_found } = truth(made, given);
        // What programs are told is judged by what was made, and not by the words.
        prop_assert_eq!(row.receipt_id.is_some(), shown, "{:?}", given);
        prop_assert_eq!(matches!(row.origin, OriginWord::Reused | OriginWord::ServedStale), reused, "{:?}", given);
        prop_assert_eq!(row.freshness == FreshnessWord::Stale, stale, "{:?}", given);
        prop_assert!(!(stale && row.state == RowState::Fresh), "{:?}", given);
        let of_answer = about(told, row).find(|sentence| {
            sentence.code != "source.stale" && sentence.text.contains(made.title(&row.source, lang)) && shown
        });
        if shown {
            let sentence = of_answer.expect("an answer that is shown is told");
            let text = &sentence.text;
            prop_assert_eq!(&sentence.receipts, &Vec::from_iter(row.receipt_id.clone()), "{}", text);
            prop_assert_eq!(says_earlier(text), reused, "{}", text);
            prop_assert_eq!(says_asked_for_this(text), !reused && fetched(given), "{}", text);
            prop_assert_eq!(says_nothing_found(text), nothing_found, "{}", text);
        }
        let note = row.note.get(lang);
        prop_assert!(!((reused || stale) && says_asked_for_this(note)), "{}", note);
        prop_assert!(!says_nothing_found(note) || (shown && nothing_found), "{}", note);
        let codes: Vec<&str> = about(told, row).map(|sentence| sentence.code.as_str()).collect();
        if row.state == RowState::Stale {
            prop_assert!(codes.contains(&"source.stale"), "a stale answer is told as such: {codes:?}");
        }
        // Who was not asked has not failed to answer.
        let unasked = row.cause.as_deref().is_some_and(|cause| cause.starts_with("depends_on:"));
        if row.state == RowState::Failed && unasked && given.answer.is_none() {
            let says = note.starts_with("не спрашивали:") || note.starts_with("not asked:");
            prop_assert!(says, "{}", note);
        }
        // A failure is told of what was answered before it, and of nothing else.
        let unrenewed = given.failed && shown && given.answer.as_ref().is_some_and(|answer| answer.age_ms > FAILED_AGO);
        prop_assert_eq!(codes.contains(&"source.not_renewed"), unrenewed, "{:?}", given);
        let honest =
            |text: &String| text.contains("обновить данные не удалась") || text.contains("to renew the data failed");
        let named =
            view.honesty.iter().filter(|text| honest(text)).any(|text| text.contains(made.title(&row.source, lang)));
        prop_assert!(!unrenewed || named, "{:?}", view.honesty);
        if row.state == RowState::Failed {
            prop_assert!(codes.contains(&"source.failed"), "what has no answer is told: {codes:?}");
        }
        if row.updating {
            prop_assert!(codes.contains(&"source.updating"), "what is awaited is told: {codes:?}");
        }
    }
    // That nobody was asked again is said only where nothing was tried.
    let untouched = view.sources.iter().all(|row| {
        row.attempts == 0 && row.last_failure.is_none() && !row.updating && row.state != RowState::WaitingForSubject
    });
    let says_untouched = told.why_fast.text.contains("заново не опрашивались")
        || told.why_fast.text.contains("no source was asked again");
    prop_assert!(
        !says_untouched || (untouched && view.progress.reused == view.progress.answered),
        "{}",
        told.why_fast.text
    );
    let rest = told.why_updating.text.contains("ничего не обновляется")
        || told.why_updating.text.contains("Nothing is being updated");
    prop_assert_eq!(rest, view.r#final, "{}", told.why_updating.text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_word_is_rosier_than_its_receipt(rows in proptest::collection::vec(row(), 1..8)) {
        let made = made(&rows, None);
        for lang in [Lang::Ru, Lang::En] {
            holds(&made, &made.view(lang), &made.explanation(lang), lang)?;
        }
    }
}

/// What has to be said first, in both languages.
fn notes(made: &Made) -> [Vec<String>; 2] {
    [Lang::Ru, Lang::En].map(|lang| made.view(lang).honesty)
}

fn says(notes: &[Vec<String>; 2], words: [&str; 2]) -> [bool; 2] {
    [0, 1].map(|lang| notes[lang].iter().any(|note| note.contains(words[lang])))
}

const BOTH: [bool; 2] = [true, true];
const NEITHER: [bool; 2] = [false, false];

#[test]
fn all_that_is_reused_is_not_called_a_part() {
    let (part, all) = (["часть данных", "a part of the data"], ["все ответы взяты", "all answers come from earlier"]);
    let old = |source| Row::answered(source, Origin::Reused, 2, DAY / 2);
    let every = notes(&made(&[old("cadastre"), old("courts")], None));
    assert_eq!((says(&every, part), says(&every, all)), (NEITHER, BOTH), "{every:?}");
    let some = notes(&made(&[old("cadastre"), Row::answered("courts", Origin::Fetched, 2, 0)], None));
    assert_eq!((says(&some, part), says(&some, all)), (BOTH, NEITHER), "{some:?}");
}

#[test]
fn an_object_that_nobody_knows_is_said_to_be_unknown() {
    let words = ["ничего не известно", "Nothing is known"];
    let nothing = |source| Row::answered(source, Origin::Fetched, 0, 0);
    let unknown = notes(&made(&[nothing("cadastre"), nothing("courts")], None));
    assert_eq!(says(&unknown, words), BOTH, "{unknown:?}");
    assert_eq!(says(&unknown, ["пока ничего", "so far"]), NEITHER, "{unknown:?}");
    let so_far = notes(&made(&[nothing("cadastre"), Row { failed: true, ..Row::of("courts") }], None));
    assert_eq!(says(&so_far, ["пока ничего не известно: ответили 1 из 2", "so far: 1 of 2"]), BOTH, "{so_far:?}");
    let known = notes(&made(&[nothing("cadastre"), Row::answered("courts", Origin::Fetched, 1, 0)], None));
    let unasked = notes(&made(&[Row { failed: true, ..Row::of("courts") }], None));
    assert_eq!((says(&known, words), says(&unasked, words)), (NEITHER, NEITHER));
}

/// A failed re-check changes no answer and no status, so it has to be said.
#[test]
fn an_attempt_that_failed_since_the_answer_is_told() {
    let answer = Row::answered("courts", Origin::Fetched, 3, 20 * MINUTE);
    let cause = Some("http_status: the source answered 503".to_owned());
    let again = made(
        &[Row { failed: true, cause, ..answer.clone() }, Row::answered("reviews", Origin::Fetched, 2, MINUTE)],
        None,
    );
    for (lang, honest, told) in [
        (
            Lang::Ru,
            "Последняя попытка обновить данные не удалась: Судебные дела",
            "последняя попытка обновить данные (15 января 2027, 07:59 UTC) не удалась: источник ответил ошибкой (код 503). Показан ответ, полученный до неё, 20 минут назад.",
        ),
        (
            Lang::En,
            "The last attempt to renew the data failed: Court cases",
            "the last attempt to renew the data (15 January 2027, 07:59 UTC) failed: the source answered with an error (status 503). The answer shown came before it, 20 minutes ago.",
        ),
    ] {
        let view = again.view(lang);
        assert_eq!(view.progress.answered, 2, "it stays answered");
        assert!(view.honesty.iter().any(|text| text.starts_with(honest)), "{:?}", view.honesty);
        let explained = again.explanation(lang);
        let sentence = explained.sentences.iter().find(|one| one.code == "source.not_renewed").expect("told");
        assert!(sentence.text.ends_with(told), "{}", sentence.text);
        assert_eq!(sentence.receipts, Vec::from_iter(view.sources[0].receipt_id.clone()));
        let fine = made(std::slice::from_ref(&answer), None);
        assert!(!fine.explanation(lang).sentences.iter().any(|one| one.code == "source.not_renewed"));
    }
}

/// What a notification of an end knows of the check is what was known when it was raised.
#[test]
fn a_notification_of_an_end_names_who_was_not_renewed_by_then() {
    use mirano::notify::Check;
    use mirano_replay::rows::NotificationRow;
    use mirano_schemas::{JobStatus, NotificationDetail, NotificationId, NotificationRaised, NotificationType};
    let failed = |source| Row { failed: true, ..Row::answered(source, Origin::Fetched, 3, 20 * MINUTE) };
    let made = made(&[failed("courts"), failed("courts"), Row::answered("reviews", Origin::Fetched, 2, MINUTE)], None);
    let of = |what, seq| {
        let raised = NotificationRaised {
            notification: NotificationId([1; 16]),
            tenant: "local".to_owned(),
            what,
            job: Some(made.job.created.job),
            status: Some(JobStatus::Completed),
            is_final: true,
            since: None,
            detail: NotificationDetail::Plain,
            deliveries: Vec::new(),
        };
        let position = mirano_schemas::Position { seq, ..made.job.position };
        let row = NotificationRow { raised, at: made.job.updated_at, position, read: false };
        Check::of(&made.rows, &row, &made.job).expect("reads").unrenewed
    };
    let seq = made.job.position.seq;
    assert_eq!(of(NotificationType::Final, seq), ["courts"]);
    assert!(of(NotificationType::Final, seq - 1).is_empty(), "the failure came later");
    assert!(of(NotificationType::FirstResult, seq).is_empty());
}

#[test]
fn a_check_whose_answers_are_all_stale_is_told_to_have_answers() {
    let old = |source| Row::answered(source, Origin::Fetched, 2, 20 * DAY);
    let stale = notes(&made(&[old("cadastre"), old("courts")], None));
    assert_eq!(
        says(&stale, ["Ответы есть, но все они устарели", "There are answers, but all are stale"]),
        BOTH,
        "{stale:?}"
    );
    assert_eq!(says(&stale, ["частично", "partly"]), NEITHER, "{stale:?}");
}

/// A row behind one without an answer was never asked, and says whose answer is missing.
#[test]
fn who_was_not_asked_is_not_said_to_have_given_no_answer() {
    let parent = mirano_schemas::NeedId::of(&[&0usize.to_le_bytes()]);
    let made = made(
        &[
            Row { failed: true, cause: Some("http_status: the source answered 503".to_owned()), ..Row::of("cadastre") },
            Row { failed: true, cause: Some(format!("depends_on:{parent}")), ..Row::of("courts") },
            Row::answered("reviews", Origin::Fetched, 2, 0),
        ],
        None,
    );
    for (lang, down, unasked, honest) in [
        (
            Lang::Ru,
            "источник ответил ошибкой (код 503)",
            "не спрашивали: источник «Кадастр",
            "Не спрашивали: Судебные дела",
        ),
        (Lang::En, "the source answered with an error (status 503)", "not asked: \"Cadastre", "Not asked: Court cases"),
    ] {
        let view = made.view(lang);
        assert_eq!(view.sources[0].note.get(lang), down);
        assert!(view.sources[1].note.get(lang).starts_with(unasked), "{:?}", view.sources[1].note);
        let silent = ["Ответа нет: ", "No answer: "];
        let of_silent = |note: &&String| silent.iter().any(|begin| note.starts_with(begin));
        let silent: Vec<&String> = view.honesty.iter().filter(of_silent).collect();
        assert!(silent.len() == 1 && !silent[0].contains("Суд") && !silent[0].contains("Court"), "{silent:?}");
        assert!(view.honesty.iter().any(|note| note.starts_with(honest)), "{:?}", view.honesty);
        let not_checked = mirano::explain::not_checked(&made.context(lang), &made.job, &view);
        let failed = not_checked.iter().filter(|one| one.reason == "failed").map(|one| one.text.get(lang));
        let notes = view.sources.iter().take(2).map(|row| row.note.get(lang));
        assert!(failed.eq(notes), "{not_checked:?}");
    }
}

/// All that was not given is named, not only what was met first.
#[test]
fn every_missing_input_is_named() {
    let persons = |inputs: &[&str]| {
        let why = NotApplicable::InputMissing("inputs.seller_birth_date".to_owned());
        let mut rows: Vec<Row> = SOURCES.iter().map(|source| Row::answered(source, Origin::Fetched, 1, 0)).collect();
        rows.push(Row { not_applicable: Some(why), ..Row::of("enforcement_persons") });
        let mut made = made(&rows, None);
        for name in inputs {
            let value = mirano_schemas::Sealable::Plain("x".to_owned());
            made.job.created.inputs.insert((*name).to_owned(), value);
        }
        [Lang::Ru, Lang::En].map(|lang| made.view(lang).sources[6].note.get(lang).to_owned())
    };
    assert_eq!(
        persons(&[]),
        [
            "не спрашивали: не указаны поля «Дата рождения продавца», «Фамилия, имя и отчество продавца»",
            "not asked: \"The seller's date of birth\", \"The seller's full name\" were not given"
        ]
    );
    assert_eq!(
        persons(&["seller_name"]),
        [
            "не спрашивали: не указано поле «Дата рождения продавца»",
            "not asked: \"The seller's date of birth\" was not given"
        ]
    );
}

/// The risk is told with all it rests on: what stops, what adds, what could not be counted.
#[test]
fn the_risk_is_told_with_what_it_rests_on() {
    use mirano_schemas::{FactId, Factor, ScoreIs, Severity, Unevaluated, UnevaluatedReason};
    let factor = |rule: &str, points: i64, stop: bool, possible: u8| Factor {
        rule: rule.to_owned(),
        points,
        severity: Severity::High,
        stop,
        facts: (0..3).map(|n| FactId([n; 32])).collect(),
        possible: (0..possible).map(|n| FactId([100 + n; 32])).collect(),
    };
    let risk = mirano_schemas::Assessment {
        score: 100,
        score_is: ScoreIs::AtLeast,
        level: "critical".to_owned(),
        stops: vec!["insolvency.open".to_owned(), "cadastre.arrest".to_owned()],
        unevaluated: vec![Unevaluated {
            rule: "review.bad".to_owned(),
            reason: UnevaluatedReason::SourceFailed,
            detail: "reviews".to_owned(),
        }],
        basis: mirano_schemas::RiskBasis::default(),
        ruleset: "2026-11".to_owned(),
        as_of: "2027-01-15".to_owned(),
        factors: vec![
            factor("court.defendant", 20, false, 2),
            factor("insolvency.open", 40, true, 0),
            factor("cadastre.pledge", 25, false, 0),
        ],
    };
    let rows = [Row::answered("courts", Origin::Fetched, 3, 0), Row { failed: true, ..Row::of("reviews") }];
    let made = made(&rows, Some(risk));
    let said = |lang| -> Vec<(String, String)> {
        let told = made.explanation(lang).sentences.into_iter().filter(|sentence| sentence.topic == "risk");
        told.map(|sentence| (sentence.code, sentence.text)).skip(1).collect()
    };
    let expected = |texts: [&str; 6]| -> Vec<(String, String)> {
        let codes = ["risk.stop", "risk.stop", "risk.factor", "risk.factor", "risk.unevaluated", "risk.unevaluated"];
        codes.into_iter().zip(texts).map(|(code, text)| (code.to_owned(), text.to_owned())).collect()
    };
    assert_eq!(
        said(Lang::Ru),
        expected([
            "Стоп-фактор, 40 баллов: «Открыта процедура банкротства»; записей: 3.",
            "Стоп-фактор: «Арест или запрет регистрационных действий».",
            "Добавляет 25 баллов: «Ипотека или залог»; записей: 3.",
            "Добавляет 20 баллов: «Ответчик в незавершённом деле»; записей: 3. Совпадений только по имени, которые ничего не добавили: 2.",
            &format!("Не оценено: «Плохие отзывы»; {}: источник не ответил.", made.title("reviews", Lang::Ru)),
            &format!("В баллах не учтено то, на что нет ответа: {}.", made.title("reviews", Lang::Ru)),
        ])
    );
    assert_eq!(
        said(Lang::En),
        expected([
            "A stop factor, 40 points: \"Insolvency proceedings are open\"; 3 records.",
            "A stop factor: \"Arrest, or a ban on registration\".",
            "Adds 25 points: \"Mortgage or pledge\"; 3 records.",
            "Adds 20 points: \"Defendant in a pending case\"; 3 records. 2 matches are by name only and added nothing.",
            &format!("Not evaluated: \"Bad reviews\"; {}: the source did not answer.", made.title("reviews", Lang::En)),
            &format!("The score leaves out what has no answer: {}.", made.title("reviews", Lang::En)),
        ])
    );
}

#[test]
fn words_for_people_hold_no_names_of_programs() {
    let made = made(
        &[
            Row {
                not_applicable: Some(NotApplicable::InputMissing("inputs.seller_birth_date".to_owned())),
                ..Row::of("enforcement_persons")
            },
            Row::answered("courts", Origin::Fetched, 2, 0),
        ],
        None,
    );
    let raw = regex::Regex::new(r"\d{4}-\d{2}-\d{2}T|inputs\.|seller_").expect("a pattern");
    for lang in [Lang::Ru, Lang::En] {
        let told = made.explanation(lang);
        for sentence in &told.sentences {
            assert!(!raw.is_match(&sentence.text), "{}", sentence.text);
        }
        let all: Vec<&str> = told.sentences.iter().map(|sentence| sentence.text.as_str()).collect();
        assert!(all.iter().any(|text| text.contains("UTC")), "a moment says its zone: {all:?}");
    }
}

/// The judge of the property bites: an explanation that lies about one row does not pass.
#[test]
fn a_lie_does_not_pass() {
    let made =
        made(&[Row::answered("courts", Origin::Reused, 0, DAY), Row { failed: true, ..Row::of("reviews") }], None);
    let (view, told) = (made.view(Lang::En), made.explanation(Lang::En));
    assert!(holds(&made, &view, &told, Lang::En).is_ok());
    let with = |from: &str, to: &str| {
        let mut lied = told.clone();
        for sentence in &mut lied.sentences {
            sentence.text = sentence.text.replace(from, to);
        }
        lied.why_fast.text = lied.why_fast.text.replace(from, to);
        assert_ne!(lied, told, "{from} is there to be replaced");
        holds(&made, &view, &lied, Lang::En)
    };
    assert!(with("data reused from an earlier check", "the source was asked for this check").is_err());
    assert!(with("the source did not answer in time", "the source answered: no records found").is_err());
    assert!(with("1 day ago", "just now").is_err());
    assert!(with("the rest was or is being asked", "no source was asked again").is_err());
}
