//! Mirano.
