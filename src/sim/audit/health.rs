//! Breakers and paces (I7): a source or a proxy that is left alone is left alone, opens only for a reason and closes only
//! when something came through; and one that said it was asked too fast is asked as slowly as the log says.

use super::Found;
use crate::sim::policy;
use mirano_schemas::*;
use std::collections::BTreeMap;

#[derive(Default)]
struct Breaker {
    /// Whether the attempts since it was last closed came to nothing.
    failed: Vec<bool>,
    /// Since when, until when, how often.
    open: Option<(Timestamp, Timestamp, u32)>,
}

/// Within so long all shards of a source know what one of them heard, also where a node was down meanwhile.
const TOLD_WITHIN_MS: i64 = 20_000;

#[derive(Default)]
pub struct Health {
    /// By source and proxy; none: the source itself.
    breakers: BTreeMap<(String, Option<String>), Breaker>,
    running: BTreeMap<LeaseToken, (String, Option<String>)>,
    /// Of a source that is asked more slowly: since when, until when, and how slow at first.
    paces: BTreeMap<String, (Timestamp, Timestamp, u32)>,
    last_permit: BTreeMap<String, Timestamp>,
    pub opened: usize,
    pub closed: usize,
    pub slowed: usize,
    pub given_up: usize,
    /// Tasks given up because no proxy let anything through.
    pub through_none: usize,
    /// Until when each queue leaves its source alone.
    rests: BTreeMap<String, Timestamp>,
    /// Which source wanted to be left alone, when it said so, and until when.
    heard: Vec<(String, Timestamp, Timestamp)>,
    /// How often a queue obeyed what another one heard.
    pub told: usize,
    /// Queries asked ahead, by partition, source and hour.
    ahead: BTreeMap<(u32, String, i64), u32>,
    pub prefetched: usize,
}

impl Health {
    pub fn event(&mut self, partition: u32, now: Timestamp, event: &Event) -> Result<(), Found> {
        match event {
            Event::TaskStarted(event) => {
                self.may_start(now, &event.source, None)?;
                if event.proxy.is_some() {
                    self.may_start(now, &event.source, event.proxy.clone())?;
                }
                self.running.insert(event.lease, (event.source.clone(), event.proxy.clone()));
                self.permit(now, &event.source, &event.grant)
            }
            Event::PermitsGranted(event) => {
                event.grants.iter().try_for_each(|grant| self.permit(now, &event.source, grant))
            }
            Event::TaskAttemptFailed(event) => {
                if let Some(until) = event.rest_until {
                    self.rests(&event.source, until);
                    self.heard.push((policy::source_of(&event.source).to_owned(), now, until));
                }
                let failed = matches!(event.outcome, Outcome::Unavailable | Outcome::Blocked);
                let ours = ["lease_expired", "put_off"].iter().any(|code| event.cause.starts_with(code));
                match event.cause.starts_with("proxy:") {
                    true => self.lost_to_proxy(event.lease)?,
                    false => self.ended(event.lease, (!ours).then_some(failed)),
                }
                Ok(())
            }
            Event::TaskCompleted(event) => {
                self.ended(event.lease, Some(false));
                Ok(())
            }
            Event::TaskFailed(event) if event.cause.starts_with("breaker_open") => {
                self.given_up += 1;
                match self.of(&event.source, None).open {
                    Some((since, ..)) if now.0 - since.0 >= policy::GIVE_UP_MS => Ok(()),
                    open => Err(format!("I4: given up for a source whose breaker is {open:?} at {now:?}")),
                }
            }
            Event::TaskFailed(event) if event.cause.starts_with("proxies_down") => {
                self.through_none += 1;
                for proxy in policy::PROXIES {
                    match self.of(&event.source, Some(proxy.to_owned())).open {
                        Some((since, ..)) if now.0 - since.0 >= policy::GIVE_UP_MS => {}
                        open => return Err(format!("I4: given up for a pool of which {proxy} is {open:?} at {now:?}")),
                    }
                }
                Ok(())
            }
            Event::BreakerOpened(event) => self.opens(now, event),
            Event::BreakerClosed(event) => {
                self.closed += 1;
                let breaker = self.of(&event.source, event.proxy.clone());
                match breaker.open.take() {
                    Some((since, until, _)) if since == event.since && now >= until => {
                        breaker.failed.clear();
                        Ok(())
                    }
                    open => Err(format!("I7: closed what was {open:?}: {event:?}")),
                }
            }
            Event::PrefetchDecided(event) if event.verdict == PrefetchVerdict::Asked => {
                self.prefetched += 1;
                let hour = now.0.div_euclid(3_600_000);
                let asked = self.ahead.entry((partition, event.source.clone(), hour)).or_default();
                *asked += 1;
                // One partition alone may have all of the part; more partitions have less each.
                let limits = policy::limits(&event.source);
                let budget = i64::from(limits.requests) * 3_600_000 / limits.period_ms;
                if i64::from(*asked) > (budget * i64::from(policy::PREFETCH_PERCENT) + 99) / 100 {
                    return Err(format!("I7: {asked} queries of {} asked ahead in an hour", event.source));
                }
                Ok(())
            }
            Event::SourceSlowed(event) => {
                self.slowed += 1;
                self.paces.insert(event.source.clone(), (now, event.full_at, event.permille));
                let right =
                    event.permille < 1_000 && event.full_at > now && matches!(event.http_status, Some(429 | 503));
                if right { Ok(()) } else { Err(format!("I7: slowed down for nothing: {event:?}")) }
            }
            Event::SourceRested(event) => {
                self.told += 1;
                self.rests(&event.source, event.until);
                let source = policy::source_of(&event.source);
                match self.heard.iter().any(|(of, _, until)| of == source && *until == event.until) {
                    true => Ok(()),
                    false => Err(format!("I7: rests for nothing: {event:?}")),
                }
            }
            _ => Ok(()),
        }
    }

