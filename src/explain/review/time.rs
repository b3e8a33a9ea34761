//! Claims about time: asked now, today or anew; up to date; so many days ago; on a date; fast because of the sources.

use super::claim::{Found, Instead};
use super::ground::{Ground, answered, asked, asked_now, asked_this_week, asked_today, unrenewed};
use super::numbers;
use super::renewal::{admits, of_before, renewed};
use super::scope::{self, Scope};
use super::text::{Clause, pattern};
use crate::explain::model::{FreshnessWord, RowView};
use crate::explain::time::parse;

// Somebody asked a source. Of what is only under way («запрашивается», "being asked") no result is claimed.
pattern!(
    ASKED,
    r"\b(?:checked|re-?checked|verif(?:y|ied|ies)|quer(?:y|ied)|asked|requested|fetched|collected|updated|refreshed|retrieved|pulled|confirm(?:s|ed)?|looked up|obtained|received|downloaded|re-?queried|scanned|examined|inspected|polled|consulted|contacted|gathered|loaded|searched|screened|validated|reviewed|ran|went through)\b",
    r"|\b(?:пере|до)?провер(?:ен\p{L}*|ил\p{L}*|ено)\b|\bзапро(?:шен\p{L}*|сил\p{L}*)\b|\bопро(?:шен\p{L}*|сил\p{L}*)\b|\bспро(?:шен\p{L}*|сил\p{L}*)\b|\bполуч(?:ен\p{L}*|ил\p{L}*)\b|\bсобра(?:н\p{L}*|л\p{L}*)\b|\bобнов(?:лен\p{L}{1,2}|лён|ил\p{L}*)\b|\bподтверд\p{L}*|\bподтвержд\p{L}*|\bсвер(?:ен|ил|ял)\p{L}*|\bвыгру(?:жен|зил)\p{L}*|\bзагру(?:жен|зил)\p{L}*|\bуточн(?:ен|ил)\p{L}*|\bизуч(?:ен|ил)\p{L}*|\bпросмотр(?:ен|ел)\p{L}*|\bсходил\p{L}*|\bобо(?:шл|шёл|шел)\p{L}*|\bобратил\p{L}{1,2}с[ья]\b|\bзаглянул\p{L}*"
);
// A time is said of a check as the value of a label: "Last check: today".
pattern!(
    WHEN_ASKED,
    r"^\W*(?:\p{L}+\s+){0,2}(?:check\w*|update\w*|verif\w+|request\w*|quer(?:y|ied)|refresh\w*|asked|провер\p{L}*|обновл\p{L}*|запро\p{L}*|опро\p{L}*|актуализ\p{L}*)\s*(?:[:—–-])"
);
pattern!(UNDER_WAY, r"\bbeing\b|\b(?:is|are) (?:still )?(?:asking|checking|updating)\b");
// "Seconds ago" without their number; "14 seconds ago" is an age like any other.
pattern!(
    JUST,
    r"\b(?:just|just now|right now|(?:a )?moments? ago|\p{L}+ seconds ago|freshly|newly|this (?:very )?(?:minute|second|moment)|at this (?:very )?moment|live|in real[- ]time)\b|^(?:now|seconds ago)\b|\bnow\b",
    r"|\b(?:только что|сейчас|прямо сейчас|в эту минуту|в реальном времени|онлайн|секунду назад|сию минуту)\b"
);
pattern!(
    TODAY,
    r"\b(?:today|today's|this (?:morning|afternoon|evening|night)|tonight|as of (?:today|now|this moment)|currently|at present|recently|lately)\b",
    r"|\b(?:сегодня|сегодняшн\p{L}*|утром|недавно|на (?:данный|текущий|этот) момент|на сегодня|по состоянию на сегодня)\b"
);
pattern!(
    ANEW,
    r"\b(?:again|anew|afresh|from scratch|freshly|once more)\b|\bre-?(?:checked|queried|verified|asked|fetched)\b|\b(?:заново|снова|повторно|с нуля|ещё раз|еще раз)\b|\bперепровер\p{L}+"
);
// "Not asked again", «заново не запрашивались»: said of what was reused, and true.
pattern!(NOT, r"\b(?:not|never|n't|nothing|none|nobody|no)\b|n't\b|\b(?:не|ни|ничего|никто)\b");
pattern!(
    FOR_THIS,
    r"\bfor this (?:check|request|query)\b|\bдля (?:этой|текущей|нынешней) проверки\b|\bдля этого запроса\b"
);
// "All answers are new"; new facts among them are something else.
pattern!(
    NEW,
    r"\b(?:answers?|data|information)\b[^.]{0,25}\b(?:is|are|was|were)\s+(?:(?:all|entirely|completely)\s+)?new\b|\ball (?:of (?:them|these|it) )?(?:is|are|were) new\b",
    r"|\b(?:ответ|данн|сведени)\p{L}*\s+(?:\p{L}+\s+)?(?:новы[йе]|новая)\b|\b(?:ответ|данн|сведени)\p{L}*\b[^.]{0,25}\bвпервые\b"
);
pattern!(
    CURRENT,
    r"\b(?:real[- ]time|in real time|up[- ]to[- ]date|up[- ]to[- ]the[- ]minute|current|fresh|freshest|recent|brand new|latest|most recent|live (?:data|information|feed|answers?)|(?:is|are) live\b|as of (?:today|now|this moment))\b",
    r"|\b(?:недавни\p{L}|живые|живая|самые новые|в реальном времени|актуальн\p{L}*|актуализирован\p{L}*|свеж\p{L}+|последние (?:данные|сведения)|на сегодня(?:шний день)?|на (?:данный|текущий) момент|по состоянию на сегодня)\b"
);
pattern!(
    WEEK,
    r"\b(?:this|past) week\b|\bthese days\b|\b(?:на этой|за эту|за последнюю|за прошедшую) недел\p{L}+\b|\bна днях\b"
);
// "Partly", "some of": it is not said of all.
pattern!(
    PARTLY,
    r"\b(?:partly|partially|in part|some|part of|a few|only|mostly|most)\b|\b(?:частично|частью|отчасти|часть|частям\p{L}*|некотор\p{L}*|только|лишь|большинств\p{L}*)\b"
);
pattern!(WITHIN_TTL, r"\bTTL\b|\bwithin (?:its|their)\b|срок\p{L}* годности|в пределах срок");
// "Nothing here is old": the same claim, turned round.
pattern!(
    NOTHING_OLD,
    r"\b(?:nothing|no|none)\b[^.]{0,30}\b(?:old|stale|outdated|out of date|expired|obsolete)\b",
    r"|\b(?:стар\p{L}+|устаревш\p{L}+|просроченн\p{L}+|неактуальн\p{L}+)\s+(?:данн|сведени|ответ|информаци)\p{L}*[^.]{0,25}\bнет\b|\bнет\s+(?:стар|устаревш|просроченн|неактуальн)\p{L}+"
);
// "Not stale": within its TTL, and no more than that.
pattern!(
    NOT_OLD,
    r"\b(?:not|never|n't|hardly)\b[^.]{0,15}\b(?:old|stale|outdated|out of date|expired|obsolete)\b|n't\s+(?:\w+\s+)?(?:old|stale|outdated|out of date|expired|obsolete)\b",
    r"|\bне (?:\p{L}+ )?(?:устар|просроч|истек|истёк)\p{L}*"
);
// That it is still fresh, not merely how long that would be.
pattern!(
    WITHIN,
    r"\bwithin (?:its|their|the) (?:\w+ )?TTLs?\b|\bTTLs? (?:has|have) not (?:ended|expired|passed)\b|\bв пределах срок\p{L}*\b|\bсрок\p{L}* годности (?:ещё |еще )?не (?:выш|ист|прош)\p{L}*"
);
pattern!(
    ALL,
    r"\b(?:all|every|each|both|everything|whole|entire)\b|\b(?:все|всех|всем|всеми|всё|вся|всю|каждый|каждого|каждому)\b"
);
// The age of a thing, and not of what is known of it: "the company is less than a year old".
pattern!(
    THING_OLD,
    r"\b(?:compan(?:y|ies)|firm|developer|building|house|flat|apartment|property|title|seller|owner|entity)\s+(?:is|was|are|were)\b[^.]{0,25}\bold\b"
);
pattern!(
    FAST,
    r"\b(?:fast|quick|quickly|rapid\w*|instant\w*|prompt\w*|speed)\b|\b(?:быстр\p{L}*|мгновенн\p{L}*|оперативн\p{L}*)\b"
);
pattern!(BECAUSE, r"\b(?:because|since|thanks to|due to|as)\b|\b(?:потому|поскольку|так как|благодаря|из-за)\b");
pattern!(
    REUSE,
    r"\b(?:reus\w+|earlier|previous\w*|prior|already (?:known|had)|cache\w*|not asked)\b|\b(?:предыдущ\p{L}*|прежн\p{L}*|ранее|раньше|переиспольз\p{L}*|уже (?:были|известн\p{L}*)|взят\p{L}*)\b"
);
pattern!(
    PLURAL,
    r"\b(?:sources|data|information|registers|registries|records|answers)\b|\b(?:источники|данные|сведения|информация|реестры|базы|ответы)\b"
);

