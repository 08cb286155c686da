//! The programs of PostgreSQL on this machine, run as a user who may run them: the server refuses root.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where packages put versions of PostgreSQL, each in a folder of its own.
const VERSIONS: &[&str] = &["/usr/lib/postgresql", "/usr/local/lib/postgresql"];

/// Accounts to run the server as when root runs the tests; the first that exists.
const ACCOUNTS: &[&str] = &["postgres", "nobody"];

/// A user and his group.
#[derive(Debug, Clone, Copy)]
struct Account {
    uid: u32,
    gid: u32,
}

#[derive(Debug, Clone)]
pub struct Programs {
    folder: PathBuf,
    account: Option<Account>,
}

impl Programs {
    /// The programs in `PG_BIN`, in `PATH`, or where packages put them; run as another user when we are root.
    pub fn find(is_root: bool) -> Self {
        let folder = candidates().into_iter().find_map(|folder| home(&folder));
        let folder = folder.expect(
            "PostgreSQL is not installed: initdb is neither in PG_BIN, in PATH nor in /usr/lib/postgresql/*/bin",
        );
        let account = is_root.then(|| {
            let found = ACCOUNTS.iter().find_map(|name| account(name));
            found.expect("a user postgres or nobody to run the server as")
        });
        Self { folder, account }
    }

    /// A program with nothing in its environment but `PATH`: no `PGDATA`, no `LANG`.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .current_dir("/")
            .stdin(Stdio::null());
        if let Some(Account { uid, gid }) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Runs a program to its end.
    pub fn run(&self, name: &str, prepare: impl FnOnce(&mut Command) -> &mut Command) {
        let output = prepare(&mut self.command(name)).output().expect("runs");
        assert!(
            output.status.success(),
            "{name}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Gives a file or folder to the user whom the programs run as.
    pub fn hand_over(&self, path: &Path) {
        if let Some(Account { uid, gid }) = self.account {
            chown(path, Some(uid), Some(gid)).expect("root may give files away");
        }
    }

    /// 15 of `postgres (PostgreSQL) 15.18`.
    pub fn version(&self) -> u32 {
        let output = self.command("postgres").arg("--version").output();
        let text = String::from_utf8(output.expect("runs").stdout).expect("text");
        let numbers = text.split(' ').find_map(|word| {
            word.split(|c: char| !c.is_ascii_digit())
                .next()?
                .parse()
                .ok()
        });
        numbers.unwrap_or_else(|| panic!("no version in {text:?}"))
    }
}

fn candidates() -> Vec<PathBuf> {
    if let Some(folder) = std::env::var_os("PG_BIN") {
        return vec![folder.into()];
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for versions in VERSIONS {
        let mut found: Vec<(u32, PathBuf)> = fs::read_dir(versions)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let version = path.file_name()?.to_str()?.parse().ok()?;
                Some((version, path.join("bin")))
            })
            .collect();
        found.sort();
        folders.extend(found.into_iter().rev().map(|(_, folder)| folder));
    }
    folders.push("/usr/local/bin".into());
    folders.push("/usr/local/pgsql/bin".into());
    folders
}

/// The folder that a program in `folder` really lives in, with the others: there may be links to some of them only.
fn home(folder: &Path) -> Option<PathBuf> {
    let initdb = folder.join("initdb").canonicalize().ok()?;
    let home = initdb.parent()?.to_owned();
    home.join("postgres").exists().then_some(home)
}

fn account(name: &str) -> Option<Account> {
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    accounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [found, _, uid, gid, ..] if found == name => Some(Account {
                uid: uid.parse().ok()?,
                gid: gid.parse().ok()?,
            }),
            _ => None,
        }
    })
}
