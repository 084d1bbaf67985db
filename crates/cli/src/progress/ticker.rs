//! Something done again and again on a thread of its own, until it is dropped.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Ends its thread when dropped.
#[derive(Debug)]
pub(super) struct Ticker {
    thread: Option<JoinHandle<()>>,
    stop: Option<mpsc::Sender<()>>,
}

impl Ticker {
    pub(super) fn start(interval: Duration, mut tick: impl FnMut() + Send + 'static) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(interval) == Err(mpsc::RecvTimeoutError::Timeout) {
                tick();
            }
        });
        Self { thread: Some(thread), stop: Some(stop) }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // If it panicked, it has said so.
            let _ = thread.join();
        }
    }
}
