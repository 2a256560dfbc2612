//! Ends an operation from outside, and drives one while something else is done.

use std::future::Future;
use std::pin::{Pin, pin};

use tokio::sync::watch;

/// Says that an operation must end now.
#[derive(Clone)]
pub(super) struct Interrupt(watch::Sender<bool>);

impl Interrupt {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Ends it.
    pub(super) fn now(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it must end.
    pub(super) async fn wait(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives in `self`, so the wait ends only by the value.
        let _ = receiver.wait_for(|set| *set).await;
    }
}

/// An operation that is under way.
pub(super) struct Ongoing<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    ended: Option<T>,
}

impl<'a, T> Ongoing<'a, T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self { future: Box::pin(future), ended: None }
    }

    /// Whether it has ended, and so.
    pub(super) fn has_ended_with(&self, so: impl FnOnce(&T) -> bool) -> bool {
        self.ended.as_ref().is_some_and(so)
    }

    /// Does something else while the operation goes on.
    pub(super) async fn alongside<O>(&mut self, other: impl Future<Output = O>) -> O {
        let mut other = pin!(other);
        loop {
            tokio::select! {
                biased;
                value = &mut other => return value,
                outcome = &mut self.future, if self.ended.is_none() => self.ended = Some(outcome),
            }
        }
    }

    /// The same, but gives up when the operation ends first.
    pub(super) async fn until<O>(&mut self, other: impl Future<Output = O>) -> Option<O> {
        if self.ended.is_some() {
            return None;
        }
        tokio::select! {
            biased;
            value = other => Some(value),
            outcome = &mut self.future => {
                self.ended = Some(outcome);
                None
            }
        }
    }

    /// Waits for its end.
    pub(super) async fn end(&mut self) -> T {
        match self.ended.take() {
            Some(outcome) => outcome,
            None => self.future.as_mut().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_operation_goes_on_while_something_else_is_done() {
        let (send, receive) = tokio::sync::oneshot::channel();
        let mut ongoing = Ongoing::new(async move {
            send.send(7).unwrap();
            "done"
        });
        assert_eq!(ongoing.alongside(receive).await, Ok(7));
        assert_eq!(ongoing.end().await, "done");
    }

    #[tokio::test]
    async fn what_waits_for_an_ended_operation_is_told() {
        let mut ongoing = Ongoing::new(async { 1 });
        assert_eq!(ongoing.until(std::future::pending::<()>()).await, None);
        assert!(ongoing.has_ended_with(|value| *value == 1));
        assert_eq!(ongoing.until(async { 2 }).await, None);
    }

    #[tokio::test]
    async fn an_interrupt_is_heard_before_and_after_it_is_waited_for() {
        let interrupt = Interrupt::new();
        let other = interrupt.clone();
        assert!(!interrupt.is_set());
        tokio::join!(other.wait(), async { interrupt.now() });
        interrupt.wait().await;
        assert!(other.is_set());
    }
}
