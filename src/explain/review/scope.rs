//! Which sources a clause is about: by the words of their titles, ids and fact kinds, and by a small thesaurus of the field.
//!
//! A word that *names* what a source keeps ("court case", «исполнительное производство») may be said of its answer. One that
//! *concludes* from it ("debt", «обременение») may not: no receipt says more than that a source has, or has not, such a record.

use super::ground::Ground;
use super::text::{Clause, pattern};
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A topic of the field.
struct Topic {
    names: Regex,
    concludes: Regex,
}

fn words(text: &str) -> Regex {
    Regex::new(&format!(r"(?i)\b(?:{text})\b")).unwrap_or_else(|_| super::text::never())
}

/// Each with the words that name it and those that conclude from it.
static TOPICS: LazyLock<Vec<Topic>> = LazyLock::new(|| {
    [
        (
            r"courts?|court's|lawsuits?|litigations?|cases?|legal proceedings?|суд|суда|суды|судов|судам|судах|судом|судебн\p{L}*|иск|иски|исков|дело|дела|дел|делах|спор|споры|споров",
            r"sued|suing|litigious|filed against|brought against|суди\p{L}{1,4}|тяжб\p{L}*",
        ),
        (
            r"enforcement|bailiffs?|bailiffs'|bailiff's|proceedings?|исполнительн\p{L}*|производств\p{L}*|пристав\p{L}*|фссп",
            r"debts?|indebted\w*|owes?|owed|owing|arrears|долг\p{L}*|задолженност\p{L}*|должни\p{L}*|неплат\p{L}*",
        ),
        (
            r"cadast\w+|land register|title register|кадастр\p{L}*|росреестр\p{L}*|егрн",
            r"encumbr\w+|mortgages?|mortgaged|liens?|pledges?|pledged|arrests?|обременен\p{L}*|арест\p{L}*|залог\p{L}*|ипотек\p{L}*",
        ),
        (r"compan\w+|corporate|компани\p{L}*|юрлиц\p{L}*|егрюл", r"bankrupt\w*|insolven\w*|банкрот\p{L}*|несостоятельн\p{L}*"),
        (r"listings?|offers?|adverts?|advertisements?|listing|объявлен\p{L}*|предложени\p{L}*", r"overpriced"),
        (r"reviews?|отзыв\p{L}*", r"complaints?|жалоб\p{L}*"),
        (r"persons?|лиц|лица", r"sellers?|seller's|owners?|owner's|продав\p{L}*|собственник\p{L}*|физлиц\p{L}*|физическ\p{L}*"),
        // What the field knows and no source of a usual profile keeps.
        (r"tax|taxes|налог\p{L}*", r""),
        (r"criminal|convictions?|судимост\p{L}*|уголовн\p{L}*", r""),
    ]
    .into_iter()
    .map(|(names, concludes)| Topic {
        names: words(names),
        concludes: if concludes.is_empty() { super::text::never() } else { words(concludes) },
    })
    .collect()
});

pattern!(DEVELOPER, r"\b(?:developers?|developer's|застройщик\p{L}*|девелопер\p{L}*)\b");
pattern!(
    PERSON,
    r"\b(?:sellers?|seller's|owners?|owner's|продав\p{L}*|собственник\p{L}*|физлиц\p{L}*|физическ\p{L}+ лиц\p{L}*)\b"
);
// In titles, but no topic of any.
pattern!(
    GENERIC,
    r"^(?:regist\w*|database\w*|data|source\w*|base|реестр\p{L}*|баз\p{L}*|данн\p{L}*|источник\p{L}*|сведен\p{L}*|entry|record\w*|object\w*|check\w*|провер\p{L}*)$"
);

// One source, named in the sentence before.
pattern!(
    ONE_SOURCE,
    r"\b(?:the source|this source|it|its)\b|\b(?:источник|источника|источнику|источником|он|его|ему)\b"
);

