//! Nodes of one log among each other: how one gives a command to another, and how each knows that it is one.
//!
//! ```text
//! POST <url>/internal/v1/partitions/<partition>/commands
//! mirano-wire: <version of both>   mirano-at: <ms>   mirano-mac: <hex>   body: bincode
//! ```
//!
//! Both ways carry a keyed BLAKE3 over all that matters, under a key that comes from the key store that the nodes share: who
//! has it can read every person's data anyway. It proves who speaks; it hides nothing. The network between nodes must be
//! one's own, or the addresses `https`.

use crate::core::command::{Command, Rejection};
use crate::engine::{Answer, Courier, EngineError, Undelivered};
use crate::work::tls;
use futures::future::BoxFuture;
use mirano_schemas::{Timestamp, codec};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Where a node takes commands; `{partition}` is the partition.
pub const PATH: &str = "/internal/v1/partitions/{partition}/commands";
/// The header that names the version of both sides.
pub const WIRE: &str = "mirano-wire";
/// The header with the time of sending.
pub const AT: &str = "mirano-at";
/// The header with the proof.
pub const MAC: &str = "mirano-mac";
/// The largest command: an answer of a source with all its facts.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// How far the clocks of two nodes may be apart.
const MOST_APART_MS: u64 = 60_000;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(1);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(6);

/// What both sides must agree on: the shapes of commands may change with each version.
pub fn wire() -> String {
    format!("1/{}", env!("CARGO_PKG_VERSION"))
}

/// What a node answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Told {
    /// Decided.
    Answered(Answer),
    /// Refused.
    Rejected(Rejection),
    /// It does not decide there; nothing was decided.
    Elsewhere,
    /// It decides there and can't now; it may be decided or not.
    Unavailable(String),
}

impl Told {
    /// What came of a command.
    pub fn of(outcome: Result<Answer, EngineError>) -> Self {
        match outcome {
            Ok(answer) => Self::Answered(answer),
            Err(EngineError::Rejected(rejection)) => Self::Rejected(rejection),
            Err(EngineError::Moved { .. }) => Self::Elsewhere,
            Err(error) => Self::Unavailable(error.to_string()),
        }
    }
}

/// The key by which nodes know each other.
#[derive(Clone)]
pub struct PeerKey([u8; 32]);

/// A command that does not come from a node of this log, or not from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// The proof does not hold.
    #[error("the proof does not hold: another installation, or changed on its way")]
    Mac,
    /// Too old, or from the future.
    #[error("sent at another time: the clocks of the nodes are apart")]
    Time,
    /// Of another version.
    #[error("of another version")]
    Wire,
}

impl PeerKey {
    /// From the key store that the nodes share.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    fn mac(&self, what: &[u8], partition: u32, at: i64, body: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        let wire = wire();
        for part in [what, wire.as_bytes(), &partition.to_le_bytes(), &at.to_le_bytes(), body] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        hasher.finalize()
    }

    /// Proves a command.
    pub fn of_command(&self, partition: u32, at: i64, body: &[u8]) -> String {
        self.mac(b"command", partition, at, body).to_hex().to_string()
    }

    /// Proves the answer to the command whose proof is `asked`.
    pub fn of_answer(&self, partition: u32, asked: &str, body: &[u8]) -> String {
        let what = [b"answer ", asked.as_bytes()].concat();
        self.mac(&what, partition, 0, body).to_hex().to_string()
    }

    /// Refuses what no node of this log sent just now.
    pub fn admit(
        &self,
        partition: u32,
        (wire, at, mac): (&str, &str, &str),
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Stranger> {
        if wire != self::wire() {
            return Err(Stranger::Wire);
        }
        let at: i64 = at.parse().map_err(|_| Stranger::Time)?;
        if Timestamp(at).since_ms(now).max(now.since_ms(Timestamp(at))) > MOST_APART_MS {
            return Err(Stranger::Time);
        }
        let given = blake3::Hash::from_hex(mac).map_err(|_| Stranger::Mac)?;
        // Compared in constant time.
        if given == self.mac(b"command", partition, at, body) { Ok(()) } else { Err(Stranger::Mac) }
    }
}

/// Reads a command that was admitted.
pub fn command(body: &[u8]) -> Result<Command, codec::DecodeError> {
    codec::decode_exact(body)
}

/// Writes an answer.
pub fn told(told: &Told) -> Result<Vec<u8>, codec::EncodeError> {
    codec::encode(told)
}