/// The first claim about time that does not hold.
pub(super) fn judge(ground: &Ground<'_>, clause: &Clause<'_>) -> Option<Found> {
    let scope = scope::of(ground, clause);
    fast(ground, clause)
        .or_else(|| recent(ground, clause, &scope))
        .or_else(|| for_this(ground, clause, &scope))
        .or_else(|| current(ground, clause, &scope))
        .or_else(|| on_date(ground, clause, &scope))
        .or_else(|| long_ago(ground, clause, &scope))
}

/// Whether a clause makes a positive claim that somebody asked.
pub(super) fn claims_asking(text: &str) -> bool {
    ASKED.is_match(text) && !UNDER_WAY.is_match(text) && !NOT.is_match(text)
}

/// Whether it is said of a part only.
pub(super) fn partly(text: &str) -> bool {
    PARTLY.is_match(text)
}

fn recent(ground: &Ground<'_>, clause: &Clause<'_>, scope: &Scope) -> Option<Found> {
    let few = |value: &String| value.split_whitespace().count() <= 3;
    let label = clause.labelled.as_str();
    let by_label = clause.value.as_ref().is_some_and(few) && WHEN_ASKED.is_match(label) && !NOT.is_match(label);
    if !by_label && !claims_asking(clause.text) {
        return None;
    }
    let holds: fn(&RowView) -> bool = if JUST.is_match(clause.text) {
        asked_now
    } else if TODAY.is_match(clause.text) {
        asked_today
    } else if WEEK.is_match(clause.text) {
        asked_this_week
    } else if ANEW.is_match(clause.text) && !of_before(clause.text) {
        if admits(clause.sentence) { asked } else { renewed }
    } else {
        return None;
    };
    // "Two were asked now": so many are enough, where none is named.
    let many = numbers::alone(clause.text).filter(|_| !scope.named);
    if many.is_some_and(|n| ground.among(&scope.rows, holds).len() as u64 == n) {
        return None;
    }
    unsupported(ground, scope, holds)
}

