//! The gateway: a proxy between an operation and what it calls, that can hold the conversation at an
//! exact place. It runs as a container of its own, made from this very program.

mod board;
pub mod call;
mod calls;
pub mod control;
mod conversation;
pub mod http;
pub mod mysql;
mod plain;
pub mod postgres;
pub mod reader;
pub mod redis;
mod route;
mod serve;
pub mod smtp;
mod weather;
mod wire;

pub use serve::serve;

#[cfg(test)]
mod testing;
