//! Something is allowed that nothing needs.

use super::{Check, Rule};

pub(super) const RULE: Rule =
    Rule { name: "unused-allow", page: include_str!("unused-allow.md"), check: Check::Comment };
