//! What outlives the test: a process that stops the server and deletes its folder, also when the test is killed.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Reads the server's process id whenever it changes. When nobody can write any more, the test is over.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
    kill -QUIT "$pid"
    tries=0
    # Deleted by the server when it ends. Nobody may be there to bury the process.
    while [ -e "$1/data/postmaster.pid" ] && [ $tries -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    [ $tries -lt 100 ] || kill -KILL "$pid"
fi 2>/dev/null
rm -rf "$1"
"#;

pub struct Watch {
    process: Child,
    pipe: Option<ChildStdin>,
}

impl Watch {
    /// Watches over `folder`, and over the server that [`Watch::runs`] tells of.
    pub fn over(folder: &Path) -> Self {
        let mut process = Command::new("sh")
            .args(["-c", SCRIPT, "watch"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            // Whoever stops the tests from a terminal stops their whole group.
            .process_group(0)
            .spawn()
            .expect("starts");
        let pipe = process.stdin.take();
        Self { process, pipe }
    }

    pub fn runs(&mut self, pid: u32) {
        self.tell(&pid.to_string());
    }

    pub fn stopped(&mut self) {
        self.tell("");
    }

    fn tell(&mut self, line: &str) {
        let pipe = self.pipe.as_mut().expect("open");
        writeln!(pipe, "{line}").expect("is read");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.process.wait();
    }
}
