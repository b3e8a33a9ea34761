//! Claims of completeness: all sources, a full check, finished, nothing pending, nothing reused.

use super::claim::{Found, Instead};
use super::ground::{Ground, answered, asked};
use super::scope;
use super::text::{Clause, pattern};
use super::time::claims_asking;
use crate::explain::model::Status;

pattern!(
    ALL_SOURCES,
    r"\b(?:all|every|each|everything)\b(?:\s+of)?(?:\s+(?:the|these|our|its|available|existing|possible|known|\w+))?(?:\s+\w+)?\s*(?:sources?|registers?|registr(?:y|ies)|databases?|data|information|queries|query|requests?|questions?|records?|facts?|bodies|authorit(?:y|ies))\b|\beverything (?:was|has been|is|we)\b|\bacross the board\b",
    r"|\b(?:все|всех|всем|всеми|всё|каждый|каждого)\b(?:\s+\p{L}+)?(?:\s+\p{L}+)?\s*(?:источник\p{L}*|реестр\p{L}*|баз\p{L}*|данн\p{L}*|сведени\p{L}*|запрос\p{L}*|вопрос\p{L}*|инстанци\p{L}*|ведомств\p{L}*)\b|\bвся информация\b|\bвсё проверено\b"
);
// Nothing is said to have been left out, in whatever words.
pattern!(
    EVERYWHERE,
    r"\b(?:everywhere|everyone|all over|high and low|everything (?:there is|possible|we could)|leaving nothing out)\b",
    r"|\b(?:везде|всюду|повсюду|со всех сторон|абсолютно вс[её]|вс[её],? что (?:можно|только можно|есть))\b"
);
pattern!(
    LOOKED,
    r"\b(?:looked|searched|covered|inquired|enquired)\b|\b(?:смотрел\p{L}*|искал\p{L}*|иска\p{L}*|посмотрел\p{L}*|поискал\p{L}*|обошл\p{L}*)\b"
);
// "Six of the profile": what is counted is said.
pattern!(
    OF_PROFILE,
    r"\b(?:profile|listed|requested|asked for)\b|\b(?:профил\p{L}*|перечисленн\p{L}*|запрошенн\p{L}*)\b|\b(?:two|three|four|five|six|seven|eight|\d+)\s+(?:of\b|sources?)|\b(?:два|три|четыре|пять|шесть|семь|восемь|\d+)\s+(?:из|источник\p{L}*)"
);
pattern!(
    ANSWERED,
    r"\b(?:answered|responded|replied|answers?|in|arrived|available|received)\b|\b(?:ответил\p{L}*|ответы?|получен\p{L}*|пришл\p{L}*)\b"
);
pattern!(
    EXCEPT,
    r"\b(?:except(?: for)?|other than|apart from|besides|excluding|but)\s+(?P<rest>.+)|\b(?:кроме|за исключением|помимо)\s+(?P<rest2>.+)"
);
pattern!(NOT, r"\b(?:not|never|no|n't|nothing|hardly)\b|n't\b|\b(?:не|ни|нет|ещё идёт|еще идет|без)\b");
pattern!(
    FULL,
    r"\b(?:full(?:y)?|complete(?:ly)?|exhaustive(?:ly)?|comprehensive(?:ly)?|thorough(?:ly)?|total(?:ly)?|entire(?:ly)?)\b[^.]{0,40}\b(?:check\w*|report|picture|verif\w+|review\w*|search\w*|screen\w*|assessment|information|data|analysis)\b|\b(?:check|report|verification|screening|picture|assessment|data|information|search|analysis)\b[^.]{0,30}\b(?:full|complete|exhaustive|comprehensive|thorough|100 ?%|total)\b|\bcovers everything\b|\b(?:exhaustive|comprehensive|thorough)\b|\b(?:whole|full|complete) picture\b|\b100 ?%",
    r"|\b(?:полн(?:ая|ый|ое|ую|ость\p{L}*)|исчерпывающ\p{L}*|исчерпан\p{L}*|всесторонн\p{L}*|комплексн\p{L}*|доскональн\p{L}*)\b[^.]{0,40}\b(?:провер\p{L}*|отч[её]т\p{L}*|картин\p{L}*|анализ\p{L}*|информаци\p{L}*|данн\p{L}*|исследован\p{L}*)\b|\b(?:провер\p{L}*|отч[её]т\p{L}*|картин\p{L}*|анализ\p{L}*|информаци\p{L}*|данные)\b[^.]{0,30}\b(?:полн(?:ая|ый|ое|ость\p{L}*|ые)|исчерпывающ\p{L}*|всесторонн\p{L}*|100 ?%)\b|\bв полном объ[её]ме\b|\b100 ?%"
);
// Full, because nothing is missing. It holds a "no" that is no denial.
pattern!(
    NO_GAPS,
    r"\b(?:no|without(?: any)?|zero|free of)\s+(?:\w+\s+){0,2}(?:gaps?|omissions?|holes?|blind spots?|white spots?|missing (?:data|pieces|parts))\b|\bnothing (?:\w+ )?(?:is |was |has been |were )?(?:left(?: out)?|missing|omitted|overlooked|missed|skipped|forgotten|un(?:checked|verified|examined|answered))\b",
    r"|\b(?:пробел|белых пятен|упущени|пропуск)\p{L}*\b[^.]{0,25}\b(?:нет|не\s+\p{L}+)\b|\b(?:нет|без|никаких)\s+(?:\p{L}+\s+){0,2}(?:пробел|белых пятен|упущени|пропуск)\p{L}*|\bничего не (?:упущ|пропущ|забы|остал|упуст|пропуст)\p{L}*"
);
// Enough to decide upon.
pattern!(
    ENOUGH,
    r"\b(?:enough|sufficient(?:ly)?)\b[^.]{0,40}\b(?:data|information|answers?|facts?|decide|decision|deal|buy|purchase|sign|conclude)\b|\b(?:data|information|answers?|facts?)\b[^.]{0,25}\b(?:enough|sufficient|suffice)\b",
    r"|\bдостаточн\p{L}*\b[^.]{0,40}\b(?:данн|сведени|информаци|ответ|факт|решени|сделк|покупк|вывод)\p{L}*|\b(?:данн|сведени|информаци|ответ|факт)\p{L}*\b[^.]{0,30}\bдостаточно\b"
);
pattern!(
    FINISHED,
    r"\b(?:check|update|updating|verification|search|report|everything|work|screening)\b[^.]{0,25}\b(?:finished|done|over|completed|complete|concluded|final)\b|\b(?:final|definitive) (?:result|answer|report|version)\b|\bnothing (?:is |remains )?(?:pending|outstanding|being updated|to wait for)\b|\bno (?:updates?|requests?) (?:are |is )?(?:pending|under way|outstanding)\b|\bstatus\s*[:—–-]\s*(?:completed?|done|finished|final|ready)\b",
    r"|\b(?:провер\p{L}*|обновлени\p{L}*|отч[её]т|сбор)\b[^.]{0,25}\b(?:завершен\p{L}*|завершён\p{L}*|закончен\p{L}*|окончен\p{L}*|готов\p{L}{0,2})\b|\b(?:итогов|окончательн)\p{L}+ (?:результат|отч[её]т|ответ|вариант|итог)\p{L}*\b|\bничего не обновляется\b|\bстатус\s*[:—–-]\s*(?:заверш|готов|законч|выполнен)\p{L}*|\bждать (?:больше )?нечего\b|\bбольше ждать нечего\b"
);
// A label and its value: "Not checked: nothing"; of answers alone: "Without an answer: none".
pattern!(
    NONE_LEFT,
    r"\b(?:gaps?|omissions?|missing|left out|not (?:checked|asked|covered)|unchecked)\s*[:—–-]\s*(?:none|nothing|nobody|no|nil|zero|0)\W*$",
    r"|\b(?:пробел\p{L}*|пропуск\p{L}*|упущени\p{L}*|не (?:проверен|спрошен|спрашивал|охвачен)\p{L}*|не хватает|недостаёт|недостает)\s*[:—–-]\s*(?:нет|ничего|никого|ноль|0|отсутству\p{L}*)\W*$"
);
pattern!(
    NONE_SILENT,
    r"\b(?:unanswered|without (?:an )?answers?|no answer(?: from)?|not answered|silent|failed)\s*[:—–-]\s*(?:none|nothing|nobody|no|nil|zero|0)\W*$",
    r"|\b(?:нет ответа|без ответа|не ответил\p{L}*)\s*[:—–-]\s*(?:нет|ничего|никого|таких нет|ноль|0)\W*$"
);
pattern!(
    REUSE_DENIED,
    r"\bnothing\b[^.]{0,30}\bcache\w*|\b(?:not|n't|never)\s+(?:\w+\s+)?reuse\w*|\bno (?:cache\w*|earlier|previous|older|old) (?:data|answers?|results?|checks?|information)\b[^.]{0,20}\b(?:used|reused|taken|involved)\b|\bwithout (?:any )?(?:reuse|cach\w+)\b|\bcache\w*\b[^.]{0,20}\b(?:not|n't|never) (?:been )?(?:used|touched|involved)\b|\b(?:reused|from earlier checks?)\s*[:—–-]\s*(?:none|nothing|no|nil)\W*$|",
    r"\bничего\b[^.]{0,30}\b(?:из кэша|из кеша|переиспольз|повторно использ)|\b(?:кэш|кеш)\p{L}*\b[^.]{0,20}\bне (?:использ|примен|задейств)|\bне (?:использова|бра|взят|примен)\p{L}*\b[^.]{0,30}\b(?:кэш|кеш|прежн|предыдущ)|\b(?:прежн|предыдущ)\p{L}* (?:ответ|данн|проверк|результат)\p{L}*\b[^.]{0,20}\bне (?:использ|бра|взят|примен)|\bбез (?:повторного использован|кэша|кеша)|\bне переиспольз|\bповторно не использ|\b(?:из предыдущих проверок|повторно использовано)\s*[:—–-]\s*(?:нет|ничего)\W*$|",
    r"\bnothing\b[^.]{0,30}\b(?:reused|earlier|previous)\b|\bno(?:ne| data| answers?)\b[^.]{0,30}\breused\b|\bиз предыдущих\b[^.]{0,30}\bничего\b|\bничего\b[^.]{0,30}\bиз предыдущих\b|\bбез переиспользован\p{L}*",
    r"|\bnothing\b[^.]{0,30}\b(?:past|prior|carried over)\b|\b(?:no|zero) (?:re-?used|carried[- ]over|cached) (?:data|answers?|results?|information)\b",
    r"|\bничего\b[^.]{0,30}\bиз (?:прошл|прежн|старых|ранних)\p{L}*|\b(?:повторно использованн|переиспользованн)\p{L}*\b[^.]{0,25}\bнет\b|\bнет\b[^.]{0,10}\b(?:повторно использованн|переиспользованн)\p{L}*|\bпрошл\p{L}+ (?:ответ|данн|проверк|результат)\p{L}*\b[^.]{0,20}\bне (?:использ|бра|взят|примен)"
);

