//! Rules over invented facts, and the laws of the incremental state.

use super::*;
use crate::core::policy::RiskSpec;
use expect_test::{Expect, expect};
use mirano_schemas::{Assessment, Attrs, Fact, FactId, Match, RiskState, ScoreIs, Subject, Validity, Value, canonical};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const LEVELS: &str = "[[levels]]\nid = \"low\"\nfrom = 0\n[[levels]]\nid = \"medium\"\nfrom = 25\n[[levels]]\nid = \"high\"\nfrom = 50\n";

fn spec(text: &str) -> RiskSpec {
    toml::from_str(text).expect("TOML of a risk file")
}

/// A rule in short: lines of fields.
fn rule(id: &str, fields: &str) -> String {
    format!("[[rule]]\nid = \"{id}\"\nseverity = \"medium\"\ntitle = {{ ru = \"\", en = \"\" }}\n{fields}\n")
}

fn rules(text: &str) -> Rules {
    compile(&spec(&format!("{text}{LEVELS}")), &BTreeSet::new()).expect("right rules")
}

fn fact(kind: &str, attrs: &[(&str, Value)]) -> Fact {
    Fact {
        source: kind.split('.').next().unwrap_or_default().to_owned(),
        kind: kind.to_owned(),
        subject: Subject("company:7707083893".to_owned()),
        matched: Match::Id,
        identity: Attrs::new(),
        attrs: attrs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        valid: Validity::default(),
        connector: 1,
    }
}

fn text(text: &str) -> Value {
    Value::text(text)
}

fn decimal(text: &str) -> Value {
    Value::decimal(text).expect("a decimal")
}

fn date(text: &str) -> Value {
    Value::Date(text.to_owned())
}

fn case(number: &str, role: &str) -> Fact {
    fact("court.case", &[("number", text(number)), ("role", text(role))])
}

fn inputs(facts: &[Fact]) -> Vec<FactInput<'_>> {
    facts.iter().map(|fact| FactInput { fact_id: canonical::fact_id(fact), fact }).collect()
}

fn answered(sources: &[&str]) -> Coverage {
    let fresh = SourceCoverage { fresh: 1, ..SourceCoverage::default() };
    Coverage { sources: sources.iter().map(|id| ((*id).to_owned(), fresh)).collect(), ..Coverage::default() }
}

fn from_scratch(rules: &Rules, facts: &[Fact], as_of: &str) -> RiskState {
    let mut state = RiskState::default();
    rules.update(&mut state, as_of, &[], &[], &|| inputs(facts));
    state
}

fn assess(rules: &Rules, facts: &[Fact]) -> Assessment {
    rules.assess(&from_scratch(rules, facts, "2026-11-24"), &answered(&["court"]))
}

/// An assessment in a few lines; facts by the attribute that names them.
fn told(assessment: &Assessment, facts: &[Fact]) -> String {
    let name = |id: &FactId| {
        let fact = facts.iter().find(|fact| canonical::fact_id(fact) == *id).expect("a fact of the test");
        let named = ["number", "id"].iter().find_map(|key| fact.attrs.get(*key));
        match named {
            Some(Value::Text(text)) => text.clone(),
            _ => fact.kind.clone(),
        }
    };
    let names = |ids: &[FactId]| {
        let mut names: Vec<_> = ids.iter().map(name).collect();
        names.sort();
        names.join(", ")
    };
    let mut out = format!("{} {:?} {}\n", assessment.score, assessment.score_is, assessment.level);
    for factor in &assessment.factors {
        let stop = if factor.stop { " stop" } else { "" };
        write!(out, "  {} {}{stop}: {}", factor.rule, factor.points, names(&factor.facts)).expect("to a string");
        if !factor.possible.is_empty() {
            write!(out, "; possible: {}", names(&factor.possible)).expect("to a string");
        }
        out.push('\n');
    }
    for unevaluated in &assessment.unevaluated {
        writeln!(out, "  not {}: {:?} {}", unevaluated.rule, unevaluated.reason, unevaluated.detail)
            .expect("to a string");
    }
    out
}

fn check(rules: &Rules, facts: &[Fact], want: Expect) {
    want.assert_eq(&told(&assess(rules, facts), facts));
}

