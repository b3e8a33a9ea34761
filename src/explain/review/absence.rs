//! Claims that something is not there: "no court cases", «долгов нет», "clean".
//!
//! A source's *nothing found* supports one thing: that it was asked, and answered that it has no records. It is never "clean", it is no
//! conclusion about debts, and it says nothing of a source that did not answer.

use super::claim::{Found, Instead};
use super::ground::{Ground, answered, asked};
use super::scope;
use super::text::{Clause, pattern};
use crate::explain::model::{FreshnessWord, OutcomeWord, RowView};

pattern!(
    CLEAN,
    r"\b(?:clean|spotless|squeaky|all clear|(?:is|are|looks?|seems?) clear|unblemished|flawless|impeccable)\b|^clear\b",
    r"|\b(?:чист|чиста|чисто|чисты|чистый|чистая|чистое|чистые|безупречн\p{L}*)\b"
);
// Everything is well: a judgement that no receipt makes.
pattern!(
    GOOD,
    r"\b(?:looks?|is|are|was|were|seems?|appears?|came (?:back|out)|comes (?:back|out)|turned out|remains?)\s+(?:\w+\s+){0,2}(?:good|fine|great|okay|ok|alright|all right|perfect|excellent|positive|favou?rable|satisfactory|healthy|sound|solid|in order|in good (?:order|standing|shape))\b",
    r"|\b(?:good|fine|great|perfect|excellent|positive|favou?rable|satisfactory|healthy|sound|solid)\s+(?:\w+\s+){0,1}(?:record|standing|reputation|history|shape|condition|result|outcome|purchase|buy|deal|choice|object|property|seller|developer|company)s?\b",
    r"|\b(?:checks? out|all is well|all good|passed (?:the|our|every|all) (?:\w+ )?(?:checks?|screening|verification|tests?))\b|\b(?:check|verification|screening|search)\b[^.]{0,15}\bsuccess\w*",
    r"|\b(?:хорош[оаи]|хороши|хороший|хорошая|отличн(?:о|ый|ая|ое|ые)|прекрасн\p{L}*|замечательн\p{L}*|идеальн\p{L}*|в норме|нормальн\p{L}*|благополучн\p{L}*|благоприятн\p{L}*|положительн\p{L}*|добросовестн\p{L}*|порядочн\p{L}*)\b|\bв порядке\s*(?:[,;.!)]|$)|\bпровер\p{L}*\b[^.]{0,15}\b(?:успешн|удачн)\p{L}*"
);
// Praise that is denied, or said of an answer's time: "good for 14 days".
pattern!(NOT_GOOD, r"\b(?:not|never|n't|no|neither|good for|whether)\b|n't\b|\b(?:не|ни|ли|нет)\b");
// What would speak against an object, and words that say that it is not there, anywhere in the clause.
pattern!(
    BAD,
    r"\b(?:problems?|issues?|troubles?|concerns?|claims?|red flags?|restrictions?|violations?|irregularit\w+|defects?|difficult(?:y|ies)|worr(?:y|ies)|complications?|discrepanc\w+|inconsistenc\w+|threats?|warning signs?|warnings?|objections?|drawbacks?|faults?|flaws?|risk factors?|suspicious|wrong|bad|negative|alarming|problematic|adverse|questionable|dubious|worrying|concerning|disturbing|incriminating|untoward|amiss)\b",
    r"|\b(?:проблем|претензи|нарушени|ограничени|замечани|нарекани|негатив|отрицательн|подозрительн|тревожн|настораживающ|опасени|сложност|трудност|недостатк|дефект|изъян|несоответстви|противоречи|угроз|сомнени|беспокойств|компромат|скандал|неприятност|осложнени|отклонени|факторов риск|плох)\p{L}*"
);
pattern!(
    NONE_SEEN,
    r"\b(?:no|none|nothing|never|without|zero|free (?:of|from)|hardly any|neither|absence of|lack of|devoid of|nowhere)\b|(?:\bnot|n't)\s+(?:\w+\s+){0,2}(?:find|found|see|seen|reveal\w*|show\w*|identif\w+|detect\w*|rais\w+|have|any|discover\w*|notic\w*|spot\w*|encounter\w*|aware|uncover\w*)\b",
    r"|\b(?:нет|без|никак(?:их|ой|ого|ие)|ни одной|ни одного|ничего|ничто|отсутству\p{L}*|исключен\p{L}*)\b|\bне (?:\p{L}+ )?(?:выяв|обнаруж|наш|найд|увид|вид|замет|замеч|встрет|вскры|показа|возник|поступ|содерж|име|вызыва|зафиксир|установ|отмеч|отмет|наблюд|всплы|попал|да[её]т|дал)\p{L}*"
);
pattern!(FREE, r"\b(?:problem|trouble|issue|hassle|worry|defect)[- ]free\b");
pattern!(
    PROBLEM,
    r"\b(?:no|zero|without(?: any)?|free (?:of|from)|not? (?:a single|any))\s+(?:\w+\s+){0,2}(?:problems?|issues?|claims?|red flags?|restrictions?|violations?|concerns?|irregularities|defects?)\b|\bnothing (?:suspicious|wrong|bad|negative|alarming)\b",
    r"|\b(?:проблем|претензи[йя]|нарушени[йя]|ограничени[йя]|замечани[йя]|нареканий|негатива)\b[^.]{0,30}\b(?:нет|не\s+\p{L}+)\b|\b(?:нет|без|никаких|не\s+(?:выявлено|обнаружено|найдено|имеется))\s+(?:\p{L}+\s+){0,2}(?:проблем|претензий|нарушений|ограничений|замечаний|нареканий|негатива)\b"
);
pattern!(
    ABSENT,
    r"\b(?:no|zero|without(?: any)?|free (?:of|from)|none|clear of|rid of)\b|\bnever (?:been|had|was|were)\b|\bnothing (?:on|against)\b|(?:\bnot|n't) (?:find|see|turn up|come across|discover|detect|identify|reveal)\b|\b(?:not|n't) (?:been )?(?:found|detected|revealed|sued|discovered|identified|have|has|owe)\b|\bnothing (?:was |is |has been |were )?(?:found|detected|revealed|owed|discovered)\b|\bowes? nothing\b|\babsence of\b|\b(?:does|do|did) ?(?:not|n't) exist\b|\b(?:debt|lien|claim|encumbrance|mortgage)s?-free\b|\b(?:is|are|was|were|came back|comes back|returned|remains?) (?:\w+ )?(?:empty|blank)\b|\bnothing (?:has been |was |is |has )?(?:filed|registered|lodged|recorded|listed|reported|came up|come up|turned up|surfaced|known)\b|\bneither\b|\bturned up nothing\b",
    r"|\b(?:нет|без|отсутству\p{L}*|отсутстви\p{L}*|никак(?:их|ой|ого)|ни одного|ни одной)\b|\bне (?:существ\p{L}*|найд\p{L}*|обнаруж\p{L}*|выяв\p{L}*|увид\p{L}*|замет\p{L}*|встрет\p{L}*|всплы\p{L}*|фигурир\p{L}*|числ\p{L}*|име\p{L}*|зафиксирован\p{L}*|установлен\p{L}*|значит\p{L}*|суд\p{L}*|должен|должн\p{L}*|был\p{L}*|наш\p{L}*)\b|\bничего не (?:найден\p{L}*|обнаружен\p{L}*|выявлен\p{L}*|нашл\p{L}*|всплыл\p{L}*|подан\p{L}*|числ\p{L}*|значит\p{L}*|извест\p{L}*)\b|\bни с кем не\b|\b(?:пуст|пуста|пусто|пусты|пустые)\b"
);
// What is missing is an answer, not a thing: told of itself, and never rosier than the truth.
pattern!(
    NO_ANSWER,
    r"\bno\s+(?:\w+\s+){0,1}(?:answer\w*|reply|replies|response\w*|longer|date|data|information|news|one|doubt|need|way)\b|\bnot (?:been )?(?:asked|checked|received|answered|requested|queried|updated)\b|\bwithout (?:an |any )?(?:answer|re-?check\w*)\b|\b(?:has|have|had|did) ?(?:not|n't) (?:yet )?(?:been (?:asked|received|checked)|answer\w*|respond\w*)\b",
    r"|\b(?:ответа|ответов|данных|сведений|информации|новостей)\s+(?:пока\s+|ещё\s+|еще\s+)?нет\b|\bнет\s+(?:ответа|ответов|данных|сведений|информации|смысла|необходимости|уверенности)\b|\bне (?:ответил\p{L}*|отвеча\p{L}*|спрашива\p{L}*|запрашива\p{L}*|проверял\p{L}*|провер\p{L}*|опраш\p{L}*|обновля\p{L}*|получен\p{L}*|указан\p{L}*)\b|\bбез ответа\b|\bотсутстви\p{L} ответа\b"
);
pattern!(
    ATTRIBUTED,
    r"\b(?:answer(?:ed|s)?|responded|replied|returned|source|no records|was asked|were asked)\b|\b(?:ответил\p{L}*|источник\p{L}*|записей не найдено|сообщил\p{L}*|спрошен\p{L}*|по данным)\b"
);