/// The first claim of completeness that does not hold.
pub(super) fn judge(ground: &Ground<'_>, clause: &Clause<'_>) -> Option<Found> {
    let text = if clause.value.is_some() { clause.labelled.as_str() } else { clause.text };
    let applicable = ground.applicable();
    if REUSE_DENIED.is_match(text) {
        let own = scope::of_text(ground, text);
        let reused = ground.among(if own.named { &own.rows } else { &applicable }, |row| answered(row) && !asked(row));
        return if reused.is_empty() { None } else { Found::new("completeness.reused", reused, Instead::Rows) };
    }
    let whole = |code| Found::new(code, ground.among(&applicable, |row| !answered(row)), Instead::Whole);
    if FINISHED.is_match(text) && !denied(text) && !ground.view.r#final {
        return whole("completeness.not_final");
    }
    let partial = ground.view.status != Status::Completed || ground.left_out;
    if NONE_SILENT.is_match(text) && !ground.among(&applicable, |row| !answered(row)).is_empty() {
        return whole("completeness.no_answer");
    }
    if (NO_GAPS.is_match(text) || NONE_LEFT.is_match(text)) && partial {
        return whole("completeness.not_full");
    }
    if NOT.is_match(text) {
        return None;
    }
    if ENOUGH.is_match(text) && partial {
        return whole("completeness.not_full");
    }
    let everywhere = EVERYWHERE.is_match(text) && (LOOKED.is_match(text) || claims_asking(text));
    if (ALL_SOURCES.is_match(text) || everywhere)
        && let Some(found) = all_sources(ground, clause, everywhere)
    {
        return Some(found);
    }
    if FULL.is_match(text) && partial {
        return whole("completeness.not_full");
    }
    None
}

