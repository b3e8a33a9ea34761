//! A caller of the program's HTTP interface, who remembers all that he heard.

use futures::StreamExt;
use serde_json::Value;
use std::time::Duration;

/// The caller.
pub struct Api {
    http: reqwest::Client,
    url: String,
    /// Everything that was ever answered.
    pub heard: String,
}

impl Api {
    /// Of a program that listens at `url`.
    pub fn new(url: String) -> Self {
        Self { http: super::client(), url, heard: String::new() }
    }

    /// Reads something, whatever it is.
    pub async fn get(&mut self, path: &str) -> String {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.expect("answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let text = String::from_utf8_lossy(&answer.bytes().await.expect("a body")).into_owned();
        self.heard.push_str(&text);
        text
    }

    /// Reads something that is JSON.
    pub async fn json(&mut self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).await).expect("JSON")
    }

    /// Posts something.
    pub async fn post(&mut self, path: &str, body: &Value) -> Value {
        let answer = self.http.post(format!("{}{path}", self.url)).json(body).send().await.expect("answers");
        let text = answer.text().await.expect("a body");
        self.heard.push_str(&text);
        serde_json::from_str(&text).expect("JSON")
    }

    /// Follows the job's events until one says that it is final, and reads it.
    pub async fn until_final(&mut self, job: &str) -> Value {
        let answer = self.http.get(format!("{}/v1/jobs/{job}/events", self.url)).send().await.expect("answers");
        let (mut events, mut text) = (answer.bytes_stream(), String::new());
        let ends = async {
            while !text.contains("event: done") && !text.contains("\"final\":true") {
                let more = events.next().await.expect("goes on").expect("readable");
                text.push_str(&String::from_utf8_lossy(&more));
            }
        };
        tokio::time::timeout(Duration::from_secs(120), ends).await.expect("the job ends");
        self.heard.push_str(&text);
        self.json(&format!("/v1/jobs/{job}")).await
    }

    /// Reads the job anew with each of its events, until it is as wanted.
    pub async fn until(&mut self, job: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let answer = self.http.get(format!("{}/v1/jobs/{job}/events", self.url)).send().await.expect("answers");
        let mut events = answer.bytes_stream();
        let ends = async {
            loop {
                events.next().await.expect("goes on").expect("readable");
                let now = self.json(&format!("/v1/jobs/{job}")).await;
                if wanted(&now) {
                    return now;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(120), ends).await.expect("the job is as wanted")
    }
}
