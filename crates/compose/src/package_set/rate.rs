//! A limit on the bytes per second of all transfers together.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Hands out moments at which bytes may pass, one after the other.
#[derive(Debug)]
pub(super) struct RateLimit {
    bytes_per_second: f64,
    /// When the bytes that were handed out so far have passed.
    free_at: Mutex<Instant>,
}

/// Time that is not used may be made up for later, but no more than this.
const SLACK: Duration = Duration::from_millis(50);

impl RateLimit {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1) as f64, free_at: Mutex::new(Instant::now()) }
    }

    /// Waits until this many bytes have passed at the rate.
    pub(super) async fn pass(&self, bytes: usize) {
        tokio::time::sleep_until(self.reserve(bytes, Instant::now())).await;
    }

    fn reserve(&self, bytes: usize, now: Instant) -> Instant {
        let takes = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        let mut free_at = self.free_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        *free_at = (*free_at).max(earliest) + takes;
        *free_at
    }
}
