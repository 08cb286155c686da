//! The real program in a folder of its own: started with nothing in its environment but what a test gives it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::database;

/// Time for a start or a stop; far more than either takes.
const PATIENCE: Duration = Duration::from_secs(40);

/// Where a database is shared no key is made.
const SECRET_KEY: &str = "test-only-2f6c81d05b7a4e93-9d40c7e18a36f5b2";

/// The program with these arguments and settings, in `folder`, on the database of this folder unless they name another.
pub fn vestibule(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut defaults = Vec::new();
    if let Some(url) = database::url_in(folder) {
        defaults = vec![("DATABASE_URL", url), ("SECRET_KEY", SECRET_KEY.to_owned())];
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(defaults)
        .envs(settings.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the program to its end.
pub fn run(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    vestibule(folder, arguments, settings)
        .output()
        .expect("runs")
}

/// Runs the program to its end with `input` on its standard input.
pub fn run_with_input(
    folder: &Path,
    arguments: &[&str],
    settings: &[(&str, &str)],
    input: &str,
) -> Output {
    let mut child = vestibule(folder, arguments, settings)
        .stdin(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that does not read its input is free to end before it gets any.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("runs")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Why a command ended, on one line, in the form of a log or without one.
#[track_caller]
pub fn reason(output: &Output) -> String {
    let said = stderr(output);
    assert_eq!(said.lines().count(), 1, "{said}");
    if let Ok(line) = serde_json::from_str::<serde_json::Value>(&said) {
        return line["message"].as_str().expect("a message").to_owned();
    }
    let reason = said.trim_end().strip_prefix("vestibule: ");
    reason.unwrap_or_else(|| panic!("{said}")).to_owned()
}

/// A service that is listening.
pub struct Service {
    child: Child,
    pub url: String,
    pub folder: PathBuf,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts `vestibule serve` on a free port and waits until it listens.
    pub fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        Self::start_by(folder, settings, |command| command)
    }

    /// As [`Service::start`], where the system allows this many open files.
    pub fn start_with_open_files(folder: &Path, files: usize) -> Self {
        Self::start_by(folder, &[], |command| {
            let mut limited = Command::new("sh");
            let script = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
            limited.args(["-c", &script]).arg(command.get_program());
            limited.args(command.get_args()).env_clear();
            let variables = command.get_envs();
            limited.envs(variables.filter_map(|(name, value)| Some((name, value?))));
            limited
                .current_dir(folder)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            limited
        })
    }

    fn start_by(
        folder: &Path,
        settings: &[(&str, &str)],
        change: impl FnOnce(Command) -> Command,
    ) -> Self {
        let mut all = vec![("PORT", "0"), ("LOG_FORMAT", "json")];
        all.retain(|(name, _)| settings.iter().all(|(other, _)| other != name));
        all.extend(settings);
        let command = vestibule(folder, &["serve"], &all);
        let mut child = change(command).spawn().expect("starts");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (found, url) = mpsc::channel();
        let log = Arc::new(Mutex::new(String::new()));
        let written = log.clone();
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let url = listening_on(&line);
                let mut log = written.lock().expect("no panic");
                log.push_str(&line);
                log.push('\n');
                if let Some(url) = url {
                    let _ = found.send(url);
                }
            }
        });
        let Ok(url) = url.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            let mut errors = String::new();
            let _ = child
                .stderr
                .take()
                .expect("a pipe")
                .read_to_string(&mut errors);
            let _ = reader.join();
            panic!("does not listen: {}{errors}", log.lock().expect("no panic"));
        };
        Self {
            child,
            url,
            folder: folder.to_owned(),
            log,
            reader: Some(reader),
        }
    }

    /// Whether it has logged these words so far.
    pub fn has_logged(&self, words: &str) -> bool {
        self.log.lock().expect("no panic").contains(words)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without warning, as a power cut would (SIGKILL).
    pub fn kill(mut self) {
        self.child.kill().expect("kills");
        self.child.wait().expect("ends");
    }

    /// Asks it to stop (SIGTERM).
    pub fn ask_to_stop(&self) {
        self.signal("-TERM");
    }

    /// Sends it a signal, such as `-TERM`.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status();
        assert!(status.expect("the kill command").success());
    }

    /// Waits for its end. Gives its exit status and all that it logged.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("waits") {
                break status;
            }
            assert!(Instant::now() < until, "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        };
        self.reader.take().expect("once").join().expect("reads");
        let log = self.log.lock().expect("no panic").clone();
        (status, log)
    }

    /// Stops it and gives all that it logged.
    pub fn stop(self) -> String {
        self.ask_to_stop();
        let (status, log) = self.wait();
        assert!(status.success(), "{status}: {log}");
        log
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listening_on(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("listening on ")?;
    let url = rest.split(['"', ' ']).next()?;
    Some(url.to_owned())
}
