//! Real clients, unmodified, through the gateway: what they ask, and that a hold at any of it is exact.

mod flag;
mod mariadb;
mod postgres;
mod redis;

use backout::gateway::control::{Order, Side, What};

use crate::support::wire::{Talk, Wire, finish};

/// What a client is tried with.
struct Trial<'a> {
    /// The client.
    command: &'a [&'a str],
    /// Puts the server back, from inside its own container.
    reset: &'a str,
    /// Shows the server's state from inside its own container, once nobody is at work on it.
    state: &'a str,
    /// The same while a conversation is held, or as much of its beginning as can be seen then.
    state_when_held: &'a str,
}

impl Trial<'_> {
    /// What the client asks and is answered when nothing disturbs it.
    async fn talk(&self, wire: &Wire) -> Talk {
        wire.inside(self.reset).await;
        wire.talk(self.command).await
    }

    /// Holds the client on both sides of asks and kills it there; `states` has what the server holds when
    /// none, one, two … of its asks are done.
    async fn sweep(&self, wire: &Wire, numbers: impl IntoIterator<Item = usize>, states: &[&str]) {
        for number in numbers {
            self.stop(wire, number, Side::Before, states[number - 1]).await;
            self.stop(wire, number, Side::After, states[number]).await;
        }
        wire.inside(self.reset).await;
        let (printed, code) = finish(wire.start(self.command).await).await;
        assert_eq!(code, 0, "{printed}");
        assert_eq!(wire.inside(self.state).await, *states.last().unwrap(), "undisturbed");
    }

    async fn stop(&self, wire: &Wire, number: usize, side: Side, state: &str) {
        let at = format!("{side:?} ask {number} of {:?}", self.command);
        wire.inside(self.reset).await;
        wire.hold(What::Ask(number as u64), side).await;
        let mut process = wire.start(self.command).await;
        let held = wire.held().await.unwrap_or_else(|why| panic!("{at}: {why}"));
        assert_eq!(held.ask, number as u64, "{at}");
        let seen = wire.inside(self.state_when_held).await;
        assert!(state.starts_with(&seen), "held {at}: {}: {seen} instead of {state}", held.text);
        assert!(process.is_running().await.unwrap(), "{at}");
        process.kill().await.unwrap();
        wire.order(Order::Sever).await;
        assert_eq!(wire.inside(self.state).await, state, "killed {at}: {}", held.text);
    }
}
