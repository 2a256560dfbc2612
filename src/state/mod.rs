//! What a staging store holds: captured, fingerprinted, compared.

pub mod compare;
pub mod model;
pub mod postgres;
pub mod rows;
