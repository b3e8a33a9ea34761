//! Threads that do what an audit can do in any order: decoding, hashing, roots, rows.

use crossbeam_channel::{Receiver, Sender, select_biased, unbounded};
use std::any::Any;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

type Job<'a> = Box<dyn FnOnce() + Send + 'a>;
type Panic = Box<dyn Any + Send>;

/// Where work is given to the threads. Clones give to the same ones.
#[derive(Clone)]
pub struct Pool<'a> {
    first: Sender<Job<'a>>,
    then: Sender<Job<'a>>,
    threads: usize,
}

/// Runs `work` beside so many threads, and waits until all that it gave them is done. A job that panics panics here.
pub fn beside<'a, R>(threads: usize, work: impl FnOnce(&Pool<'a>) -> R) -> R {
    let (first, do_first) = unbounded::<Job<'a>>();
    let (then, do_then) = unbounded::<Job<'a>>();
    let (failed, panics) = unbounded::<Panic>();
    let out = std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let (first, then, failed) = (do_first.clone(), do_then.clone(), failed.clone());
            scope.spawn(move || labour(&first, &then, &failed));
        }
        work(&Pool { first, then, threads: threads.max(1) })
    });
    match panics.try_recv() {
        Ok(panic) => resume_unwind(panic),
        Err(_) => out,
    }
}

fn labour(first: &Receiver<Job<'_>>, then: &Receiver<Job<'_>>, failed: &Sender<Panic>) {
    let one = |job: Job<'_>| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(job)) {
            // The receiver outlives this thread.
            let _ = failed.send(panic);
        }
    };
    loop {
        // Both senders are dropped at once; what is left may lie in either.
        select_biased! {
            recv(first) -> job => match job {
                Ok(job) => one(job),
                Err(_) => return then.iter().for_each(one),
            },
            recv(then) -> job => match job {
                Ok(job) => one(job),
                Err(_) => return first.iter().for_each(one),
            },
        }
    }
}

impl<'a> Pool<'a> {
    /// Gives them something to do before they look further ahead: it sets memory free.
    pub fn first(&self, job: impl FnOnce() + Send + 'a) {
        // They are there as long as the pool is.
        let _ = self.first.send(Box::new(job));
    }

    /// Has each of `items` worked on, and takes the results in the order of the items. `read` hands the items over on a thread
    /// of its own, which waits when it is too far ahead; it is told `false` when `take` broke off.
    pub fn in_order<I: Send + 'a, T: Send + 'a, R: Send>(
        &self,
        read: impl FnOnce(&mut dyn FnMut(I) -> bool) -> R + Send,
        work: impl Fn(I) -> T + Clone + Send + 'a,
        mut take: impl FnMut(T) -> ControlFlow<()>,
    ) -> R {
        std::thread::scope(|scope| {
            // A ticket is handed back when its item was taken: so many are under way at most.
            let (give_back, tickets) = unbounded::<()>();
            for _ in 0..2 * self.threads + 2 {
                let _ = give_back.send(());
            }
            let (done, results) = unbounded::<(u64, Result<T, Panic>)>();
            let reader = scope.spawn(move || {
                let mut number = 0;
                read(&mut |item| {
                    if tickets.recv().is_err() {
                        return false;
                    }
                    let (work, done, place) = (work.clone(), done.clone(), number);
                    let job = move || {
                        let result = catch_unwind(AssertUnwindSafe(|| work(item)));
                        // Nobody listens any more only after breaking off.
                        let _ = done.send((place, result));
                    };
                    number += 1;
                    self.then.send(Box::new(job)).is_ok()
                })
            });
            let (mut early, mut next) = (BTreeMap::new(), 0);
            'all: for (place, result) in &results {
                early.insert(place, result);
                while let Some(result) = early.remove(&next) {
                    next += 1;
                    let result = result.unwrap_or_else(|panic| resume_unwind(panic));
                    if take(result).is_break() {
                        break 'all;
                    }
                    let _ = give_back.send(());
                }
            }
            drop(give_back);
            reader.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn results_come_in_order_and_all_that_was_given_is_done() {
        let side = AtomicU64::new(0);
        for threads in [1, 3] {
            let mut taken = Vec::new();
            let read = beside(threads, |pool| {
                pool.in_order(
                    |hand| (0..1000u64).take_while(|n| hand(*n)).count(),
                    |n| n * 2,
                    |n| {
                        taken.push(n);
                        pool.first(|| {
                            side.fetch_add(1, Ordering::Relaxed);
                        });
                        ControlFlow::Continue(())
                    },
                )
            });
            assert_eq!((read, taken), (1000, (0..1000).map(|n| n * 2).collect::<Vec<u64>>()));
        }
        assert_eq!(side.into_inner(), 2000);
    }

    #[test]
    fn the_reader_is_told_when_nobody_wants_more() {
        let mut left = 10;
        let read = beside(2, |pool| {
            pool.in_order(
                |hand| (0..1_000_000u64).take_while(|n| hand(*n)).count(),
                |n| n,
                |_| {
                    left -= 1;
                    if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                },
            )
        });
        assert_eq!(left, 0);
        assert!(read < 20, "it was {read} ahead");
    }

    #[test]
    #[should_panic(expected = "a fault of its own")]
    fn a_panic_is_not_swallowed() {
        beside(2, |pool| {
            pool.in_order(
                |hand| (0..100u64).take_while(|n| hand(*n)).count(),
                |n| assert!(n != 7, "a fault of its own"),
                |()| ControlFlow::Continue(()),
            )
        });
    }
}
