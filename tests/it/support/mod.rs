//! What integration tests share.

pub(crate) mod backout;
pub(crate) mod killing;
pub(crate) mod postgres;
pub(crate) mod traces;
