//! A running server as the commands ask it, and what is said when it can't be: each kind of trouble with its own way out.

use super::{Misused, Wrong, language};
use crate::words::{Arg, Lang, one};
use std::error::Error;
use std::io;

/// A running server.
#[derive(clap::Args, Clone)]
pub(super) struct Server {
    /// Where the server is
    #[arg(long, default_value = "http://127.0.0.1:8700", env = "MIRANO_SERVER")]
    pub(super) server: String,
    /// The key to use, where the server asks for one
    #[arg(long, env = "MIRANO_KEY", hide_env_values = true)]
    pub(super) key: Option<String>,
    /// Words in `ru` or `en`
    #[arg(long, default_value_t = language(), value_parser = ["ru", "en"])]
    pub(super) lang: String,
}

impl Server {
    pub(super) fn lang(&self) -> Lang {
        Lang::from_tag(&self.lang).unwrap_or(Lang::En)
    }

    /// Words of the catalogues in the language asked for.
    pub(super) fn say(&self, id: &str, args: &[(&str, Arg)]) -> String {
        one(self.lang(), id, args)
    }

    pub(super) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        crate::work::tls::install();
        let url = format!("{}{path}", self.server.trim_end_matches('/'));
        // A server on this machine is never behind a proxy.
        let client = reqwest::Client::builder().no_proxy().build().unwrap_or_default();
        // Problems are told in the reader's language.
        let request = client.request(method, url).header("accept-language", &self.lang);
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Sends a request and reads the JSON; a problem becomes its words.
    pub(super) async fn json(&self, request: reqwest::RequestBuilder) -> anyhow::Result<serde_json::Value> {
        let answer = self.answer(request).await?;
        answer.json().await.map_err(|error| self.unread(&error))
    }

    /// Sends a request; a problem becomes its words.
    pub(super) async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        let answer = request.send().await.map_err(|error| self.no_answer(&error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let body: serde_json::Value = answer.json().await.map_err(|error| self.unread(&error))?;
        // What was asked for can't be read, or means nothing: the caller's to mend.
        Err(if matches!(status, 400 | 422) {
            Misused(problem(&body, self.lang())).into()
        } else {
            Wrong(problem(&body, self.lang())).into()
        })
    }

    /// Sends a request whose answer has no body.
    pub(super) async fn done(&self, request: reqwest::RequestBuilder) -> anyhow::Result<()> {
        self.answer(request).await.map(|_| ())
    }

    /// An answer that is none of Mirano's, or broke off.
    fn unread(&self, error: &reqwest::Error) -> anyhow::Error {
        let id = if error.is_decode() { "cli-not_mirano" } else { "cli-broke_off" };
        Wrong(self.say(id, &[("server", self.server.as_str().into()), ("why", root(error).into())])).into()
    }

    fn no_answer(&self, error: &reqwest::Error) -> anyhow::Error {
        let trouble = Trouble::of(error);
        let args = [("server", self.server.as_str().into()), ("why", root(error).into())];
        let said = self.say(trouble.words(), &args);
        // An address that is none is the caller's to mend.
        if trouble == Trouble::NoUrl { Misused(said).into() } else { Wrong(said).into() }
    }
}

/// Why a request had no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The address is no URL.
    NoUrl,
    /// Nobody listens there.
    NobodyListens,
    /// Nobody is called so.
    NoHost,
    /// Whoever listens does not speak TLS, or its certificate is not trusted.
    NoTls,
    /// Whoever listens does not speak HTTP.
    NoHttp,
    /// Something else.
    Other,
}

impl Trouble {
    fn of(error: &reqwest::Error) -> Self {
        if error.is_builder() {
            return Self::NoUrl;
        }
        for cause in chain(error) {
            if is_tls(cause) {
                return Self::NoTls;
            }
            if cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
                return Self::NobodyListens;
            }
            // Types of the client's own: they are known by their words alone.
            let words = cause.to_string();
            if words.starts_with("invalid HTTP") {
                return Self::NoHttp;
            }
            if words.starts_with("dns error") {
                return Self::NoHost;
            }
        }
        Self::Other
    }

    fn words(self) -> &'static str {
        match self {
            Self::NoUrl => "cli-no_url",
            Self::NobodyListens => "cli-nobody_listens",
            Self::NoHost => "cli-no_host",
            Self::NoTls => "cli-no_tls",
            Self::NoHttp => "cli-no_http",
            Self::Other => "cli-no_answer",
        }
    }
}

