//! One check per file: a function from what was planned and what happened to findings.

pub(super) mod again;
pub(super) mod alerts;
pub(super) mod always;
pub(super) mod change;
pub(super) mod coverage;
pub(super) mod exceptions;
pub(super) mod facts;
pub(super) mod fault;
pub(super) mod forward_only;
pub(super) mod gateway;
pub(super) mod impact;
pub(super) mod isolation;
pub(super) mod lossy;
pub(super) mod outside;
pub(super) mod point;
pub(super) mod prechecks;
pub(super) mod promises;
pub(super) mod recovery;
pub(super) mod rollback;
pub(super) mod service;
pub(super) mod settle;
pub(super) mod stage;
pub(super) mod states;
pub(super) mod unsound;
pub(super) mod vacuous;
