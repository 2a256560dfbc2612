//! What a staging store holds: captured, fingerprinted, compared.

mod bytes;
pub mod changed;
pub mod compare;
pub mod documents;
pub mod files;
pub mod gather;
pub mod mariadb;
pub mod model;
pub mod postgres;
pub mod rabbitmq;
pub mod redis;
pub mod rows;
mod sorted;
