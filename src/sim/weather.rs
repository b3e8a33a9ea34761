//! What a life meets: drawn from its seed once, at the start.

use super::farm;
use super::policy::{DEBTS, LIST, Variant};
use super::rng::Rng;
use super::source::Moods;

/// One in so many; 0 is never.
pub type OneIn = u64;

#[derive(Debug, Clone)]
pub struct Weather {
    pub partitions: u32,
    pub nodes: usize,
    pub crash: Option<u64>,
    pub most_in_flight: usize,
    pub flush_every: usize,
    /// The longest sync, milliseconds.
    pub slow_sync: i64,
    pub duplicates: OneIn,
    pub intrusions: OneIn,
    pub back_jumps: OneIn,
    pub forward_jumps: OneIn,
    pub workers_die: OneIn,
    pub workers_late: OneIn,
    pub workers_twice: OneIn,
    pub strangers: OneIn,
    pub moods: Moods,
    pub jobs: usize,
    /// All jobs come within half a minute, so that their tasks contend for the permits of a source.
    pub rush: bool,
    /// Until then new jobs come and things go wrong; afterwards everything works.
    pub span: i64,
    pub policies: Vec<(i64, Variant)>,
    /// When it begins.
    pub start: i64,
    /// The sources are those of the farm.
    pub farm: bool,
    /// There is a source with several queues.
    pub sharded: bool,
}

impl Weather {
    pub fn of(rng: &mut Rng) -> Self {
        let mut one_in = |most: u64| if rng.chance(1, 2) { 0 } else { 2 + rng.below(most) };
        let (duplicates, intrusions) = (one_in(20), one_in(40));
        let (back_jumps, forward_jumps) = (one_in(60), one_in(120));
        let (workers_die, workers_late, workers_twice, strangers) = (one_in(20), one_in(12), one_in(8), one_in(20));
        let moods = Moods { fails: one_in(6), cuts: one_in(6), lies: one_in(8), slow: one_in(4), bulky: false };
        let span = rng.range(10, 90) * 60_000;
        let mut policies = vec![(
            0,
            Variant { shorter: 1, without: None, prefetch: rng.chance(1, 2), farm: false, sharded: false, number: 0 },
        )];
        let changes = rng.below(4);
        for number in 0..changes {
            let without = [None, None, Some(DEBTS), Some(LIST)][rng.below(4) as usize];
            let prefetch = rng.chance(1, 2);
            let variant = Variant {
                shorter: 1 + rng.below(4),
                without,
                prefetch,
                farm: false,
                sharded: false,
                number: number + 1,
            };
            policies.push((rng.range(1_000, span), variant));
        }
        policies.sort_by_key(|(at, _)| *at);
        // What asks by itself comes to an end, so that a life can.
        if let Some((_, last)) = policies.last().copied() {
            policies.push((span, Variant { prefetch: false, number: changes + 1, ..last }));
        }
        Self {
            partitions: 1 + rng.below(4) as u32,
            nodes: if rng.chance(1, 4) { 2 } else { 1 },
            crash: if rng.chance(3, 4) { Some(40 + rng.below(800)) } else { None },
            most_in_flight: 1 + rng.below(8) as usize,
            flush_every: 1 + rng.below(30) as usize,
            slow_sync: if rng.chance(1, 4) { 2_500 } else { 30 },
            duplicates,
            intrusions,
            back_jumps,
            forward_jumps,
            workers_die,
            workers_late,
            workers_twice,
            strangers,
            moods: Moods { bulky: rng.chance(1, 20), ..moods },
            jobs: 2 + rng.below(7) as usize,
            rush: rng.chance(1, 3),
            span,
            policies,
            start: 1_790_000_000_000,
            farm: false,
            sharded: false,
        }
    }

    /// An hour of twenty sources that misbehave, under restarts and failovers.
    pub fn of_farm(rng: &mut Rng) -> Self {
        let any = Self::of(rng);
        let policy = Variant { shorter: 1, without: None, prefetch: false, farm: true, sharded: false, number: 0 };
        Self {
            nodes: 2,
            crash: Some(150 + rng.below(200)),
            intrusions: 40,
            workers_die: 12,
            forward_jumps: 0,
            slow_sync: 30,
            moods: Moods { fails: 2, slow: 4, ..Moods::default() },
            jobs: (farm::ALONE + farm::TOGETHER * farm::RUSHES.len() as u64) as usize,
            rush: false,
            span: farm::HOUR,
            policies: vec![(0, policy)],
            start: farm::START,
            farm: true,
            ..any
        }
    }

    /// The same, with a source that has several queues; it fails now and then, so that one queue hears what all have to obey.
    pub fn with_shards(mut self) -> Self {
        self.sharded = true;
        if self.moods.fails == 0 {
            self.moods.fails = 5;
        }
        self.policies.iter_mut().for_each(|(_, variant)| variant.sharded = true);
        self
    }
}
