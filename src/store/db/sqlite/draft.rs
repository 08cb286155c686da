//! A file in the making: beside its place, for its owner alone, and nothing of it left unless it was finished.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::files;

/// What SQLite keeps beside a file while it is open.
const BESIDE: &[&str] = &["-journal", "-wal", "-shm"];

/// A file that is not in its place yet; deleted when it is dropped.
pub struct Draft {
    path: PathBuf,
    place: PathBuf,
}

impl Draft {
    /// An empty file beside `place`.
    pub fn new(place: &Path) -> io::Result<Self> {
        let draft = Self {
            path: with_suffix(place, &format!(".{}.partial", std::process::id())),
            place: place.to_owned(),
        };
        // One that a process with our number left behind is of no use.
        draft.delete();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&draft.path)?;
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
        let _ = fs::remove_file(&self.path);
        for suffix in BESIDE {
            let _ = fs::remove_file(with_suffix(&self.path, suffix));
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
