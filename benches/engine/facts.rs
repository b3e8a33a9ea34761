//! What both the raw loop and the engine are given: facts as a listing or a court's register states them.

use mirano::core::command::AnsweredFact;
use mirano_schemas::canonical::fact_id;
use mirano_schemas::{Fact, LoggedFact, Match, Sealable, Subject, Validity, Value};

/// The `n` facts of observation number `observation`; no two observations share one.
pub fn of_observation(source: &str, observation: u64, n: usize) -> Vec<AnsweredFact> {
    (0..n).map(|index| answered(source, observation, index)).collect()
}

fn answered(source: &str, observation: u64, index: usize) -> AnsweredFact {
    let number = format!("А40-{observation:08}/{index:02}");
    let text = |name: &str, value: String| (name.to_owned(), Value::Text(value));
    let fact = Fact {
        source: source.to_owned(),
        kind: "court.case".to_owned(),
        subject: Subject(format!("property:{observation:032x}")),
        matched: Match::Id,
        identity: [text("number", number.clone())].into(),
        attrs: [
            text("number", number),
            text("role", "Ответчик".to_owned()),
            text("court", "Арбитражный суд города Москвы".to_owned()),
            ("filed".to_owned(), Value::Date("2026-03-01".to_owned())),
            ("claim".to_owned(), Value::Decimal(format!("{}.5", 100_000 + observation))),
        ]
        .into(),
        valid: Validity::default(),
        connector: 1,
    };
    let fact_id = fact_id(&fact);
    AnsweredFact {
        kind: fact.kind.clone(),
        volatile: None,
        fact: LoggedFact { fact_id, body: Sealable::Plain(fact.into()) },
    }
}
