//! What a staging store holds: captured, fingerprinted, compared.

pub mod postgres;
