//! `shards` of a source's limits: several queues, each in a partition of its own and with its part of the budget.
//!
//! What decides of a source decides of a queue: the queue's spec is the source's, with the queue's name and the queue's part of
//! each limit. The parts make the whole and no more, so that limits hold at the source whatever its queues do. A query belongs
//! to one queue for ever; so a source's number of queues never changes ([`unchanged`]).

use super::{LimitsSpec, Policy, PolicyDocument, Rate, SourceSpec};
use crate::core::bugs::{self, Bug};
use crate::core::command::Rejection;
use crate::core::decision::{DecideError, Decision};
use crate::core::partitioning;
use mirano_replay::facts;
use mirano_schemas::{MOST_SHARDS, QueryKey, SourceDivided, queue_of, shard_of, source_of};
use std::collections::BTreeMap;

/// The part of one among `of`, the `index`-th. What can't be divided goes to the first ones.
pub(super) fn part(whole: u32, index: u32, of: u32) -> u32 {
    let of = of.max(1);
    whole / of + u32::from(index < whole % of)
}

impl SourceSpec {
    /// The names of its queues.
    pub fn queues(&self) -> impl Iterator<Item = String> + use<'_> {
        (0..self.limits.shards.max(1)).map(|shard| queue_of(&self.id, shard))
    }

    /// The part of a number that this queue has; all of it where the source has one queue.
    pub fn part(&self, whole: u32) -> u32 {
        part(whole, shard_of(&self.id), self.limits.shards)
    }

    /// The spec of one of its queues.
    fn of_shard(&self, shard: u32) -> Self {
        let mut spec = self.clone();
        spec.id = queue_of(&self.id, shard);
        if bugs::on(Bug::BudgetNotDivided) {
            return spec;
        }
        let LimitsSpec { rate, burst, concurrency, daily, .. } = self.limits;
        spec.limits.rate = Rate { requests: spec.part(rate.requests), ..rate };
        (spec.limits.burst, spec.limits.concurrency) = (spec.part(burst), spec.part(concurrency));
        spec.limits.daily = daily.map(|daily| spec.part(daily));
        if let (Some(whole), Some(daily)) = (self.limits.for_background(), spec.limits.daily) {
            // Parts of the number, and not of each part: a tenth of three is none. The half is for what rounding may take.
            let own = f64::from(spec.part(whole)) + 0.5;
            spec.limits.background = (own / f64::from(daily.max(1))).min(1.0);
        }
        spec
    }

    /// What is wrong with its shards, by key of its limits.
    pub(super) fn shard_problems(&self, document: &PolicyDocument) -> Vec<(String, String)> {
        let (limits, shards) = (&self.limits, self.limits.shards);
        let mut found = Vec::new();
        if !(1..=MOST_SHARDS).contains(&shards) {
            found.push(("shards".to_owned(), format!("from 1 to {MOST_SHARDS}")));
        }
        if shards <= 1 {
            return found;
        }
        if !self.nests.is_empty() {
            let detail = "a source whose parameters nest has one queue: a larger question may be another shard's";
            found.push(("shards".to_owned(), detail.to_owned()));
        }
        let pool = limits.proxies.as_ref().and_then(|name| document.proxies.get(name));
        let divided = [
            ("rate", Some(limits.rate.requests)),
            ("burst", Some(limits.burst)),
            ("concurrency", Some(limits.concurrency)),
            ("daily", limits.daily),
            ("proxies", pool.and_then(|pool| pool.rate).map(|rate| rate.requests)),
            ("proxies", pool.and_then(|pool| pool.burst)),
            ("proxies", pool.and_then(|pool| pool.concurrency)),
            ("proxies", pool.and_then(|pool| pool.daily)),
        ];
        for (key, whole) in divided {
            if let Some(whole) = whole.filter(|whole| *whole < shards) {
                let what = if key == "proxies" { "its pool's limit for one proxy" } else { key };
                let detail = format!("{what} is {whole}, which {shards} shards can't divide: each needs 1 at least");
                found.push((key.to_owned(), detail));
            }
        }
        found
    }
}

/// The specs of the queues of sources that have several, by name.
pub(super) fn divided(document: &PolicyDocument) -> BTreeMap<String, SourceSpec> {
    let sources = document.sources.values().filter(|spec| spec.limits.shards > 1);
    let queues = sources.flat_map(|spec| (0..spec.limits.shards.min(MOST_SHARDS)).map(|shard| spec.of_shard(shard)));
    queues.map(|spec| (spec.id.clone(), spec)).collect()
}

impl Policy {
    /// What decides of a queue: the source's spec, with the queue's part of each limit.
    pub fn queue(&self, name: &str) -> Option<&SourceSpec> {
        self.shards.get(name).or_else(|| self.document.sources.get(name))
    }

    /// The queues of all sources.
    pub fn queues(&self) -> impl Iterator<Item = &SourceSpec> {
        self.document.sources.values().filter(|spec| spec.limits.shards <= 1).chain(self.shards.values())
    }

    /// The name of the queue that asks a query of a source.
    pub fn queue_of(&self, source: &str, query: QueryKey) -> String {
        let shards = self.document.sources.get(source).map_or(1, |spec| spec.limits.shards);
        queue_of(source, partitioning::shard_of(query, shards))
    }

    /// The version of the connector that reads what a queue's source answers; 0: there is none.
    pub fn connector_of(&self, queue: &str) -> u32 {
        self.connectors.get(source_of(queue)).copied().unwrap_or(0)
    }
}

