//! What integration tests share.

pub(crate) mod backout;
pub(crate) mod postgres;