#[test]
fn points_are_for_each_fact_up_to_the_cap() {
    let rules = rules(&rule(
        "defendant",
        "when = 'fact.kind == \"court.case\" && fact.role == \"Ответчик\"'\npoints = 10\ncap = 25",
    ));
    let facts = [case("1", "Ответчик"), case("2", "Истец"), case("3", "Ответчик")];
    check(
        &rules,
        &facts,
        expect![[r#"
        20 Exact low
          defendant 20: 1, 3
    "#]],
    );
    let facts = [case("1", "Ответчик"), case("2", "Ответчик"), case("3", "Ответчик")];
    check(
        &rules,
        &facts,
        expect![[r#"
        25 Exact medium
          defendant 25: 1, 2, 3
    "#]],
    );
}

#[test]
fn a_missing_attribute_is_no_match_and_no_error() {
    let rules = rules(
        &(rule("equal", "when = 'fact.sum == 1.0'\npoints = 1")
            + &rule("unequal", "when = 'fact.sum != 1.0'\npoints = 1")
            + &rule("not", "when = '!(fact.sum == 1.0)'\npoints = 1")
            + &rule("some", "when = 'facts.exists(f, f.sum == 1.0)'\npoints = 1")
            + &rule("some_not", "when = 'facts.exists(f, !(f.sum == 1.0))'\npoints = 1")
            + &rule("filtered", "when = 'size(facts.filter(f, !(f.sum > 5.0 && f.role == \"x\"))) > 0'\npoints = 1")
            + &rule("one_is_enough", "when = 'facts.exists(f, f.sum == 1.0 || f.number == \"1\")'\npoints = 1")
            + &rule("every", "when = 'facts.all(f, f.sum == 1.0 || f.sum != 1.0)'\npoints = 1")
            + &rule("has", "when = '!has(fact.sum)'\npoints = 1")),
    );
    check(
        &rules,
        &[case("1", "x")],
        expect![[r#"
        2 Exact low
          one_is_enough 1: 1
          has 1: 1
    "#]],
    );
}

#[test]
fn values_are_typed() {
    let rules = rules(
        &(rule("int", "when = 'fact.int == 3 && fact.int < 3.5'\npoints = 1")
            + &rule("decimal", "when = 'fact.dec > 10 && fact.dec == 10.5 && fact.exact.dec == \"10.5\"'\npoints = 1")
            + &rule("date", "when = 'fact.date > \"2026-01-31\" && days(as_of) - days(fact.date) == 23'\npoints = 1")
            + &rule("list", "when = '\"б\" in fact.list && size(fact.list) == 2'\npoints = 1")
            + &rule("bool", "when = 'fact.yes'\npoints = 1")
            + &rule("text", "when = 'fact.text.matches(\"(?i)^ТЕКСТ$\")'\npoints = 1")
            + &rule("texts", "when = 'matches(fact.text, \"к\") && !fact.text.matches(\"К\")'\npoints = 1")
            + &rule(
                "about",
                "when = 'fact.source == \"x\" && fact.subject == \"company:7707083893\" && fact.matched == \"id\"'\npoints = 1",
            )
            + &rule(
                "shadowed",
                "when = 'fact.kind == \"x.y\" && fact.attrs.kind == \"ипотека\" && fact[\"int\"] == 3'\npoints = 1",
            )
            + &rule("points", "when = 'fact.kind == \"x.y\"'\npoints = 'fact.dec * 2.0'")),
    );
    let facts = [fact(
        "x.y",
        &[
            ("int", Value::Integer(3)),
            ("dec", decimal("10.50")),
            ("date", date("2026-11-01")),
            ("list", Value::List(vec![text("а"), text("б")])),
            ("yes", Value::Bool(true)),
            ("text", text("текст")),
            ("kind", text("ипотека")),
        ],
    )];
    check(
        &rules,
        &facts,
        expect![[r#"
        30 Exact medium
          int 1: x.y
          decimal 1: x.y
          date 1: x.y
          list 1: x.y
          bool 1: x.y
          text 1: x.y
          texts 1: x.y
          about 1: x.y
          shadowed 1: x.y
          points 21: x.y
    "#]],
    );
}

#[test]
fn an_error_is_listed_without_any_value_and_the_score_is_at_least() {
    let rules = rules(
        &(rule("mismatch", "when = 'fact.kind == \"court.case\" && fact.role > 3'\npoints = 50")
            + &rule("no_points", "when = 'fact.kind == \"court.case\"'\npoints = 'fact.sum'")
            + &rule("converted", "when = 'int(fact.role) > 3'\npoints = 1")
            + &rule("not_bool", "when = 'fact.role'\npoints = 1")
            + &rule("negative", "when = 'fact.kind == \"court.case\"'\npoints = '-5'")
            + &rule("whole", "when = 'median(facts.filter(f, has(f.sum)).map(f, f.sum)) > 1.0'\npoints = 1")
            + &rule("fine", "when = 'fact.kind == \"court.case\"'\npoints = 1")),
    );
    check(
        &rules,
        &[case("1", "Иванов"), case("2", "Петров")],
        expect![[r#"
        2 AtLeast incomplete
          fine 2: 1, 2
          not converted: Error on 2 facts, the first of them: int of such a value
          not mismatch: Error on 2 facts, the first of them: found no matching overload for '_>_' applied to '(string, int)'
          not negative: Error on 2 facts, the first of them: the points are negative
          not no_points: Error on 2 facts, the first of them: the attribute sum is missing
          not not_bool: Error on 2 facts, the first of them: a string where a bool is wanted
          not whole: Error median: an empty list
    "#]],
    );
}

#[test]
fn namesakes_earn_nothing_unless_allowed() {
    let rules = rules(
        &(rule("strict", "when = 'fact.role == \"Ответчик\"'\npoints = 10\nstop = true")
            + &rule("lenient", "when = 'fact.role == \"Ответчик\"'\npoints = 10\nallow_name_match = true")
            + &rule("strict_all", "when = 'facts.exists(f, f.role == \"Ответчик\")'\npoints = 10")
            + &rule(
                "lenient_all",
                "when = 'facts.exists(f, f.role == \"Ответчик\")'\npoints = 10\nallow_name_match = true",
            )),
    );
    let namesake = Fact { matched: Match::Name, ..case("1", "Ответчик") };
    check(
        &rules,
        &[namesake],
        expect![[r#"
        20 Exact low
          strict 0: ; possible: 1
          lenient 10: 1
          lenient_all 10: 1
    "#]],
    );
}

#[test]
fn a_rule_over_all_names_the_facts_it_rests_on() {
    let rules = rules(&rule(
        "many",
        "when = 'size(facts.filter(f, f.kind == \"court.case\" && f.role == \"Ответчик\")) >= 2'\npoints = 'size(facts) * 3'",
    ));
    let facts = [
        case("1", "Ответчик"),
        case("2", "Истец"),
        case("3", "Ответчик"),
        fact("other", &[("role", text("Ответчик"))]),
    ];
    check(
        &rules,
        &facts,
        expect![[r#"
        12 Exact low
          many 12: 1, 3
    "#]],
    );
}

#[test]
fn what_is_not_known_keeps_the_lowest_level_away() {
    let rules = rules(
        &(rule("free", "when = 'fact.kind == \"court.case\"'\npoints = 1")
            + &rule("needy", "when = 'size(facts) == 1'\npoints = 2\nneeds = [\"court\"]")),
    );
    let facts = [case("1", "x")];
    let state = from_scratch(&rules, &facts, "2026-11-24");
    let mut out = String::new();
    let base = SourceCoverage { fresh: 1, ..SourceCoverage::default() };
    let cases = [
        ("all fresh", base),
        ("stale", SourceCoverage { fresh: 0, stale: 1, ..base }),
        ("failed", SourceCoverage { failed: 1, ..base }),
        ("missing", SourceCoverage { missing: 1, ..base }),
        ("incomplete", SourceCoverage { incomplete: 1, ..base }),
        ("suspicious", SourceCoverage { suspicious: 1, ..base }),
        ("partly not applicable", SourceCoverage { not_applicable: 3, ..base }),
        ("nothing to ask", SourceCoverage { not_applicable: 1, ..SourceCoverage::default() }),
    ];
    for (name, source) in cases {
        let coverage = Coverage { sources: BTreeMap::from([("court".to_owned(), source)]), ..Coverage::default() };
        write!(out, "{name}: {}", told(&rules.assess(&state, &coverage), &facts)).expect("to a string");
    }
    let unsure = Coverage { address_unsure: true, ..answered(&["court"]) };
    write!(out, "address unsure: {}", told(&rules.assess(&state, &unsure), &facts)).expect("to a string");
    let unreadable = Coverage { unreadable_facts: 1, ..answered(&["court"]) };
    write!(out, "unreadable: {}", told(&rules.assess(&state, &unreadable), &facts)).expect("to a string");
    write!(out, "not asked: {}", told(&rules.assess(&state, &answered(&["listings"])), &facts)).expect("to a string");
    expect![[r#"
        all fresh: 3 Exact low
          free 1: 1
          needy 2: 1
        stale: 3 AtLeast incomplete
          free 1: 1
          needy 2: 1
        failed: 1 AtLeast incomplete
          free 1: 1
          not needy: SourceFailed court
        missing: 1 AtLeast incomplete
          free 1: 1
          not needy: SourceMissing court
        incomplete: 1 AtLeast incomplete
          free 1: 1
          not needy: SourceIncomplete court
        suspicious: 1 AtLeast incomplete
          free 1: 1
          not needy: SourceSuspicious court
        partly not applicable: 3 Exact low
          free 1: 1
          needy 2: 1
        nothing to ask: 3 AtLeast incomplete
          free 1: 1
          needy 2: 1
        address unsure: 3 AtLeast incomplete
          free 1: 1
          needy 2: 1
        unreadable: 3 AtLeast incomplete
          free 1: 1
          needy 2: 1
        not asked: 1 AtLeast incomplete
          free 1: 1
          not needy: SourceNotAsked court
    "#]]
    .assert_eq(&out);
}

#[test]
fn a_score_is_clamped_and_a_stop_is_listed() {
    let rules = rules(&rule("grave", "when = 'fact.kind == \"court.case\"'\npoints = 70\nstop = true"));
    let assessment = assess(&rules, &[case("1", "x"), case("2", "x")]);
    assert_eq!((assessment.score, assessment.score_is), (100, ScoreIs::Exact));
    assert_eq!((assessment.level.as_str(), assessment.stops), ("high", vec!["grave".to_owned()]));
}

#[test]
fn a_wrong_file_is_refused_with_rule_place_and_reason() {
    let text = rule("syntax", "when = 'fact.kind == '\npoints = 1")
        + &rule("function", "when = 'fact.number.explode()'\npoints = 1")
        + &rule("variable", "when = 'fact.kind == kind'\npoints = 1")
        + &rule("both", "when = 'fact.kind == facts[0].kind'\npoints = 1")
        + &rule("neither", "when = 'true'\npoints = 1")
        + &rule("volatile", "when = 'fact.kind == \"listing.offer\" && fact.views > 3'\npoints = 1")
        + &rule(
            "volatile_all",
            "when = 'facts.filter(f, f.kind == \"listing.offer\").exists(f, f.attrs.views > 3)'\npoints = 1",
        )
        + &rule("volatile_any", "when = 'fact[\"views\"] > 3'\npoints = 1")
        + &rule("volatile_points", "when = 'fact.kind == \"listing.offer\"'\npoints = 'has(fact.views) ? 1 : 2'")
        + &rule("volatile_of_others", "when = 'fact.kind == \"court.case\" && fact.views > 3'\npoints = 'fact.views'")
        + &rule("computed", "when = 'fact[as_of] == 1'\npoints = 1")
        + &rule("negative", "when = 'fact.kind == \"x\"'\npoints = -1\ncap = -2")
        + &rule("mixed", "when = 'fact.kind == \"x\"'\npoints = 'size(facts)'")
        + &rule("deep", "when = 'facts.exists(a, facts.exists(b, facts.exists(c, a.x == b.x + c.x)))'\npoints = 1")
        + &rule("pattern", "when = 'fact.x.matches(\"(\") || matches(fact.x, fact.y)'\npoints = 1")
        + &rule("map", "when = '{\"a\": 1}[fact.kind] == 1'\npoints = 1")
        + &rule("Twice", "when = 'fact.kind == \"x\"'\npoints = 1")
        + &rule("deep", "when = 'fact.kind == \"x\"'\npoints = 1")
        + "[[levels]]\nid = \"low\"\nfrom = 5\n[[levels]]\nid = \"incomplete\"\nfrom = 5\n";
    let volatile = BTreeSet::from([("listing.offer".to_owned(), "views".to_owned())]);
    let problems = compile(&spec(&text), &volatile).expect_err("wrong rules");
    let mut out = String::new();
    for problem in &problems {
        let line = line_of(&text, &problem.at).expect("a line");
        writeln!(out, "{line}: {} {problem}", problem.rule).expect("to a string");
    }
    expect![[r#"
        112:  levels[0].from: the first level must begin at 0
        115:  levels[1].from: levels must ascend: this begins where an earlier one does, or before
        114:  levels[1].id: incomplete is the level of what is not known; name this otherwise
        5: syntax rule[0].when: line 1, column 14 of the expression: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}
        11: function rule[1].when: at "()": unknown function explode; there are size, contains, startsWith, endsWith, matches, string, int, double, days, sum, min, max, median
        17: variable rule[2].when: at "kind": unknown variable kind; there are fact, facts and as_of
        23: both rule[3].when: a rule is over fact (each one) or over facts (all of them), not over both
        29: neither rule[4].when: a rule must look at fact or at facts
        35: volatile rule[5].when: views of listing.offer is volatile: it changes without being news, so no rule may read it
        41: volatile_all rule[6].when: views of listing.offer is volatile: it changes without being news, so no rule may read it
        47: volatile_any rule[7].when: views of listing.offer is volatile: it changes without being news, so no rule may read it
        54: volatile_points rule[8].points: views of listing.offer is volatile: it changes without being news, so no rule may read it
        65: computed rule[10].when: at "[as_of] == 1": the name of an attribute must be written out
        73: negative rule[11].cap: a cap is 0 to 1000000
        72: negative rule[11].points: points are 0 to 1000000: less would make the score an upper bound
        79: mixed rule[12].points: the condition and the points must both be over fact, or both over facts
        84: deep rule[13].when: at "(c, a.x == b.x + c.x)))": comprehensions may be nested 2 deep
        90: pattern rule[14].when: not a regular expression: regex parse error:
            (
            ^
        error: unclosed group
        90: pattern rule[14].when: the pattern of matches must be written out
        96: map rule[15].when: at "{\"a\": 1}[fact.kind] == 1": maps are not allowed here; write a ? b : c
        99: Twice rule[16].id: a rule's id is made of a-z, 0-9, '.', '_' and '-'
        105: deep rule[17].id: another rule has this id
    "#]].assert_eq(&out);
    let none = compile(&spec(&rule("x", "when = 'fact.kind == \"x\"'\npoints = 1")), &volatile).expect_err("no levels");
    assert_eq!(none.iter().map(|problem| problem.at.as_str()).collect::<Vec<_>>(), ["levels"]);
}

#[test]
fn an_added_fact_evaluates_only_the_rules_it_can_touch() {
    let rules = rules(
        &(rule("courts", "when = 'fact.kind == \"court.case\" && fact.role == \"x\"'\npoints = 1")
            + &rule("listed", "when = 'fact.kind in [\"listing.offer\", \"court.case\"]'\npoints = 1")
            + &rule("either", "when = 'fact.kind == \"a\" && fact.x == 1 || fact.kind == \"b\"'\npoints = 1")
            + &rule("any", "when = 'fact.role == \"x\"'\npoints = 1")
            + &rule("many_cases", "when = 'size(facts.filter(f, f.kind == \"court.case\")) > 2'\npoints = 1")
            + &rule("chained", "when = 'facts.filter(f, f.kind == \"a\").exists(f, f.x == 1)'\npoints = 1")
            + &rule("every", "when = 'facts.all(f, f.kind == \"a\")'\npoints = 1")
            + &rule(
                "two",
                "when = 'facts.exists(f, f.kind == \"a\") && facts.exists(f, f.kind == \"b\")'\npoints = 1",
            )),
    );
    let touched = |kind: &str| rules.touched_by(kind).collect::<Vec<_>>().join(" ");
    assert_eq!(touched("court.case"), "courts listed any many_cases every");
    assert_eq!(touched("listing.offer"), "listed any every");
    assert_eq!(touched("a"), "either any chained every two");
    assert_eq!(touched("other"), "any every");

    let old = [case("1", "x"), case("2", "x")];
    let mut state = from_scratch(&rules, &old, "2026-11-24");
    let new = [fact("listing.offer", &[])];
    let all: Vec<Fact> = old.iter().chain(&new).cloned().collect();
    let evaluation = rules.update(&mut state, "2026-11-24", &[], &inputs(&new), &|| inputs(&all));
    assert_eq!(
        evaluation,
        Evaluation { rules: ["listed", "any", "every"].map(str::to_owned).to_vec(), expressions: 3 }
    );
    assert_eq!(state, from_scratch(&rules, &all, "2026-11-24"));

    let id = inputs(&old).first().expect("one").fact_id;
    let left: Vec<Fact> = all.iter().skip(1).cloned().collect();
    let gone = [Gone { fact_id: id, kind: Some("court.case") }];
    let evaluation = rules.update(&mut state, "2026-11-24", &gone, &[], &|| inputs(&left));
    assert_eq!(evaluation.rules, ["many_cases", "every"], "rules over single facts only forget");
    assert_eq!(state, from_scratch(&rules, &left, "2026-11-24"));

    let evaluation = rules.update(&mut state, "2026-11-24", &[], &[], &|| unreachable!("nothing happened"));
    assert_eq!(evaluation, Evaluation::default());
}

#[test]
fn another_date_recomputes_what_compares_with_it_and_other_rules_all() {
    let dated = rule("dated", "when = 'days(as_of) - days(fact.filed) < 10'\npoints = 1");
    let plain = rule("plain", "when = 'has(fact.filed)'\npoints = 1");
    let first = rules(&(dated.clone() + &plain));
    let facts = [fact("court.case", &[("filed", date("2026-11-20"))])];
    let mut state = from_scratch(&first, &facts, "2026-11-24");
    assert_eq!(state.rules.len(), 2);
    let evaluation = first.update(&mut state, "2026-12-24", &[], &[], &|| inputs(&facts));
    assert_eq!(evaluation.rules, ["dated"]);
    assert_eq!(state, from_scratch(&first, &facts, "2026-12-24"));
    assert_eq!(state.rules.keys().collect::<Vec<_>>(), ["plain"]);

    let second = rules(&(plain.replace("points = 1", "points = 2") + &dated));
    assert_ne!(first.digest(), second.digest());
    second.update(&mut state, "2026-12-24", &[], &[], &|| inputs(&facts));
    assert_eq!(state, from_scratch(&second, &facts, "2026-12-24"));
}

#[test]
fn the_types_of_the_log_survive_bincode() {
    let rules = default_rules();
    let facts = showcase();
    let state = from_scratch(&rules, &facts, "2026-11-24");
    let assessment = rules.assess(&state, &answered(&["courts", "listings", "reviews"]));
    let config = bincode::config::standard();
    let bytes = bincode::serde::encode_to_vec((&state, &assessment), config).expect("encodes");
    let (back, _): ((RiskState, Assessment), usize) =
        bincode::serde::decode_from_slice(&bytes, config).expect("decodes");
    assert_eq!(back, (state, assessment));
}

fn default_rules() -> Rules {
    let volatile = [("listing.offer", "views"), ("court.case", "documents"), ("review.entry", "likes")];
    let volatile = volatile.map(|(kind, name)| (kind.to_owned(), name.to_owned())).into();
    compile(&spec(DEFAULT_RISK_TOML), &volatile).expect("the default rules are right")
}

/// Something for each default rule.
fn showcase() -> Vec<Fact> {
    let case = |number: &str, kind: &str, role: &str, category: &str, status: &str, outcome: Option<&str>| {
        let mut attrs = vec![
            ("number", text(number)),
            ("type", text(kind)),
            ("role", text(role)),
            ("category", text(category)),
            ("status", text(status)),
            ("filed", date("2026-03-15")),
        ];
        attrs.extend(outcome.map(|outcome| ("outcome", text(outcome))));
        fact("court.case", &attrs)
    };
    let mut facts = vec![
        fact(
            "cadastre.object",
            &[
                ("number", text("cad-1")),
                ("encumbrance", text("Арест, ипотека")),
                ("transfers_3y", Value::Integer(3)),
                ("right_since", date("2026-05-01")),
                ("purpose", text("Апартаменты")),
            ],
        ),
        case("c-ddu", "Г", "Ответчик", "Неустойка по ДДУ", "Рассматривается", None),
        case("c-lost", "Г", "Ответчик", "Качество строительства", "Рассмотрение завершено", Some("Иск удовлетворён")),
        case("c-won", "Г", "Ответчик", "Договор поставки", "Рассмотрение завершено", Some("В иске отказано")),
        case("c-plaintiff", "А", "Истец", "Договор подряда", "Рассматривается", None),
        case("c-bankrupt", "Б", "Должник", "Несостоятельность (банкротство)", "Наблюдение", None),
        case("c-petition", "Б", "Должник", "Несостоятельность (банкротство)", "Заявление принято", None),
        case("c-title", "Г", "Третье лицо", "О признании права собственности", "Рассматривается", None),
        fact(
            "company.record",
            &[
                ("id", text("company")),
                ("status", text("Признано банкротом, открыто конкурсное производство")),
                ("registered", date("2026-01-10")),
                ("tax_debt", decimal("250000.00")),
            ],
        ),
        fact("company.record", &[("id", text("company-ending")), ("status", text("В стадии ликвидации"))]),
        fact("enforcement.proceeding", &[("number", text("e-1")), ("left", decimal("120000"))]),
        fact("enforcement.proceeding", &[("number", text("e-2"))]),
    ];
    for (n, price) in ["10000000", "10500000", "9800000", "10200000", "4500000"].iter().enumerate() {
        facts.push(fact(
            "listing.offer",
            &[("id", text(&format!("o{n}"))), ("price", decimal(price)), ("area", decimal("50"))],
        ));
    }
    facts.push(fact("listing.offer", &[("id", text("o-on-request")), ("area", decimal("50"))]));
    for n in 0..10 {
        facts.push(fact("review.entry", &[("id", text(&format!("r{n}"))), ("rating", Value::Integer(1 + n % 4))]));
    }
    facts
}

#[test]
fn the_default_rules_find_what_they_are_for() {
    let (rules, facts) = (default_rules(), showcase());
    let state = from_scratch(&rules, &facts, "2026-11-24");
    let assessment = rules.assess(&state, &answered(&["courts", "listings", "reviews"]));
    expect![[r#"
        100 Exact critical
          cadastre.arrest 40 stop: cad-1
          cadastre.pledge 20: cad-1
          cadastre.transfers 15: cad-1
          cadastre.tenure 10: cad-1
          cadastre.apartments 10: cad-1
          insolvency.open 40 stop: c-bankrupt, company
          insolvency.petition 25: c-petition
          company.ending 30 stop: company-ending
          court.title 30: c-title
          court.defendant 5: c-ddu
          court.lost 5: c-lost
          court.shared_construction 5: c-ddu
          court.defects 5: c-lost
          enforcement.open 20: e-1, e-2
          company.tax_debt 15: company
          company.young 10: company
          listing.far_below 5: o0, o1, o2, o3, o4
          review.bad 5: r0, r1, r2, r3, r4, r5, r6, r7, r8, r9
    "#]]
    .assert_eq(&told(&assessment, &facts));
    let unused: Vec<_> = spec(DEFAULT_RISK_TOML)
        .rules
        .into_iter()
        .map(|rule| rule.id)
        .filter(|id| assessment.factors.iter().all(|factor| factor.rule != *id))
        .collect();
    assert!(unused.is_empty(), "never shown to match: {unused:?}");
}

/// A kind that is misspelt is found nowhere; whoever serves the rules can say so.
#[test]
fn rules_name_the_kinds_that_they_look_for() {
    let rules = default_rules();
    let kinds = rules.kinds();
    assert_eq!(kinds["review.entry"], ["review.bad"]);
    assert!(kinds["court.case"].contains(&"court.lost") && kinds["court.case"].contains(&"court.title"), "{kinds:?}");
}

#[test]
fn the_default_rules_are_calm_about_calm_facts() {
    let rules = default_rules();
    let facts = [
        fact(
            "cadastre.object",
            &[
                ("encumbrance", text("нет")),
                ("transfers_3y", Value::Integer(0)),
                ("right_since", date("2015-01-01")),
                ("purpose", text("Квартира")),
            ],
        ),
        fact(
            "company.record",
            &[("status", text("Действующее")), ("registered", date("2001-01-01")), ("tax_debt", decimal("0"))],
        ),
        fact("listing.offer", &[("price", decimal("1")), ("area", decimal("0"))]),
    ];
    let state = from_scratch(&rules, &facts, "2026-11-24");
    let assessment = rules.assess(&state, &answered(&["courts", "listings", "reviews"]));
    expect![[r#"
        0 Exact low
    "#]]
    .assert_eq(&told(&assessment, &facts));
}

/// Rules of every sort, for the law below.
fn mixed_rules() -> Rules {
    rules(
        &(rule("each", "when = 'fact.kind == \"a\" && fact.n > 2'\npoints = 'fact.n'\ncap = 9")
            + &rule("any", "when = 'fact.n == 3'\npoints = 1")
            + &rule("fails", "when = 'fact.kind == \"b\" && fact.n > \"text\"'\npoints = 1")
            + &rule("many", "when = 'size(facts.filter(f, f.kind == \"a\" && f.n > 1)) > 2'\npoints = 7")
            + &rule(
                "sum",
                "when = 'facts.exists(f, f.kind == \"b\")'\npoints = 'sum(facts.filter(f, f.kind == \"b\" && has(f.n)).map(f, f.n))'",
            )
            + &rule(
                "pairs",
                "when = 'facts.exists(f, f.kind == \"a\" && facts.exists(g, g.kind == \"b\" && g.n == f.n))'\npoints = 3",
            )
            + &rule("whole_fails", "when = 'facts.exists(f, f.kind == \"c\" && f.n / 0 == 1)'\npoints = 1")
            + &rule("every", "when = 'facts.all(f, f.kind == \"a\" || f.n > 1)'\npoints = 4")
            + &rule("loose", "when = 'facts.exists(f, f.n == 4)'\npoints = 5")
            + &rule("count", "when = 'size(facts) % 2 == 0'\npoints = 2")),
    )
}

fn some_fact() -> impl Strategy<Value = Fact> {
    (prop::sample::select(vec!["a", "b", "c"]), prop::option::of(0i64..5), any::<bool>()).prop_map(
        |(kind, n, by_name)| {
            let attrs: Vec<_> = n.map(|n| ("n", Value::Integer(n))).into_iter().collect();
            Fact { matched: if by_name { Match::Name } else { Match::Id }, ..fact(kind, &attrs) }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn step_by_step_is_from_scratch(steps in prop::collection::vec((prop::collection::vec((any::<bool>(), some_fact()), 0..4), any::<bool>()), 0..12)) {
        let rules = mixed_rules();
        let mut current: BTreeMap<FactId, Fact> = BTreeMap::new();
        let mut state = from_scratch(&rules, &[], "2026-11-24");
        for (changes, kinds_known) in steps {
            let (mut added, mut gone) = (BTreeMap::new(), Vec::new());
            for (add, fact) in changes {
                let id = canonical::fact_id(&fact);
                if add {
                    current.insert(id, fact.clone());
                    added.insert(id, fact);
                } else if !added.contains_key(&id) {
                    current.remove(&id);
                    gone.push((id, fact.kind));
                }
            }
            let added: Vec<Fact> = added.into_values().collect();
            let gone: Vec<Gone<'_>> = gone
                .iter()
                .filter(|(id, _)| !current.contains_key(id))
                .map(|(id, kind)| Gone { fact_id: *id, kind: kinds_known.then_some(kind.as_str()) })
                .collect();
            let facts: Vec<Fact> = current.values().cloned().collect();
            rules.update(&mut state, "2026-11-24", &gone, &inputs(&added), &|| {
                let mut all = inputs(&facts);
                all.reverse();
                all
            });
            prop_assert_eq!(&state, &from_scratch(&rules, &facts, "2026-11-24"));
        }
    }

    #[test]
    fn any_text_is_compiled_or_refused(when in "(fact|facts|f|as_of|[a-z.(),\"'!&|=<>0-9\\[\\]{} ]){1,40}", points in "\\PC{0,20}") {
        let rule = crate::core::policy::RuleSpec {
            id: "x".to_owned(),
            when,
            points: crate::core::policy::Points::Expression(points),
            cap: None,
            severity: mirano_schemas::Severity::Low,
            stop: false,
            needs: Vec::new(),
            allow_name_match: false,
            title: crate::core::policy::Words { ru: String::new(), en: String::new() },
        };
        let mut spec = spec(LEVELS);
        spec.rules.push(rule);
        if let Ok(rules) = compile(&spec, &BTreeSet::new()) {
            let facts = [case("1", "x")];
            from_scratch(&rules, &facts, "2026-11-24");
        }
    }
}

#[test]
fn no_file_and_a_state_of_other_rules_promise_nothing() {
    let empty = compile(&RiskSpec::default(), &BTreeSet::new()).expect("an empty file is right");
    let facts = [case("1", "x")];
    assert_eq!(told(&assess(&empty, &facts), &facts), "0 Exact incomplete\n");

    let (old, new) = (
        rules(&rule("x", "when = 'fact.kind == \"court.case\"'\npoints = 60")),
        rules(&rule("x", "when = 'fact.kind == \"court.case\"'\npoints = 1")),
    );
    let mut state = from_scratch(&old, &facts, "2026-11-24");
    assert_eq!(told(&new.assess(&state, &answered(&["court"])), &facts), "0 AtLeast incomplete\n");
    new.update(&mut state, "2026-11-24", &[], &[], &|| inputs(&facts));
    assert_eq!(told(&new.assess(&state, &answered(&["court"])), &facts), "1 Exact low\n  x 1: 1\n");
}

#[test]
fn rules_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Rules>();
}

#[test]
fn a_filter_lets_through_what_it_says() {
    let volatile = BTreeSet::from([("cadastre.developer".to_owned(), "seen".to_owned())]);
    let filter = FactFilter::compile("fact.kind == 'court.case' && fact.role == 'Ответчик'", &volatile).expect("right");
    assert_eq!(filter.lets_through(&case("1", "Ответчик")), Ok(true));
    assert_eq!(filter.lets_through(&case("1", "Истец")), Ok(false));
    assert_eq!(filter.lets_through(&fact("court.case", &[])), Ok(false), "a missing attribute is no match");
    let wrong = FactFilter::compile("fact.role > 3", &volatile).expect("a type is known at the fact only");
    assert!(wrong.lets_through(&case("1", "Иванов")).is_err_and(|error| !error.contains("Иванов")));
    for refused in ["fact.role ==", "size(facts) > 1", "true", "as_of == fact.x", "fact.seen == 1", "now() == fact.x"] {
        assert!(FactFilter::compile(refused, &volatile).is_err_and(|why| !why.is_empty()), "{refused}");
    }
}
