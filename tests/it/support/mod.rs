//! What integration tests share.

pub(crate) mod backout;
pub(crate) mod edited;
pub(crate) mod exactness;
pub(crate) mod killing;
pub(crate) mod postgres;
pub(crate) mod sweeping;
pub(crate) mod traces;
pub(crate) mod wire;
