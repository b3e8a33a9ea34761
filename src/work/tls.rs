//! TLS: one crypto provider for every client of the process.

/// Makes ring the provider of rustls. Called by whatever opens a connection; only the first call does anything.
pub fn install() {
    // An error says that another provider is there already: then that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