/// Gives commands over HTTP.
pub struct HttpCourier {
    client: reqwest::Client,
    key: PeerKey,
}

impl HttpCourier {
    /// A courier that proves who it is with this key.
    pub fn new(key: PeerKey) -> Result<Self, reqwest::Error> {
        tls::install();
        let builder = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT).timeout(PATIENCE);
        // A node does not send its commands on to wherever an answer says.
        let client = builder.redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, key })
    }
}

impl Courier for HttpCourier {
    fn carry(
        &self,
        url: &str,
        partition: u32,
        command: Arc<Command>,
    ) -> BoxFuture<'static, Result<Answer, Undelivered>> {
        let place = PATH.replace("{partition}", &partition.to_string());
        let url = format!("{}{place}", url.trim_end_matches('/'));
        let (client, key) = (self.client.clone(), self.key.clone());
        Box::pin(async move { carry(&client, &key, url, partition, &command).await })
    }
}

async fn carry(
    client: &reqwest::Client,
    key: &PeerKey,
    url: String,
    partition: u32,
    command: &Command,
) -> Result<Answer, Undelivered> {
    let body = codec::encode(command).map_err(|error| Undelivered::Unreachable(error.to_string()))?;
    let at = chrono::Utc::now().timestamp_millis();
    let mac = key.of_command(partition, at, &body);
    let request = client.post(url).header(WIRE, wire()).header(AT, at).header(MAC, &mac).body(body);
    let response = request.send().await.map_err(|error| match error.is_connect() || error.is_builder() {
        true => Undelivered::Unreachable(error.to_string()),
        false => Undelivered::Unsure(error.to_string()),
    })?;
    let status = response.status().as_u16();
    if status != 200 {
        // It was not even looked at.
        return Err(Undelivered::Unreachable(format!("status {status}")));
    }
    let proof = response.headers().get(MAC).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = response.bytes().await.map_err(|error| Undelivered::Unsure(error.to_string()))?;
    if proof.as_deref() != Some(key.of_answer(partition, &mac, &body).as_str()) {
        return Err(Undelivered::Unreachable("whoever answers there is none of this log's nodes".to_owned()));
    }
    match codec::decode_exact(&body).map_err(|error: codec::DecodeError| Undelivered::Unsure(error.to_string()))? {
        Told::Answered(answer) => Ok(answer),
        Told::Rejected(rejection) => Err(EngineError::Rejected(rejection).into()),
        Told::Elsewhere => Err(Undelivered::Elsewhere),
        Told::Unavailable(why) => Err(EngineError::LogUnavailable(why).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_node_of_the_log_is_admitted_and_only_now() {
        let (key, other, now) = (PeerKey::new([1; 32]), PeerKey::new([2; 32]), Timestamp(1_000_000));
        let mac = key.of_command(3, now.0, b"body");
        let at = now.0.to_string();
        let admit =
            |partition, at: &str, mac: &str, body: &[u8], now| key.admit(partition, (&wire(), at, mac), body, now);
        assert_eq!(admit(3, &at, &mac, b"body", now), Ok(()));
        assert_eq!(admit(4, &at, &mac, b"body", now), Err(Stranger::Mac));
        assert_eq!(admit(3, &at, &mac, b"bodi", now), Err(Stranger::Mac));
        assert_eq!(admit(3, "1000001", &mac, b"body", now), Err(Stranger::Mac));
        assert_eq!(admit(3, &at, &other.of_command(3, now.0, b"body"), b"body", now), Err(Stranger::Mac));
        assert_eq!(admit(3, &at, &key.of_answer(3, &mac, b"body"), b"body", now), Err(Stranger::Mac));
        assert_eq!(admit(3, &at, "", b"body", now), Err(Stranger::Mac));
        assert_eq!(admit(3, &at, &mac, b"body", now.plus_ms(60_001)), Err(Stranger::Time));
        assert_eq!(key.admit(3, ("1/0.0.0", &at, &mac), b"body", now), Err(Stranger::Wire));
    }

    #[test]
    fn commands_and_answers_survive_the_way() {
        let lease = mirano_schemas::LeaseToken([7; 16]);
        let given = Command::Heartbeat { source: "s".to_owned(), lease };
        assert_eq!(command(&codec::encode(&given).expect("encodes")).expect("decodes"), given);
        let rejected = Told::Rejected(Rejection::VersionChanged(7));
        assert_eq!(codec::decode_exact::<Told>(&told(&rejected).expect("encodes")).expect("decodes"), rejected);
        assert!(command(b"\xff\xff").is_err());
    }
}
