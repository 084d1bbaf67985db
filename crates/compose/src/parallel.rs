//! Work on threads of its own: one function over many values, and what would hold up the threads that drive the compose.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Results in the order of `items`, or the first error that any of them gave. After an error no more items are begun.
pub(crate) fn in_parallel<T: Sync, R: Send, E: Send>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let results: Vec<Mutex<Option<Result<R, E>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let worker = || {
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(number) else { return };
            let result = work(item);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            *results[number].lock().expect("no worker panics with a result in hand") = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(worker);
        }
    });
    // Items are begun in order, so the missing results of an ended run stand after its error.
    results.into_iter().filter_map(|result| result.into_inner().expect("no worker panics with a result in hand")).collect()
}

/// Runs work that reads, writes or unpacks much off the threads that drive the compose.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Frees a value of very many parts while others go on; nobody waits for it, not even the end of the program.
pub(crate) fn drop_in_background(value: impl Send + 'static) {
    std::thread::spawn(move || drop(value));
}

/// How many threads there are processors for.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