// The whole of a value behind a label: "Debts: none", «Суды — нет».
pattern!(
    VALUE_NONE,
    r"^\W*(?:none|no|nothing|nil|zero|0|absent|(?:no|zero|0) (?:records?|cases?|entries|results?)|(?:none|nothing|not)(?: \w+)? (?:found|detected|revealed|identified|present|registered|known of))\W*$",
    r"|^\W*(?:нет|отсутству\p{L}*|ничего(?: нет)?|ничего не \p{L}+|не (?:найден|обнаружен|выявлен|числ|зарегистрирован|имеет|установлен)\p{L}*|ноль|0|(?:0|нет) (?:записей|дел)|записей нет)\W*$"
);
pattern!(
    VALUE_GOOD,
    r"^\W*(?:very |all )?(?:good|fine|great|ok|okay|excellent|positive|favou?rable|satisfactory|in order|passed|well)\W*$"
);

/// The first claim of absence that does not hold.
pub(super) fn judge(ground: &Ground<'_>, clause: &Clause<'_>) -> Option<Found> {
    let scope = scope::of(ground, clause);
    let value = clause.value.as_deref().unwrap_or_default();
    let none = !value.is_empty() && VALUE_NONE.is_match(value);
    if CLEAN.is_match(clause.text) {
        return Found::new("absence.clean", scope.rows, Instead::Rows);
    }
    let good = GOOD.is_match(clause.text) || VALUE_GOOD.is_match(value);
    if good && !NOT_GOOD.is_match(clause.text) {
        return Found::new("absence.clean", scope.rows, Instead::Whole);
    }
    let none_seen = BAD.is_match(clause.text) && NONE_SEEN.is_match(clause.text);
    let no_problem = (none_seen || (none && BAD.is_match(&clause.labelled))) && !NO_ANSWER.is_match(clause.text);
    if PROBLEM.is_match(clause.text) || FREE.is_match(clause.text) || no_problem {
        return Found::new("absence.problems", ground.applicable(), Instead::Whole);
    }
    if !(none || ABSENT.is_match(clause.text)) || NO_ANSWER.is_match(clause.text) {
        return None;
    }
    let mut own = scope::of_text(ground, clause.text);
    let by_label = !own.named && none;
    if by_label {
        own = scope::of_text(ground, &clause.labelled);
    }
    if !own.named && !NOTHING.is_match(clause.text) {
        return None;
    }
    if scope.nobody || scope.not_asked {
        return Found::new("absence.not_asked", scope.rows, Instead::NotAsked);
    }
    let against = |holds: fn(&RowView) -> bool| ground.among(&scope.rows, holds);
    for (code, rows) in [
        ("absence.found", against(|row| answered(row) && row.facts > 0)),
        ("absence.no_answer", against(|row| !answered(row))),
        ("absence.incomplete", against(|row| row.outcome != Some(OutcomeWord::NothingFound) || !row.complete)),
    ] {
        if !rows.is_empty() {
            return Found::new(code, rows, Instead::Rows);
        }
    }
    // «Долги: источник ответил: записей не найдено» says what the source said.
    if ATTRIBUTED.is_match(clause.sentence) && (!own.concluded || by_label) {
        return None;
    }
    let stale = against(|row| row.freshness != FreshnessWord::Fresh);
    if !stale.is_empty() {
        return Found::new("absence.stale", stale, Instead::Rows);
    }
    let reused = against(|row| !asked(row));
    if !reused.is_empty() {
        return Found::new("absence.reused", reused, Instead::Rows);
    }
    // "No debts": the source says only that it has no such record.
    if own.concluded { Found::new("absence.concluded", scope.rows, Instead::Rows) } else { None }
}

pattern!(
    NOTHING,
    r"\bnothing (?:was |is |has been |has |were )?(?:found|detected|revealed|owed|discovered|filed|lodged|registered|recorded|came up|come up|turned up|surfaced)\b|\bno records\b|\bempty\b|\bничего не (?:найден\p{L}*|обнаружен\p{L}*|выявлен\p{L}*|нашл\p{L}*|всплыл\p{L}*|подан\p{L}*)\b|\bзаписей не найдено\b|\bпуст\p{L}{0,2}\b"
);