/// What an error was caused by, the nearest first.
fn chain(error: &reqwest::Error) -> Vec<&(dyn Error + 'static)> {
    let (mut causes, mut next) = (Vec::new(), error.source());
    while let Some(cause) = next {
        causes.push(cause);
        next = cause.source();
    }
    causes
}

/// An error of TLS travels within one of input and output, or two, which do not name it as their source.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<rustls::Error>() || within.is_some_and(|within| is_tls(within))
}

/// What lies at the bottom of an error.
fn root(error: &reqwest::Error) -> String {
    chain(error).last().map_or_else(|| error.to_string(), |cause| cause.to_string())
}

/// A problem (RFC 9457) in words: what is wrong, where it says more than that, and what to do.
pub(super) fn problem(body: &serde_json::Value, lang: Lang) -> String {
    let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str);
    let said = text("detail").or(text("title")).map(str::to_owned);
    let mut words = said.unwrap_or_else(|| one(lang, "cli-refused", &[]));
    for error in body.get("errors").and_then(serde_json::Value::as_array).into_iter().flatten() {
        let part = |name: &str| error.get(name).and_then(serde_json::Value::as_str).unwrap_or("");
        let place = format!("{}: {}", part("at"), part("detail"));
        if !words.contains(&place) {
            words.push_str(&format!("\n  {place}"));
        }
    }
    if let Some(fix) = text("fix") {
        words.push_str(&format!("\n{fix}"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn at(server: &str, lang: &str) -> Server {
        Server { server: server.to_owned(), key: None, lang: lang.to_owned() }
    }

    async fn said(server: &Server) -> (String, bool) {
        let error =
            server.json(server.request(reqwest::Method::GET, "/v1/jobs")).await.expect_err("no Mirano is there");
        (error.to_string(), error.is::<Misused>())
    }

    /// Answers every connection with these bytes, after it heard something.
    async fn answering(bytes: &'static [u8]) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut heard = [0; 1024];
                let _ = stream.read(&mut heard).await;
                let _ = stream.write_all(bytes).await;
                let _ = stream.shutdown().await;
            }
        });
        address
    }

    #[tokio::test]
    async fn each_trouble_is_told_with_its_own_way_out() {
        let html = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>";
        let (html, plain) = (answering(html).await, answering(b"220 mail.example ESMTP\r\n").await);
        let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound");
        for (server, english, russian) in [
            ("nonsense".to_owned(), "is not the address of a server", "не адрес сервера"),
            (format!("http://{closed}"), "nobody listens at", "никто не слушает"),
            (format!("https://{html}"), "no TLS", "TLS"),
            (format!("http://{html}"), "is not Mirano", "не Mirano"),
            (format!("http://{plain}"), "does not speak HTTP", "не по HTTP"),
        ] {
            for (lang, wanted) in [("en", english), ("ru", russian)] {
                let (words, misused) = said(&at(&server, lang)).await;
                assert!(words.contains(wanted) && words.contains(&server), "{server} {lang}: {words}");
                assert_eq!(misused, server == "nonsense", "{server}");
                assert_eq!(
                    words.contains("mirano serve"),
                    server == format!("http://{closed}"),
                    "only where nobody listens it may not run: {words}"
                );
                for raw in ["builder error", "error sending", "error decoding", "url ("] {
                    assert!(!words.contains(raw), "{server} {lang}: {words}");
                }
            }
        }
    }

    #[test]
    fn a_place_is_named_once() {
        let body =
            json!({"detail": "/url: is no URL", "errors": [{"at": "/url", "detail": "is no URL"}], "fix": "Send one."});
        assert_eq!(problem(&body, Lang::En), "/url: is no URL\nSend one.");
        let body = json!({"detail": "there is no such snapshot", "errors": [{"at": "from", "detail": "is no side"}]});
        assert_eq!(problem(&body, Lang::En), "there is no such snapshot\n  from: is no side");
    }
}