    fn rests(&mut self, queue: &str, until: Timestamp) {
        let before = self.rests.entry(queue.to_owned()).or_default();
        *before = (*before).max(until);
    }

    /// A request that a source forbade: to this queue, or a while ago to another of the same source.
    fn forbidden(&self, now: Timestamp, queue: &str, at: Timestamp) -> Result<(), Found> {
        if self.rests.get(queue).is_some_and(|until| at < *until) {
            return Err(format!("I7: {queue} is to be left alone, and is asked at {at:?}"));
        }
        let heard = |(of, heard, until): &&(String, Timestamp, Timestamp)| {
            of == policy::source_of(queue) && now.0 > heard.0 + TOLD_WITHIN_MS && at < *until
        };
        match self.heard.iter().find(heard) {
            None => Ok(()),
            Some(heard) => Err(format!("I7: {queue} is asked at {at:?}, although another shard heard {heard:?}")),
        }
    }

    fn of(&mut self, source: &str, proxy: Option<String>) -> &mut Breaker {
        self.breakers.entry((source.to_owned(), proxy)).or_default()
    }

    fn may_start(&mut self, now: Timestamp, source: &str, proxy: Option<String>) -> Result<(), Found> {
        let Some((_, until, _)) = self.of(source, proxy.clone()).open else { return Ok(()) };
        let same = |of: &&(String, Option<String>)| of.0 == source && (proxy.is_none() || of.1 == proxy);
        let others = self.running.values().filter(same).count();
        if now < until || others > 0 {
            return Err(format!(
                "I7: {source} {proxy:?} is left alone until {until:?}, and was asked at {now:?} beside {others} others"
            ));
        }
        Ok(())
    }

    fn ended(&mut self, lease: LeaseToken, failed: Option<bool>) {
        let Some((source, proxy)) = self.running.remove(&lease) else { return };
        let Some(failed) = failed else { return };
        let own = self.of(&source, None);
        own.failed.push(failed);
        let blameless = failed && own.open.is_some();
        if proxy.is_some() && !blameless {
            self.of(&source, proxy).failed.push(failed);
        }
    }

    /// The source was not asked: only the proxy has failed.
    fn lost_to_proxy(&mut self, lease: LeaseToken) -> Result<(), Found> {
        let Some((source, proxy)) = self.running.remove(&lease) else { return Ok(()) };
        let proxy = proxy.ok_or_else(|| format!("I7: {source} was asked directly, and a proxy is to blame"))?;
        self.of(&source, Some(proxy)).failed.push(true);
        Ok(())
    }

    fn opens(&mut self, now: Timestamp, event: &BreakerOpened) -> Result<(), Found> {
        self.opened += 1;
        let (run, percent, of) = match &event.proxy {
            None => policy::breaker(policy::source_of(&event.source)),
            Some(_) => (policy::PROXY_FAILURES, 1_000, 64),
        };
        let breaker = self.of(&event.source, event.proxy.clone());
        let wrong = |why: &str| Err(format!("I7: {why}: {event:?}"));
        if event.until <= now {
            return wrong("rests for no time");
        }
        let last: Vec<bool> = breaker.failed.iter().rev().copied().collect();
        let since = match breaker.open {
            Some((_, until, _)) if now < until => return wrong("opened again before it was tried"),
            Some((_, _, times)) if event.times != times + 1 || last.first() != Some(&true) => {
                return wrong("opened again without a further failure");
            }
            Some((since, ..)) => since,
            None => {
                let in_a_row = last.iter().take_while(|failed| **failed).count();
                let among: Vec<&bool> = last.iter().take(of).collect();
                let failed = among.iter().filter(|failed| ***failed).count();
                let share = among.len() == of && failed * 100 >= percent * of;
                if run == 0 || event.times != 1 || !(in_a_row >= run || share) {
                    return wrong("opened for nothing");
                }
                now
            }
        };
        breaker.open = Some((since, event.until, event.times));
        Ok(())
    }

    fn permit(&mut self, now: Timestamp, source: &str, grant: &Grant) -> Result<(), Found> {
        if grant.charges.first().is_some_and(|charge| charge.reused) {
            return Ok(());
        }
        let at = grant.permit.not_before;
        self.forbidden(now, source, at)?;
        let limits = policy::limits(policy::source_of(source));
        let before = self.last_permit.get(source).copied();
        if let (Some((since, full, slowest)), Some(before)) = (self.paces.get(source), before)
            && now < *full
        {
            let grown = i64::from(1_000 - slowest) * (now.0 - since.0) / (full.0 - since.0);
            let apart = limits.period_ms / i64::from(limits.requests) * 1_000 / (i64::from(*slowest) + grown);
            // The rate's own interval is rounded, and so is the pace.
            if at.0 - before.0 < apart - 20 {
                return Err(format!("I7: {source} is slowed to one request in {apart} ms; {before:?}, then {at:?}"));
            }
        }
        self.last_permit.insert(source.to_owned(), before.map_or(at, |before| before.max(at)));
        Ok(())
    }
}
