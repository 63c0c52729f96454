// SPDX-License-Identifier: MIT OR Apache-2.0
//! A headless Chromium, told what to do over two pipes in its own protocol (`--remote-debugging-pipe`,
//! that of its developer tools):
//! messages of JSON, a NUL behind each.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::shell::{TaskError, output};

/// A browser with one page.
pub(super) struct Browser {
    process: Child,
    to: File,
    from: BufReader<File>,
    next: u64,
    session: Option<String>,
    /// What it told of by itself: requests, errors, dialogs.
    pub(super) events: Vec<Value>,
    /// Its folder, which goes with it.
    _folder: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn failed(reason: impl Into<String>) -> TaskError {
    TaskError::Command { command: "chromium".to_owned(), reason: reason.into() }
}

impl Browser {
    /// Starts one.
    pub(super) fn start() -> Result<Self, TaskError> {
        let folder = tempfile::tempdir().map_err(TaskError::io(&std::env::temp_dir()))?;
        let pipe = |name: &str| folder.path().join(name);
        output("mkfifo", [pipe("to"), pipe("from")])?;
        // It reads from the third descriptor, and writes to the fourth.
        let script = "cd \"$1\" && exec chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
            --no-first-run --remote-debugging-pipe --user-data-dir=\"$1/profile\" about:blank 3<to 4>from";
        let process = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let open = |name: &str, write: bool| {
            let path = pipe(name);
            File::options().read(!write).write(write).open(&path).map_err(TaskError::io(&path))
        };
        let to = open("to", true)?;
        let from = BufReader::new(open("from", false)?);
        let mut browser = Self { process, to, from, next: 1, session: None, events: Vec::new(), _folder: folder };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}))?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", &attach)?;
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Network", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(browser)
    }

    /// Asks for something, and waits for the answer.
    pub(super) fn call(&mut self, method: &str, params: &Value) -> Result<Value, TaskError> {
        let id = self.next;
        self.next += 1;
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let text = message.to_string() + "\0";
        self.to.write_all(text.as_bytes()).map_err(|error| failed(error.to_string()))?;
        loop {
            let mut said = self.read()?;
            if said["id"] == id {
                return match said.get("error") {
                    Some(error) => Err(failed(format!("{method}: {error}"))),
                    None => Ok(said["result"].take()),
                };
            }
            self.events.push(said);
        }
    }

    fn read(&mut self) -> Result<Value, TaskError> {
        let mut said = Vec::new();
        self.from.read_until(0, &mut said).map_err(|error| failed(error.to_string()))?;
        if said.pop().is_none() {
            return Err(failed("it ended"));
        }
        serde_json::from_slice(&said).map_err(|error| failed(error.to_string()))
    }

    /// Opens a file, and waits until it is there; how long that took, in milliseconds.
    pub(super) fn open(&mut self, file: &Path) -> Result<f64, TaskError> {
        self.events.clear();
        self.call("Page.navigate", &json!({"url": format!("file://{}", file.display())}))?;
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let said = self.read()?;
            self.events.push(said);
        }
        let took = self.ask("performance.getEntriesByType('navigation')[0].domComplete")?;
        took.as_f64().ok_or_else(|| failed(format!("it opened in {took}")))
    }

    /// What an expression is worth in the page.
    pub(super) fn ask(&mut self, expression: &str) -> Result<Value, TaskError> {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut said = self.call("Runtime.evaluate", &params)?;
        match said.get("exceptionDetails") {
            Some(details) => Err(failed(format!("{expression}: {details}"))),
            None => Ok(said["result"]["value"].take()),
        }
    }

    /// Clicks on the first thing of a selector, as a hand would.
    pub(super) fn click(&mut self, selector: &str) -> Result<(), TaskError> {
        let place = self.ask(&format!(
            "(() => {{ const it = document.querySelector({selector:?}); it.scrollIntoView({{block: 'center'}}); \
             const box = it.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ))?;
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", &params)?;
        }
        Ok(())
    }

    /// Types into what has the focus.
    pub(super) fn write(&mut self, text: &str) -> Result<(), TaskError> {
        self.call("Input.insertText", &json!({"text": text})).map(drop)
    }

    /// Makes the window so wide, and the page light or dark.
    pub(super) fn resize(&mut self, width: u32, scheme: &str) -> Result<(), TaskError> {
        let params = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &params)?;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &features).map(drop)
    }

    /// Takes a picture of what is to be seen.
    pub(super) fn picture(&mut self, file: &Path) -> Result<(), TaskError> {
        self.save("Page.captureScreenshot", &json!({"format": "png"}), file)
    }

    /// Prints the page.
    pub(super) fn print(&mut self, file: &Path) -> Result<(), TaskError> {
        self.save("Page.printToPDF", &json!({}), file)
    }

    fn save(&mut self, method: &str, params: &Value, file: &Path) -> Result<(), TaskError> {
        let said = self.call(method, params)?;
        let data = said["data"].as_str().unwrap_or_default();
        let bytes = Base64::decode_vec(data).map_err(|error| failed(format!("{method}: {error}")))?;
        fs::write(file, bytes).map_err(TaskError::io(file))
    }
}
