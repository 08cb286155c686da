//! A file in the making: beside its place, for its owner alone, and nothing of it left unless it was finished.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::files::{self, Unfinished};

/// What follows the number of the process in the name of a draft.
const SUFFIX: &str = ".partial";

/// What SQLite keeps beside a file while it is open.
const BESIDE: &[&str] = &["-journal", "-wal", "-shm"];

/// A file that is not in its place yet; deleted when it is dropped.
pub struct Draft {
    path: PathBuf,
    place: PathBuf,
    /// Tells other processes that it is being made. Its lock goes with the process.
    file: Option<File>,
    _unfinished: Vec<Unfinished>,
}

impl Draft {
    /// An empty file beside `place`. Those that other processes left behind are deleted.
    pub fn new(place: &Path) -> io::Result<Self> {
        let path = with_suffix(place, &format!(".{}{SUFFIX}", std::process::id()));
        let parts = [""].iter().chain(BESIDE);
        let parts = parts.map(|suffix| Unfinished::at(&with_suffix(&path, suffix)));
        let mut draft = Self {
            _unfinished: parts.collect(),
            path,
            place: place.to_owned(),
            file: None,
        };
        delete_abandoned(place);
        // One that a process with our number left behind is of no use.
        draft.delete();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&draft.path)?;
        // Not every file system has locks. Where they are mandatory, SQLite could not write.
        #[cfg(unix)]
        let _ = file.try_lock();
        draft.file = Some(file);
        files::adopt(&draft.path, files::folder_of(place));
        Ok(draft)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in its place for good, unless something is there: then it fails with `AlreadyExists`.
    pub fn publish(self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        files::publish(&self.path, &self.place)?;
        sync_folder(&self.place)
    }

    /// Puts it in its place for good, instead of what is there.
    pub fn replace(self) -> io::Result<()> {
        self.take_owner()?;
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, &self.place)?;
        sync_folder(&self.place)
    }

    /// An administrator of the machine who replaces a file is not to shut out the service that owns it.
    #[cfg(unix)]
    fn take_owner(&self) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt, chown};
        let Ok(there) = fs::metadata(&self.place) else {
            return Ok(());
        };
        let own = fs::metadata(&self.path)?;
        if (own.uid(), own.gid()) == (there.uid(), there.gid()) {
            return Ok(());
        }
        chown(&self.path, Some(there.uid()), Some(there.gid()))
    }

    #[cfg(not(unix))]
    fn take_owner(&self) -> io::Result<()> {
        Ok(())
    }

    fn delete(&self) {
        delete_all_of(&self.path);
    }
}

fn delete_all_of(draft: &Path) {
    let _ = fs::remove_file(draft);
    for suffix in BESIDE {
        let _ = fs::remove_file(with_suffix(draft, suffix));
    }
}

/// Deletes drafts of the same file whose processes were killed: the lock of such a one is free.
fn delete_abandoned(place: &Path) {
    let Some(name) = place.file_name().and_then(|name| name.to_str()) else {
        return;
    };
    let is_draft = |found: &str| {
        let rest = found.strip_prefix(name)?.strip_prefix('.')?;
        let process = rest.strip_suffix(SUFFIX)?;
        process.parse::<u32>().ok()
    };
    let entries = fs::read_dir(files::folder_of(place)).into_iter().flatten();
    for entry in entries.flatten() {
        let is_draft = entry.file_name().to_str().and_then(is_draft).is_some();
        let path = entry.path();
        if is_draft && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            delete_all_of(&path);
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.delete();
    }
}

/// `app.db` and `-wal` as `app.db-wal`.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Without it a power cut may take the file's name, though not its content.
fn sync_folder(file: &Path) -> io::Result<()> {
    let synced = File::open(files::folder_of(file)).and_then(|folder| folder.sync_all());
    match synced {
        // Network file systems may not know how.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}
