//! Claims about the risk that are rosier than the assessment.

use super::claim::{Found, Instead};
use super::ground::Ground;
use super::text::{Clause, pattern};
use crate::explain::model::RiskView;
use crate::words::{self, Both};
use regex::Regex;

pattern!(ABOUT, r"\b(?:risk\w*|score|level)\b|\b(?:риск\p{L}*|уровень|балл\p{L}*|оценк\p{L}*)\b");
// A label that stands for the risk as a whole, not for what adds to it.
pattern!(LABEL, r"^\W*(?:\p{L}+\s+){0,2}(?:risk\w*|score|level|риск\p{L}*|уровень|балл\p{L}*|оценк\p{L}*)\b");
// Words for a level that no policy gives it: about the lowest, and above that.
pattern!(
    MILD,
    r"\b(?:small|minor|slight|tolerable|acceptable|modest|insignificant|tiny|little)\s+(?:\w+\s+)?risks?\b|\brisks?(?:\s+(?:level|score))?\s*(?:is|are|seems?|looks?|remains?|[:—–-])\s*(?:\w+\s+){0,2}(?:small|minor|slight|tolerable|acceptable|modest|insignificant|tiny)\b",
    r"|\b(?:невысок|невелик|небольш|незначительн|приемлем|допустим|слаб)\p{L}*\s+(?:\p{L}+\s+)?риск|\b(?:риск\p{L}*|уровень)\s*(?:[:—–-]\s*)?(?:\p{L}+\s+){0,2}(?:невысок|невелик|небольш|незначительн|приемлем|допустим)\p{L}*"
);
pattern!(
    MIDDLING,
    r"\b(?:moderate|average|middling|medium-low)\s+(?:\w+\s+)?risks?\b|\brisks?(?:\s+(?:level|score))?\s*(?:is|are|seems?|looks?|remains?|[:—–-])\s*(?:\w+\s+){0,2}(?:moderate|average|middling)\b",
    r"|\bумеренн\p{L}*\s+(?:\p{L}+\s+)?риск|\b(?:риск\p{L}*|уровень)\s*(?:[:—–-]\s*)?(?:\p{L}+\s+){0,2}умеренн\p{L}*"
);
pattern!(
    SAFE,
    r"\b(?:safe|safely|risk[- ]free|riskless|negligible|(?:no|zero|without(?: any)?) risks?|minimal risk|risk is minimal|trouble[- ]free|good to go|nothing to (?:worry|fear)(?: about)?|without (?:any )?(?:worry|worries|fear|hesitation)|go ahead|(?:can|may) (?:\w+ )?(?:sign|buy|purchase|proceed)|reliable|trustworthy)\b|\b(?:saw|see|sees|found|find|identified|detected|carries|poses|bears) no (?:\w+ ){0,2}risks?\b|\brisks?\b[^.]{0,20}\b(?:minimal|negligible|absent|nil|none)\b|\brisks?\s*(?:is|are|equals?|[:—–-])\s*(?:\w+\s+)?(?:zero|nil)\b|\brisks?\s*[:—–-]\s*(?:no|nothing|not found)\W*$",
    r"|\bриск\p{L}*\s*[:—–-]\s*(?:нет|отсутству\p{L}*|никак\p{L}+|не (?:выявл|обнаруж|найд|име)\p{L}*)\W*$",
    r"|\bриск\p{L}*\s*(?:[:—–-]\s*)?(?:(?:равен|равны|равняется|практически|фактически|почти)\s+){0,2}(?:нулев\p{L}*|нул[юья]|ноль)\b|\bнулев\p{L}+ риск",
    r"|\b(?:покупать|брать|подписывать|заключать|оформлять|приобретать)\b[^.]{0,25}\bможно\s*(?:смело|спокойно|уверенно|без|[.!]*$)|\bможно\b[^.]{0,25}\b(?:смело|спокойно|уверенно)\b",
    r"|\b(?:безопасн\p{L}*|безрисков\p{L}*|риск(?:а|ов)? (?:\p{L}+ )?(?:нет|отсутству\p{L}*)|нет (?:никак\p{L}+ )?риск\p{L}*|без риск\p{L}*|никаких рисков|рисков не\b|риск\p{L}* минимальн\p{L}*|минимальн\p{L}* риск\p{L}*|над[её]ж(?:н|ен)\p{L}*|благонад[её]жен|безопасен|риск(?:ов|а|и) (?:\p{L}+ ){0,2}не (?:\p{L}+ )?(?:увид|вид|наш|найд|наход|замет|обнаруж|выяв|усм)\p{L}*|(?:смело|спокойно|уверенно) \p{L}+|можно (?:\p{L}+ )?(?:покупать|брать|подписывать|заключать)|(?:бояться|опасаться|беспокоиться) (?:тут |здесь )?нечего)\b"
);
pattern!(
    OPEN_ROAD,
    r"\bnothing\b[^.]{0,20}\b(?:stands? in the way|prevents|blocks|hinders)\b|\b(?:no|without|zero|free of)\s+(?:\w+\s+){0,1}(?:obstacles?|hindrances?|barriers?|stop(?:ping)? factors?|blockers?|impediments?)\b",
    r"|\bпрепятстви[йя]\b[^.]{0,30}\bнет\b|\bнет препятстви\p{L}*|\b(?:стоп-факторов|помех|преград|препятствий)\b[^.]{0,25}\b(?:нет|не\s+\p{L}+)\b|\b(?:нет|без|никаких|ни одного)\s+(?:\p{L}+\s+)?(?:стоп-фактор|помех|преград|препятстви)\p{L}*|\bничто не (?:мешает|препятствует)\b"
);
// The same as a label and its value.
pattern!(
    NO_STOPS,
    r"\b(?:stop(?:ping)?[- ]factors?|obstacles?|blockers?|impediments?)\s*[:—–-]\s*(?:none|no|nothing|nil|zero|0|absent|not found|none found)\W*$",
    r"|\b(?:стоп-фактор\p{L}*|препятстви\p{L}*|помехи|преграды)\s*[:—–-]\s*(?:нет|отсутству\p{L}*|не \p{L}+|никак\p{L}+|ноль|0)\W*$"
);
pattern!(
    AT_LEAST,
    r"\b(?:at least|no less than|not less than|or more|minimum of|from)\b|≥|\b(?:не (?:меньше|менее|ниже)|как минимум|минимум|от)\b"
);
pattern!(
    NUMBER,
    r"(?P<n>\d{1,3})\s*(?:/|of|out of|из)\s*100\b|\b(?:score|risk|баллов|балл|риск\p{L}*|оценка)\b[^.\d+«»\x22“”]{0,25}(?P<n2>\d{1,3})\b"
);
pattern!(NOT, r"\b(?:not|never|n't|cannot)\b|n't\b|\b(?:не|нельзя|ни)\b");
pattern!(
    FINAL,
    r"\b(?:final|definitive|conclusive|exact|ultimate)\b|\b(?:окончательн\p{L}*|итогов\p{L}*|точн\p{L}*)\b"
);

