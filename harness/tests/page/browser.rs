//! A headless chromium, told what to do over a pipe.
//! Lives here: the process, its protocol as far as it is needed, one page.
//! May not live here: what a page should be like.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest wait for anything.
const DEADLINE: Duration = Duration::from_secs(60);

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: Option<String>,
    next: u64,
    /// What it told without being asked, since the last [`Browser::told`].
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// The browser, if this host has one; Debian's, or what CHROMIUM names.
    pub fn start() -> Option<Self> {
        let program = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".into());
        let there = Command::new(&program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            assert!(
                std::env::var_os("CHECK_PAGE").is_none(),
                "`{program}` cannot be run: `make check-page` installs it"
            );
            eprintln!("skipped: there is no `{program}` on this host");
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        // The pipes are file descriptors 3 and 4. Root has no sandbox.
        let options = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars --no-first-run \
            --disable-background-networking --disable-component-update --disable-sync --disable-extensions --remote-debugging-pipe";
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!(r#"exec 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null; exec "$0" {options} "$@""#))
            .arg(&program)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, from) = channel();
        std::thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut message = Vec::new();
            while out.read_until(0, &mut message).is_ok_and(|bytes| bytes > 0) {
                message.pop();
                if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let mut browser = Self { child, to, from, session: None, next: 0, events: Vec::new(), _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let session = browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Calls a method of the page; its result.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(message.to_string().as_bytes()).unwrap();
        self.to.write_all(&[0]).unwrap();
        self.to.flush().unwrap();
        loop {
            let answer = self.from.recv_timeout(DEADLINE).unwrap_or_else(|error| panic!("{method}: {error}"));
            if answer["id"] == json!(self.next) {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    /// Goes to an address, and waits until it is loaded.
    pub fn open(&mut self, url: &str) {
        // Otherwise another part of the same page is no load.
        self.events.clear();
        self.call("Page.navigate", json!({"url": "about:blank"}));
        self.settle("Page.loadEventFired");
        self.events.clear();
        self.call("Page.navigate", json!({"url": url}));
        self.settle("Page.loadEventFired");
    }

    fn settle(&mut self, event: &str) {
        let end = Instant::now() + DEADLINE;
        while !self.events.iter().any(|one| one["method"] == event) {
            let left = end.saturating_duration_since(Instant::now());
            let one = self.from.recv_timeout(left).unwrap_or_else(|error| panic!("{event}: {error}"));
            self.events.push(one);
        }
    }

    /// What an expression comes to in the page; a promise is waited for.
    pub fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub fn wait(&mut self, expression: &str) {
        let end = Instant::now() + DEADLINE;
        while self.value(expression) != json!(true) {
            assert!(
                Instant::now() < end,
                "never came to be: {expression}; {}",
                self.value("location.hash + ' ' + shown.textContent")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Presses a key.
    pub fn key(&mut self, key: &str, text: &str) {
        let code = match key {
            "Enter" => 13,
            "Tab" => 9,
            _ => 0,
        };
        let down = json!({"type": "keyDown", "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code});
        self.call("Input.dispatchKeyEvent", down);
        self.call(
            "Input.dispatchKeyEvent",
            json!({"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code}),
        );
    }

    /// Width and height in CSS pixels, and a theme.
    pub fn look(&mut self, width: u32, theme: &str, media: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let features = json!([{"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": "reduce"}]);
        self.call("Emulation.setEmulatedMedia", json!({"media": media, "features": features}));
    }

    /// What the browser complained of since the page was opened: errors, exceptions, breaches of the policy, dialogs.
    pub fn complaints(&mut self) -> Vec<String> {
        self.value("1");
        let wrong = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown" | "Page.javascriptDialogOpening" | "Network.loadingFailed") => true,
            Some("Log.entryAdded") => event["params"]["entry"]["level"] != "verbose",
            Some("Runtime.consoleAPICalled") => true,
            _ => false,
        };
        self.events.iter().filter(wrong).map(|event| event["params"].to_string()).collect()
    }

    /// Addresses that were asked for since the page was opened.
    pub fn requests(&mut self) -> Vec<String> {
        let of = |event: &Value| event["params"]["request"]["url"].as_str().map(str::to_owned);
        let sent = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.filter_map(of).filter(|url| !url.starts_with("data:")).collect()
    }

    /// A picture of the page, for people to look at, where CHECK_PAGE names a folder.
    pub fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("CHECK_PAGE").filter(|folder| std::path::Path::new(folder).is_dir()) else {
            return;
        };
        let data = self.call("Page.captureScreenshot", json!({"format": "png"}))["data"].as_str().unwrap().to_owned();
        use base64::Engine;
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
