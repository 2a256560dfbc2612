//! Pre-checks: what is asked before a change without a way back begins, and whether it ever says no.

use super::walk::{Halt, Walk};
use crate::journal::event::{Ending, Operation};
use crate::plan::model::Step;

impl Walk<'_> {
    /// Asks every pre-check whether the change may begin; where there is none, it may.
    pub(super) async fn may_begin(&self) -> Result<bool, Halt> {
        let forward_only = self.ground.plan.forward_only.as_ref();
        let steps: Vec<Step> = forward_only.iter().flat_map(|it| it.precheck_steps().cloned()).collect();
        if steps.is_empty() {
            return Ok(true);
        }
        let asked = self.operation(Operation::Precheck, &steps).await?;
        Ok(asked.ending == Ending::Ok)
    }

    /// Breaks the condition of one pre-check, and asks that one and no other. Whatever it says, nothing else is
    /// done: the change is not begun.
    pub(super) async fn tried(&self, position: u32) -> Result<(), Halt> {
        let prechecks = self.ground.plan.forward_only.as_ref().map_or(&[][..], |it| &it.prechecks);
        let precheck = usize::try_from(position).ok().and_then(|position| prechecks.get(position));
        let Some(precheck) = precheck else { return Ok(()) };
        let broken = self.operation(Operation::Breaking, &precheck.broken_by).await?;
        if broken.ending == Ending::Ok {
            self.operation(Operation::Precheck, &precheck.steps).await?;
        }
        Ok(())
    }
}
