//! A headless Chromium, started for one look at one page.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// A browser that was found on this machine.
pub struct Browser(PathBuf);

/// Looks for `chromium` among the programs; says loudly what is left out without one.
pub fn find() -> Option<Browser> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join("chromium")).find(|program| program.is_file());
    if found.is_none() {
        eprintln!("\n!! NOT TESTED: no `chromium` is installed, so the page was not looked at in a browser\n");
    }
    found.map(Browser)
}

/// Where pictures go: `MIRANO_PICTURES`, else a folder of the system's temporary files.
pub fn pictures() -> PathBuf {
    let folder =
        std::env::var_os("MIRANO_PICTURES").map_or_else(|| std::env::temp_dir().join("mirano-pictures"), PathBuf::from);
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    folder
}

impl Browser {
    /// Writes a picture of the page.
    pub async fn picture(&self, url: &str, (width, height): (u32, u32), dark: bool, file: &Path) {
        let scheme = if dark { 0 } else { 1 };
        let args = [
            format!("--screenshot={}", file.display()),
            format!("--window-size={width},{height}"),
            format!("--blink-settings=preferredColorScheme={scheme}"),
            "--hide-scrollbars".to_owned(),
            url.to_owned(),
        ];
        self.run(&args).await;
    }

    async fn run(&self, args: &[String]) -> String {
        let profile = tempfile::tempdir().expect("a folder for the browser's profile");
        let mut command = Command::new(&self.0);
        command
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(args)
            .env("TZ", "Europe/Moscow")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(Duration::from_secs(60), command.output()).await;
        let output = output.expect("the browser ended in time").expect("the browser started");
        assert!(output.status.success(), "the browser failed: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
