//! Runs cases on all cores. Each case has a runtime of one thread to itself, so a case is the same wherever it runs, and
//! results are taken in the order of the cases' numbers.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Runs `work` for each item on `threads` threads, and gives the results in the items' order. `progress` is called after
/// each. Once `stop` is set no new item is begun, and what was not begun has no result.
pub fn run<I, O>(
    items: &[I],
    threads: usize,
    stop: &AtomicBool,
    progress: &(dyn Fn() + Sync),
    work: impl Fn(&I) -> O + Sync,
) -> Vec<Option<O>>
where
    I: Sync,
    O: Send,
{
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<O>>> = Mutex::new(items.iter().map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    let result = work(item);
                    if let Some(slot) = results.lock().unwrap_or_else(PoisonError::into_inner).get_mut(at) {
                        *slot = Some(result);
                    }
                    progress();
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// How many threads this machine runs at once.
#[must_use]
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_items_order_whatever_the_threads() {
        let items: Vec<u64> = (0..100).collect();
        for threads in [1, 3, 200] {
            let results = run(&items, threads, &AtomicBool::new(false), &|| {}, |n| n * n);
            assert!(results.iter().zip(&items).all(|(result, n)| *result == Some(n * n)));
        }
    }

    #[test]
    fn what_was_not_begun_has_no_result() {
        let results = run(&[1, 2, 3], 2, &AtomicBool::new(true), &|| {}, |n| *n);
        assert_eq!(results, [None, None, None]);
    }
}