/// "Not finished"; "nothing is being updated" is no denial.
fn denied(text: &str) -> bool {
    let nothing = text.to_lowercase().replace("nothing", "").replace("ничего не обновляется", "");
    NOT.is_match(&nothing)
}

fn all_sources(ground: &Ground<'_>, clause: &Clause<'_>, everywhere: bool) -> Option<Found> {
    // What is excepted stands behind, also behind a comma: «все, кроме судов».
    let except = EXCEPT.captures(clause.sentence);
    let excepted = except.as_ref().and_then(|found| found.name("rest").or_else(|| found.name("rest2")));
    let excepted = excepted.map(|rest| scope::of_text(ground, rest.as_str()).rows).unwrap_or_default();
    let mut rows = ground.applicable();
    rows.retain(|row| !excepted.contains(row));
    let asking = everywhere || claims_asking(clause.text) || LOOKED.is_match(clause.text);
    if !asking && !ANSWERED.is_match(clause.text) {
        return None;
    }
    let silent = ground.among(&rows, |row| !answered(row));
    if !silent.is_empty() {
        return Found::new("completeness.no_answer", silent, Instead::Whole);
    }
    if !asking {
        return None;
    }
    let reused = ground.among(&rows, |row| !asked(row));
    if !reused.is_empty() {
        return Found::new("completeness.reused", reused, Instead::Whole);
    }
    let unqualified = ground.left_out && !OF_PROFILE.is_match(clause.sentence);
    if unqualified { Found::new("completeness.left_out", Vec::new(), Instead::Whole) } else { None }
}
