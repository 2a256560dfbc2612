//! What happens on the engine, as a bell: whoever waits for a fact looks again when it rings.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::client::Engine;

/// How long a look may be old although nothing rang: the bell may be out of order.
const AT_LEAST: Duration = Duration::from_millis(50);

/// Listens to the engine's events of one run until it is dropped.
#[derive(Debug, Clone)]
pub(super) struct News {
    bell: watch::Receiver<u64>,
    _listener: Arc<Listener>,
}

#[derive(Debug)]
struct Listener(AbortHandle);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl News {
    /// Starts to listen.
    pub(super) fn of(engine: Engine, label: String) -> Self {
        let (ring, bell) = watch::channel(0);
        let listener = tokio::spawn(async move {
            loop {
                let mut events = engine.events(&label);
                while let Some(Ok(_)) = events.next().await {
                    ring.send_modify(|count| *count += 1);
                }
                tokio::time::sleep(AT_LEAST).await;
            }
        });
        Self { bell, _listener: Arc::new(Listener(listener.abort_handle())) }
    }

    /// From now on every ring counts, also one before the next wait.
    pub(super) fn fresh(&self) -> Self {
        let mut fresh = self.clone();
        fresh.bell.mark_unchanged();
        fresh
    }

    /// Returns when the bell rings, or rang since the last return; at the latest after a moment.
    pub(super) async fn next(&mut self) {
        // A closed channel must not turn into a busy loop.
        if let Ok(Err(_)) = tokio::time::timeout(AT_LEAST, self.bell.changed()).await {
            tokio::time::sleep(AT_LEAST).await;
        }
    }
}
