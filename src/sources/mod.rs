//! Where facts come from: addresses made one, connectors that ask and read.

pub mod address;
pub mod config;
pub mod connector;