/// "For this check": of what is named something was asked for it, of everything all was. How many were is judged by their number.
fn for_this(ground: &Ground<'_>, clause: &Clause<'_>, scope: &Scope) -> Option<Found> {
    if !FOR_THIS.is_match(clause.text) || !claims_asking(clause.text) || partly(clause.text) {
        return None;
    }
    let holds = match scope.named {
        true => !ground.among(&scope.rows, asked).is_empty(),
        false => !ALL.is_match(clause.text),
    };
    if holds { None } else { unsupported(ground, scope, asked) }
}

/// The rows of a scope that a claim of time does not hold of.
pub(super) fn unsupported(ground: &Ground<'_>, scope: &Scope, holds: fn(&RowView) -> bool) -> Option<Found> {
    if scope.nobody || (scope.not_asked && scope.named) {
        return Found::new("time.not_asked", scope.rows.clone(), Instead::NotAsked);
    }
    let against = ground.among(&scope.rows, |row| !holds(row));
    let first = ground.view.sources.get(*against.first()?)?;
    let code = match () {
        () if !answered(first) => "time.no_answer",
        () if !asked(first) => "time.reused",
        () if first.freshness != FreshnessWord::Fresh => "time.stale",
        () if unrenewed(first) => "time.not_renewed",
        () => "time.older",
    };
    Found::new(code, against, Instead::Rows)
}

