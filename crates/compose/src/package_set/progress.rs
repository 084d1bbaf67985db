//! How far downloads are: counters that transfers add to, and that whoever shows them reads.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The rate is that of the last moments, not of the whole run.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// Counters of all downloads of a compose.
#[derive(Debug, Default)]
pub struct Progress {
    bytes: AtomicU64,
    total_bytes: AtomicU64,
    files: AtomicU64,
    total_files: AtomicU64,
    cached_files: AtomicU64,
    received: AtomicU64,
    samples: Mutex<VecDeque<(Instant, u64)>>,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProgressSnapshot {
    pub bytes: u64,
    pub total_bytes: u64,
    pub files: u64,
    pub total_files: u64,
    /// Files that the cache already had; the other counters leave them out.
    pub cached_files: u64,
    /// Bytes in a second, over the last seconds.
    pub rate: f64,
}

impl ProgressSnapshot {
    /// How long it takes at the present rate; `None` while nothing comes.
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.total_bytes.saturating_sub(self.bytes) as f64;
        Duration::try_from_secs_f64(left / self.rate).ok()
    }
}

impl Progress {
    pub fn snapshot(&self) -> ProgressSnapshot {
        ProgressSnapshot {
            bytes: self.bytes.load(Relaxed),
            total_bytes: self.total_bytes.load(Relaxed),
            files: self.files.load(Relaxed),
            total_files: self.total_files.load(Relaxed),
            cached_files: self.cached_files.load(Relaxed),
            rate: self.rate(Instant::now()),
        }
    }

    fn rate(&self, now: Instant) -> f64 {
        let received = self.received.load(Relaxed);
        let mut samples = self.samples.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while samples.len() > 1 && now.duration_since(samples[0].0) > RATE_WINDOW {
            samples.pop_front();
        }
        samples.push_back((now, received));
        let (then, before) = samples[0];
        let seconds = now.duration_since(then).as_secs_f64();
        if seconds > 0.0 { received.saturating_sub(before) as f64 / seconds } else { 0.0 }
    }

    pub(super) fn expect_file(&self, size: u64) {
        self.total_files.fetch_add(1, Relaxed);
        self.total_bytes.fetch_add(size, Relaxed);
    }

    pub(super) fn found_in_cache(&self) {
        self.cached_files.fetch_add(1, Relaxed);
    }

    /// Bytes that an earlier try, or an earlier compose, left.
    pub(super) fn already_there(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// Bytes that were counted and are thrown away.
    pub(super) fn take_back(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    /// Another file may come in its place, which is expected anew.
    pub(super) fn file_given_up(&self, counted: u64, size: u64) {
        self.take_back(counted);
        self.total_files.fetch_sub(1, Relaxed);
        self.total_bytes.fetch_sub(size, Relaxed);
    }

    pub(super) fn file_done(&self) {
        self.files.fetch_add(1, Relaxed);
    }
}