/// The first claim about the risk that does not hold.
pub(super) fn judge(ground: &Ground<'_>, clause: &Clause<'_>) -> Option<Found> {
    let risk = ground.view.risk.as_ref();
    let told = |code| Found::new(code, ground.applicable(), Instead::Risk);
    let labelled = clause.value.is_some() && LABEL.is_match(&clause.labelled);
    let text = if labelled { clause.labelled.as_str() } else { clause.text };
    if SAFE.is_match(text) && !negated_safety(text) {
        return told("risk.safe");
    }
    let open = risk.is_none_or(|risk| !risk.stops.is_empty() || risk.score_is != "exact");
    if (OPEN_ROAD.is_match(clause.text) || NO_STOPS.is_match(&clause.labelled)) && open {
        return told("risk.stops");
    }
    if !ABOUT.is_match(text) {
        return None;
    }
    let Some(risk) = risk else { return level(ground, text, None).and_then(|_| told("risk.none")) };
    let hedged = AT_LEAST.is_match(text);
    if let Some(n) = number(text) {
        if n < u64::from(risk.score) {
            return told("risk.rosier");
        }
        if risk.score_is == "at_least" && !hedged {
            return told("risk.at_least");
        }
    }
    if FINAL.is_match(text) && !NOT.is_match(text) && risk.score_is == "at_least" {
        return told("risk.at_least");
    }
    level(ground, text, Some(risk)).filter(|rosier| *rosier).and_then(|_| told("risk.rosier"))
}

fn number(text: &str) -> Option<u64> {
    let found = NUMBER.captures(text)?;
    found.name("n").or_else(|| found.name("n2"))?.as_str().parse().ok()
}

/// "Not safe", «небезопасно» is matched by no pattern, «риск не минимальный» by this.
fn negated_safety(text: &str) -> bool {
    let lower = text.to_lowercase();
    [
        "not safe",
        "isn't safe",
        "not risk-free",
        "не безопас",
        "не минимал",
        "not negligible",
        "not minimal",
        "не надёжн",
        "не надежн",
    ]
    .iter()
    .any(|not| lower.contains(not))
}

/// The level that a clause names: whether it is rosier than the assessment. None where it names none, or denies it.
fn level(ground: &Ground<'_>, text: &str, risk: Option<&RiskView>) -> Option<bool> {
    let mut levels: Vec<_> = ground.policy.document.risk.levels.iter().collect();
    levels.sort_by_key(|level| level.from);
    let named = levels.iter().position(|level| {
        // By its title and by the catalogue's word for it, which is said where it has no title.
        let titles = [level.title.as_ref().map(Both::from), Some(words::level(&level.id, None))];
        let titles = titles.into_iter().flatten().flat_map(|title| [title.ru, title.en]);
        titles.chain([level.id.clone()]).any(|title| says(text, &title))
    });
    let rank = named.or_else(|| MILD.is_match(text).then_some(0)).or_else(|| MIDDLING.is_match(text).then_some(1))?;
    if NOT.is_match(text) {
        return None;
    }
    let Some(risk) = risk else { return Some(true) };
    let of_score = levels.iter().rposition(|level| level.from <= i64::from(risk.score)).unwrap_or(0);
    // What is incomplete may be anything from here on: no level is claimed that could prove too low.
    let actual = levels.iter().position(|level| level.id == risk.level);
    Some(match actual {
        Some(actual) => rank < actual,
        None => rank <= of_score && !AT_LEAST.is_match(text),
    })
}

/// Whether a text says a level's name, in any of its forms: «низкий», «низкого», "low".
fn says(text: &str, title: &str) -> bool {
    let chars = title.chars().count();
    let stem: String = if chars > 4 { title.chars().take(chars - 2).collect() } else { title.to_owned() };
    let ending = if chars > 4 { r"\p{L}{0,4}" } else { "" };
    let pattern = format!(r"(?i)\b{}{ending}\b", regex::escape(&stem));
    Regex::new(&pattern).is_ok_and(|pattern| pattern.is_match(text))
}