fn current(ground: &Ground<'_>, clause: &Clause<'_>, scope: &Scope) -> Option<Found> {
    if NOTHING_OLD.is_match(clause.text) {
        return within_ttl(ground, scope).or_else(|| unsupported(ground, scope, asked));
    }
    if NOT_OLD.is_match(clause.text) {
        return within_ttl(ground, scope);
    }
    if NEW.is_match(clause.text) && !NOT.is_match(clause.text) && !partly(clause.text) {
        return unsupported(ground, scope, renewed);
    }
    if !CURRENT.is_match(clause.text) || NOT.is_match(clause.text) || (partly(clause.text) && !scope.named) {
        return None;
    }
    if WITHIN_TTL.is_match(clause.text) {
        return within_ttl(ground, scope);
    }
    unsupported(ground, scope, |row| asked_today(row) && row.freshness == FreshnessWord::Fresh)
}

fn within_ttl(ground: &Ground<'_>, scope: &Scope) -> Option<Found> {
    let against = ground.among(&scope.rows, |row| row.freshness != FreshnessWord::Fresh);
    if against.is_empty() { None } else { Found::new("time.stale", against, Instead::Rows) }
}

/// So long ago: of what is named one answer has to be as old, of everything each.
fn long_ago(ground: &Ground<'_>, clause: &Clause<'_>, scope: &Scope) -> Option<Found> {
    if WITHIN.is_match(clause.text) && !NOT.is_match(clause.text) {
        return within_ttl(ground, scope);
    }
    let stretch = numbers::ago(clause.text).filter(|_| !THING_OLD.is_match(clause.text))?;
    let known = ground.among(&scope.rows, answered);
    if known.is_empty() {
        return Found::new("time.no_answer", scope.rows.clone(), Instead::Rows);
    }
    let fits = ground.among(&known, |row| row.age_s.is_some_and(|age| stretch.fits(age)));
    let everything = ALL.is_match(clause.text) || (!scope.named && PLURAL.is_match(clause.text));
    let (against, holds) = if everything {
        let against: Vec<usize> = scope.rows.iter().copied().filter(|row| !fits.contains(row)).collect();
        let holds = against.is_empty();
        (against, holds)
    } else {
        (known, !fits.is_empty())
    };
    if holds { None } else { Found::new("time.age", against, Instead::Rows) }
}

fn on_date(ground: &Ground<'_>, clause: &Clause<'_>, scope: &Scope) -> Option<Found> {
    if !claims_asking(clause.text) {
        return None;
    }
    let dates = numbers::dates(clause.text);
    let known = ground.among(&scope.rows, answered);
    for date in dates {
        let fits = ground.among(&known, |row| row.observed_at.as_deref().is_some_and(|at| is_on(at, date)));
        if fits.is_empty() {
            return Found::new("time.date", known, Instead::Rows);
        }
    }
    None
}

/// Whether a time lies on a day, in UTC or in any time zone of Russia.
fn is_on(at: &str, (day, month, year): (u32, u32, Option<i32>)) -> bool {
    let Some(at) = parse(at) else { return false };
    (0..=12).any(|hours| {
        let there = chrono::DateTime::from_timestamp_millis(at.0 + hours * 3_600_000).unwrap_or_default();
        use chrono::Datelike;
        there.day() == day && there.month() == month && year.is_none_or(|year| there.year() == year)
    })
}

/// "It was fast because the sources are": not where answers were reused.
fn fast(ground: &Ground<'_>, clause: &Clause<'_>) -> Option<Found> {
    let told = FAST.is_match(clause.sentence) && BECAUSE.is_match(clause.sentence);
    let first = clause.sentence.starts_with(clause.text) || FAST.is_match(clause.text);
    if !told
        || !first
        || REUSE.is_match(clause.sentence)
        || NOT.is_match(clause.text)
        || ground.view.progress.reused == 0
    {
        return None;
    }
    Found::new(
        "time.why_fast",
        ground.among(&ground.applicable(), |row| !asked(row) && answered(row)),
        Instead::WhyFast,
    )
}