/// What a clause is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// Rows, by their place in the job; not applicable ones only where nothing else is named.
    pub rows: Vec<usize>,
    /// A topic was named, so the rows are not simply all.
    pub named: bool,
    /// The word concludes from what a source keeps.
    pub concluded: bool,
    /// A topic was named that no row of the job is about.
    pub nobody: bool,
    /// A part of what was named has nothing to ask.
    pub not_asked: bool,
}

/// What a text names: sources by id.
fn sources_of(ground: &Ground<'_>, text: &str) -> (BTreeSet<String>, bool, bool) {
    let (mut ids, mut named, mut concluded) = (BTreeSet::new(), false, false);
    for topic in TOPICS.iter() {
        let (names, concludes) = (topic.names.is_match(text), topic.concludes.is_match(text));
        if !names && !concludes {
            continue;
        }
        named = true;
        concluded |= concludes && !names;
        let kept = ground.sources.iter().filter(|source| source.words.iter().any(|word| topic.names.is_match(word)));
        ids.extend(kept.map(|source| source.id.clone()));
    }
    // Words of titles that the thesaurus does not know: any source has a name.
    let spoken: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
    for source in &ground.sources {
        let known = |word: &&String| word.chars().count() >= 4 && !GENERIC.is_match(word);
        if source.words.iter().filter(known).any(|word| spoken.iter().any(|spoken| akin(word, spoken))) {
            named = true;
            ids.insert(source.id.clone());
        }
    }
    (ids, named, concluded)
}

/// Whether two words share all but an ending.
fn akin(title: &str, spoken: &str) -> bool {
    let stem = title.chars().count().saturating_sub(2).max(4);
    spoken.chars().count() >= stem && title.chars().take(stem).eq(spoken.chars().take(stem))
}

/// What a clause is about; where it names nothing, its sentence, and else everything.
pub(super) fn of(ground: &Ground<'_>, clause: &Clause<'_>) -> Scope {
    let own = of_text(ground, clause.text);
    if own.named {
        return own;
    }
    let labelled = of_text(ground, &clause.labelled);
    if labelled.named {
        return labelled;
    }
    let sentence = of_text(ground, clause.sentence);
    if sentence.named {
        return sentence;
    }
    if ONE_SOURCE.is_match(clause.sentence) {
        let before = of_text(ground, clause.before);
        if before.named {
            return before;
        }
    }
    Scope { rows: ground.applicable(), ..Scope::default() }
}

/// What a text is about by its own words.
pub(super) fn of_text(ground: &Ground<'_>, text: &str) -> Scope {
    let (ids, mut named, concluded) = sources_of(ground, text);
    let rows = &ground.view.sources;
    let of_level = |level: &str| -> Vec<usize> {
        rows.iter().enumerate().filter(|(_, row)| row.level == level).map(|(n, _)| n).collect()
    };
    let mut chosen: Vec<usize> =
        rows.iter().enumerate().filter(|(_, row)| ids.contains(&row.source)).map(|(n, _)| n).collect();
    for (whom, level) in [(&*PERSON, "person"), (&*DEVELOPER, "developer")] {
        if whom.is_match(text) {
            let theirs = of_level(level);
            let both: Vec<usize> = chosen.iter().copied().filter(|row| theirs.contains(row)).collect();
            chosen = if chosen.is_empty() || (both.is_empty() && level == "person") {
                theirs
            } else if both.is_empty() {
                chosen
            } else {
                both
            };
            named = true;
        }
    }
    let person = PERSON.is_match(text);
    let (asked, idle): (Vec<usize>, Vec<usize>) = chosen.iter().partition(|row| ground.applies(**row));
    let not_asked = !idle.is_empty() && (person || asked.is_empty());
    let rows = if asked.is_empty() || (person && not_asked) { chosen.clone() } else { asked };
    Scope { nobody: named && chosen.is_empty(), rows, named, concluded, not_asked }
}