/// Whether each source of a document has as many queues as it ever had; those that are new with several are noted. `before`: the
/// policy in force, which knows all sources that ever were.
pub(super) fn unchanged(
    decision: &mut Decision<'_>,
    document: &PolicyDocument,
    before: Option<&Policy>,
) -> Result<(), DecideError> {
    let mut new = Vec::new();
    for (id, spec) in &document.sources {
        let wanted = spec.limits.shards;
        if let Some((key, detail)) = spec.shard_problems(document).first() {
            return Err(Rejection::PolicyInvalid(format!("sources.{id}.limits.{key}: {detail}")).into());
        }
        let known = before.is_some_and(|before| before.connectors.contains_key(id));
        let had = facts::shards(&decision.rows, id)?;
        if known && wanted != had {
            let detail = format!(
                "sources.{id}.limits.shards: is {had} since the source was first adopted, and does not change: what is known of a \
                 question is kept by its shard. For {wanted}, give the source another id"
            );
            return Err(Rejection::PolicyInvalid(detail).into());
        }
        if !known && wanted > 1 {
            new.push(SourceDivided { source: id.clone(), shards: wanted });
        }
    }
    for divided in new {
        decision.emit(divided)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn document(limits: Value, nests: Value, pool: Value) -> PolicyDocument {
        let source = json!({
            "id": "registry", "title": {"ru": "р", "en": "r"}, "level": "property", "ttl": "1d", "params": ["name"],
            "nests": nests, "limits": limits, "request": {"url": "http://x/"}, "answer": {"format": "json"},
        });
        let document = json!({"sources": {"registry": source}, "profiles": {}, "risk": {}, "proxies": {"ru": pool}});
        serde_json::from_value(document).expect("a document")
    }

    fn sum(specs: &BTreeMap<String, SourceSpec>, of: impl Fn(&SourceSpec) -> u32) -> (u32, u32) {
        (specs.values().map(&of).sum(), specs.values().map(of).min().unwrap_or(0))
    }

    #[test]
    fn parts_make_the_whole_and_each_is_one_at_least() {
        let limits = json!({"shards": 4, "rate": "10/s", "burst": 6, "concurrency": 4, "daily": 1001, "proxies": "ru"});
        let document = document(limits, json!([]), json!({"proxies": ["a"], "rate": "7/s", "concurrency": 5}));
        let specs = divided(&document);
        assert_eq!(specs.keys().collect::<Vec<_>>(), ["registry", "registry#1", "registry#2", "registry#3"]);
        assert_eq!(sum(&specs, |spec| spec.limits.rate.requests), (10, 2));
        assert_eq!(sum(&specs, |spec| spec.limits.burst), (6, 1));
        assert_eq!(sum(&specs, |spec| spec.limits.concurrency), (4, 1));
        assert_eq!(sum(&specs, |spec| spec.limits.daily.unwrap_or(0)), (1001, 250));
        assert_eq!(sum(&specs, |spec| spec.part(7)), (7, 1), "a limit of its proxies");
        for (daily, background, shards) in
            [(10, 0.3, 4), (1001, 0.5, 3), (16, 0.95, 16), (7, 0.1, 5), (100_000, 0.25, 16)]
        {
            let limits = json!({"shards": shards, "rate": "90/s", "burst": 16, "concurrency": 16, "daily": daily, "background": background});
            let document = self::document(limits, json!([]), json!({"proxies": ["a"]}));
            let whole = document.sources["registry"].limits.for_background();
            let own = |spec: &SourceSpec| spec.limits.for_background().or(spec.limits.daily).unwrap_or(0);
            assert_eq!(Some(sum(&divided(&document), own).0), whole, "{background} of {daily} in {shards}");
        }
        assert!(specs.values().all(|spec| spec.limits.burst <= spec.limits.rate.requests));
        assert!(specs.values().all(|spec| spec.limits.rate.period == document.sources["registry"].limits.rate.period));
        assert!(document.sources["registry"].shard_problems(&document).is_empty());
    }

    #[test]
    fn what_shards_can_t_divide_is_refused() {
        let found = |limits: Value, nests: Value, pool: Value| {
            let document = document(limits, nests, pool);
            let problems = document.sources["registry"].shard_problems(&document);
            problems.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        let (none, pool) = (json!([]), json!({"proxies": ["a"]}));
        let whole = json!({"shards": 3, "rate": "9/s", "burst": 3, "concurrency": 3});
        assert_eq!(found(json!({}), none.clone(), pool.clone()), [""; 0], "one shard is no shards");
        assert_eq!(found(whole.clone(), none.clone(), pool.clone()), [""; 0]);
        assert_eq!(found(json!({"shards": 0}), none.clone(), pool.clone()), ["shards"]);
        assert_eq!(found(json!({"shards": 3}), none.clone(), pool.clone()), ["burst", "concurrency"]);
        let nests = json!([{"param": "name", "attr": "x", "whole": "all"}]);
        assert_eq!(found(whole.clone(), nests, pool), ["shards"]);
        let mut through = whole;
        (through["proxies"], through["daily"]) = (json!("ru"), json!(2));
        let narrow = json!({"proxies": ["a"], "rate": "2/s", "concurrency": 1});
        assert_eq!(found(through, none.clone(), narrow), ["daily", "proxies", "proxies"]);
        let many = json!({"shards": 17, "rate": "99/s", "burst": 20, "concurrency": 20});
        assert_eq!(found(many, none, json!({"proxies": ["a"]})), ["shards"]);
    }
}
