//! The HTTP clients: one for each way out, each with look-ups that are judged.

use super::secrets::Resolver;
use super::{FetchError, FetchErrorKind, FetchOptions, Outgoing, is_public};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// Shorter than what servers usually wait before they close: a request on a connection that is just being closed
/// would fail for nothing.
const IDLE: Duration = Duration::from_secs(4);

/// Whether private addresses are allowed, and the proxy's URL with its credentials.
type Way = (bool, Option<String>);

/// Clients by the way they go.
pub(super) struct Clients {
    user_agent: String,
    hosts: Arc<BTreeMap<String, Vec<IpAddr>>>,
    extra_roots: Vec<String>,
    open: Mutex<BTreeMap<Way, Client>>,
}

impl Clients {
    pub(super) fn new(options: &FetchOptions) -> Self {
        Self {
            user_agent: options.user_agent.clone(),
            hosts: Arc::new(options.hosts.clone()),
            extra_roots: options.extra_roots.clone(),
            open: Mutex::default(),
        }
    }

    /// The client for a request. Connections are never shared between ways.
    pub(super) fn get(&self, request: &Outgoing, url: &Url, secrets: &mut Resolver<'_>) -> Result<Client, FetchError> {
        let proxy = match &request.proxy {
            None => None,
            Some(proxy) => {
                let bad =
                    |cause: &str| FetchError::new(FetchErrorKind::Proxy, format!("proxy {}: {cause}", proxy.name));
                let parsed = Url::parse(&secrets.url(&proxy.url)?).map_err(|_| bad("its address is not a URL"))?;
                if !matches!(parsed.scheme(), "http" | "https" | "socks5" | "socks5h") {
                    return Err(bad("only http, https, socks5 and socks5h are known"));
                }
                // Its own name is looked up without judgement; a source must not profit from that.
                if !request.allow_private && parsed.host_str() == url.host_str() {
                    let cause = "a source can't be the proxy itself".to_owned();
                    return Err(FetchError::new(FetchErrorKind::PrivateAddress, cause));
                }
                Some(parsed)
            }
        };
        let way = (request.allow_private, proxy.as_ref().map(|url| url.as_str().to_owned()));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = open.get(&way) {
            return Ok(client.clone());
        }
        let client = self.build(request.allow_private, proxy)?;
        open.insert(way, client.clone());
        Ok(client)
    }

    fn build(&self, allow_private: bool, proxy: Option<Url>) -> Result<Client, FetchError> {
        let failed = |kind, cause: &str| FetchError::new(kind, cause.to_owned());
        let mut roots = Vec::new();
        for pem in &self.extra_roots {
            let bundle = Certificate::from_pem_bundle(pem.as_bytes());
            roots.extend(bundle.map_err(|_| failed(FetchErrorKind::Tls, "a certificate to trust is not PEM"))?);
        }
        let exempt = proxy.as_ref().and_then(|url| url.host_str().map(str::to_owned));
        let proxy = proxy.map(reqwest::Proxy::all).transpose();
        let proxy = proxy.map_err(|_| failed(FetchErrorKind::Proxy, "the proxy's address can't be used"))?;
        let builder = || {
            let lookup = JudgedLookup { allow_private, exempt: exempt.clone(), hosts: self.hosts.clone() };
            let builder = Client::builder()
                .user_agent(&self.user_agent)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .pool_idle_timeout(IDLE)
                .dns_resolver(Arc::new(lookup));
            match &proxy {
                // Also not one that the environment names.
                None => builder.no_proxy(),
                Some(proxy) => builder.proxy(proxy.clone()),
            }
        };
        let client = match builder().tls_certs_merge(roots.clone()).build() {
            Ok(client) => client,
            // A system without certificates (a bare container) still calls http, and fails https with a clear error.
            Err(_) => (builder().tls_certs_only(roots).build())
                .map_err(|_| failed(FetchErrorKind::Tls, "no client could be made"))?,
        };
        Ok(client)
    }
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clients(…)")
    }
}

/// Why a name gave no address.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookupError {
    /// Not found, or the name server is not there.
    #[error("{0}")]
    Failed(std::io::Error),
    /// None of its addresses is public.
    #[error("leads to an address that is not public")]
    Private,
}

/// Looks names up and gives only addresses that may be called. The connection goes to an address that was given here,
/// so a name that changes its address in between (rebinding) gains nothing.
struct JudgedLookup {
    allow_private: bool,
    /// The proxy's host.
    exempt: Option<String>,
    hosts: Arc<BTreeMap<String, Vec<IpAddr>>>,
}

impl Resolve for JudgedLookup {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let allowed = self.allow_private || self.exempt.as_deref() == Some(&host);
        let known = self.hosts.get(&host).cloned();
        Box::pin(async move {
            let mut addresses = match known {
                Some(known) => known.into_iter().map(|address| SocketAddr::new(address, 0)).collect::<Vec<_>>(),
                None => tokio::net::lookup_host((host.as_str(), 0)).await.map_err(LookupError::Failed)?.collect(),
            };
            if !allowed {
                addresses.retain(|address| is_public(address.ip()));
                if addresses.is_empty() {
                    return Err(LookupError::Private.into());
                }
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
