//! Files with secrets that other users of the machine may read: one sentence each.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::{DatabaseUrl, MailTransport, Settings};
use crate::token::SecretKey;

/// Files and folders that are worth as much as the accounts in them.
pub struct Secret {
    paths: Vec<PathBuf>,
}

impl Secret {
    pub fn of(settings: &Settings) -> Self {
        let url = &settings.database.url;
        let mut paths: Vec<PathBuf> = SecretKey::place(&settings.secrets, url)
            .into_iter()
            .collect();
        if let DatabaseUrl::File(database) = url {
            let part = |suffix: &str| {
                let mut part = database.clone().into_os_string();
                part.push(suffix);
                PathBuf::from(part)
            };
            paths.extend(["", "-wal", "-journal"].map(part));
        }
        if let Some(tls) = &settings.server.tls {
            paths.push(tls.key.clone());
        }
        if let MailTransport::Folder(outbox) = &settings.mail.transport {
            paths.push(outbox.clone());
        }
        if let Some(backups) = &settings.backups {
            paths.extend(first_open_file(&backups.folder));
        }
        if settings.env_file_has_secrets {
            paths.push(PathBuf::from(super::setup::ENV_FILE));
        }
        Self { paths }
    }

    /// What of it is open to others now.
    pub fn warnings(&self) -> Vec<String> {
        self.paths.iter().filter_map(|path| warning(path)).collect()
    }
}

/// Of many backups one is enough to tell.
fn first_open_file(folder: &Path) -> Option<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "db"));
    files.sort();
    files
        .into_iter()
        .find(|file| mode(file).is_some_and(is_open))
}

fn warning(path: &Path) -> Option<String> {
    let mode = mode(path).filter(|mode| is_open(*mode))?;
    let owner = if path.is_dir() { "700" } else { "600" };
    let who = if mode & 0o007 == 0 {
        "its group"
    } else {
        "other users of this machine"
    };
    Some(format!(
        "{} is open to {who}: chmod {owner}",
        path.display()
    ))
}

fn is_open(mode: u32) -> bool {
    mode & 0o077 != 0
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(fs::metadata(path).ok()?.permissions().mode())
}

#[cfg(not(unix))]
fn mode(_path: &Path) -> Option<u32> {
    None
}
