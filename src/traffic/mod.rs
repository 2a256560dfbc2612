//! Clients: requests by the clock, a ledger of what they were promised, and what became of the promises.
//!
//! Load is *open-loop*: requests are due by the clock and not when the last was answered, so that an outage
//! does not hide itself, and latency counts from the moment a request was due (Tene, *How NOT to Measure
//! Latency*). A write ends acknowledged, refused or unknown; what is unknown may be there or not.

mod belief;
mod ledger;
mod load;
mod look;
mod pace;
mod reach;
mod service;
mod tally;
mod template;
#[cfg(test)]
pub(crate) mod testing;

pub use belief::{Belief, Fate, Standing, Wrong};
pub use ledger::{Kind, Ledger};
pub use load::{Clock, Load, Turn};
pub use look::{Few, Found, ReadBack, read_back};
pub use reach::{Keys, Reach, Reaching};
pub use service::{Reply, Service};
pub use tally::{Counts, Histogram, Part, Segment, Spell, segments, spells};
