//! A headless Chromium, spoken to over its debugging pipe: no port, no driver, no wait by the clock.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// After this a page that did not do what was expected has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running browser with one page. It ends with this value.
pub struct Browser {
    // Held so that the process is ended when the browser is dropped.
    _process: Child,
    _profile: tempfile::TempDir,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    last_id: u64,
    /// Pages that have loaded so far.
    loads: u64,
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
}

impl Browser {
    /// Starts `chromium`; without one it says loudly what is left out.
    pub async fn start() -> Option<Self> {
        let path = std::env::var_os("PATH")?;
        let Some(program) = std::env::split_paths(&path).map(|folder| folder.join("chromium")).find(|p| p.is_file())
        else {
            eprintln!("\n!! NOT TESTED: no `chromium` is installed, so the page was not looked at in a browser\n");
            return None;
        };
        let profile = tempfile::tempdir().expect("a folder for the browser's profile");
        // The browser reads commands from descriptor 3 and answers on 4; the shell lays our pipes there.
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 >/dev/null 2>&1"])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(["--remote-debugging-pipe", "about:blank"])
            .env("TZ", "Europe/Moscow")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the browser starts");
        let to = process.stdin.take().expect("a pipe to the browser");
        let from = BufReader::new(process.stdout.take().expect("a pipe from the browser"));
        let mut browser = Self { _process: process, _profile: profile, to, from, session: None, last_id: 0, loads: 0 };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"})).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach).await;
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.enable", json!({})).await;
        Some(browser)
    }

    /// Opens a page and waits until it has loaded.
    pub async fn open(&mut self, url: &str, look: Look) {
        self.look(look).await;
        let before = self.loads;
        self.call("Page.navigate", json!({"url": url})).await;
        self.loaded(before).await;
    }

    /// Looks at the page that is open in another way.
    pub async fn look(&mut self, look: Look) {
        let Look { width, height, dark } = look;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", features).await;
    }

    /// Loads the page once more, and waits until it has loaded.
    pub async fn reload(&mut self) {
        let before = self.loads;
        self.call("Page.reload", json!({})).await;
        self.loaded(before).await;
    }

    /// Evaluates what leads to another page, and waits until that has loaded.
    pub async fn leads(&mut self, expression: &str) {
        let before = self.loads;
        self.evaluate(expression).await;
        self.loaded(before).await;
    }

    async fn loaded(&mut self, before: u64) {
        let loads = async {
            while self.loads == before {
                self.message().await;
            }
        };
        let loaded = tokio::time::timeout(PATIENCE, loads).await;
        assert!(loaded.is_ok(), "no page loaded in {PATIENCE:?}");
    }

    /// From now on every file is fetched as by somebody who comes for the first time.
    pub async fn forget_cache(&mut self) {
        self.call("Network.enable", json!({})).await;
        self.call("Network.setCacheDisabled", json!({"cacheDisabled": true})).await;
    }

    /// The page as the browser prints it into a file.
    pub async fn pdf(&mut self) -> Vec<u8> {
        let mut printed = self.call("Page.printToPDF", json!({"printBackground": true})).await;
        base64(printed["data"].take().as_str().expect("a file"))
    }

    /// Waits until an expression becomes true on the page.
    pub async fn until(&mut self, condition: &str) {
        let wait = format!(
            "new Promise((done) => {{ const look = () => ({condition}) ? done(true) : setTimeout(look, 30); look(); }})"
        );
        assert_eq!(self.evaluate(&wait).await, true, "{condition}");
    }

    /// The value of an expression on the page; a promise is awaited.
    pub async fn evaluate(&mut self, expression: &str) -> Value {
        let ask = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", ask).await;
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Writes a picture of what the window shows, as WebP.
    pub async fn picture(&mut self, file: &Path) {
        let mut shot = self.call("Page.captureScreenshot", json!({"format": "webp", "quality": 70})).await;
        let data = shot["data"].take();
        std::fs::write(file, base64(data.as_str().expect("a picture"))).expect("a picture is written");
    }

    /// Sends a command and waits for its answer; what the browser tells meanwhile is passed over.
    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).await.expect("the browser listens");
        let answer = tokio::time::timeout(PATIENCE, self.answer()).await;
        let mut answer = answer.unwrap_or_else(|_| panic!("{method} {params}: no answer in {PATIENCE:?}"));
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    async fn answer(&mut self) -> Value {
        loop {
            let message = self.message().await;
            if message["id"] == self.last_id {
                return message;
            }
        }
    }

    /// The next thing that the browser says.
    async fn message(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).await.expect("the browser speaks");
        assert!(bytes.pop().is_some(), "the browser ended");
        let message: Value = serde_json::from_slice(&bytes).expect("the browser speaks JSON");
        self.loads += u64::from(message["method"] == "Page.loadEventFired");
        message
    }
}

/// Where pictures go: `MIRANO_PICTURES`, else a folder of the system's temporary files.
pub fn pictures() -> PathBuf {
    let named = std::env::var_os("MIRANO_PICTURES").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| std::env::temp_dir().join("mirano-pictures"));
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    folder
}

/// Whether all eight pictures of each view are wanted (`MIRANO_PICTURES_ALL`), not only the four that the documents show.
pub fn all_pictures() -> bool {
    std::env::var_os("MIRANO_PICTURES_ALL").is_some_and(|value| !value.is_empty())
}

/// The script of axe-core, which `.ci/setup test` fetches: `MIRANO_AXE` names it.
pub fn axe() -> String {
    let file = std::env::var("MIRANO_AXE").expect("MIRANO_AXE names axe.min.js: run `make test`, or `. .ci/env`");
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}; `.ci/setup test` fetches it"))
}

/// Reads base64 as RFC 4648 has it.
fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut held, mut bits) = (Vec::with_capacity(text.len()), 0_u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let value = ALPHABET.iter().position(|known| *known == byte).expect("a digit of base64");
        held = held << 6 | u32::try_from(value).expect("below 64");
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).expect("a byte"));
        }
    }
    bytes
}
