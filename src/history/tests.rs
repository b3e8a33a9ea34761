//! References and risk.

use super::Reference;
use mirano_schemas::Subject;

#[test]
fn the_last_at_splits() {
    let subject = |subject: &str, at: &str| Reference::Subject(Subject(subject.to_owned()), at.to_owned());
    assert_eq!(Reference::parse("world@0:1,1:2").expect("a reference"), Reference::World("0:1,1:2".to_owned()));
    assert_eq!(Reference::parse("world").expect("a reference"), Reference::World("now".to_owned()));
    assert_eq!(
        Reference::parse("person:a@b@2026-01-01T00:00:00Z").expect("a reference"),
        subject("person:a@b", "2026-01-01T00:00:00Z")
    );
    assert_eq!(Reference::parse("company:7707083893").expect("a reference"), subject("company:7707083893", "now"));
    for wrong in ["job:nonsense@now", "nonsense", "", "@"] {
        assert!(Reference::parse(wrong).is_err(), "{wrong}");
    }
}
