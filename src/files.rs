//! Files that others must not find half-made, replaced or out of their reach: putting them in place, and whose they are. Reading
//! files that an operator names.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Files of this process that are not finished.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Until this is dropped, [`delete_unfinished`] deletes a file.
pub struct Unfinished(PathBuf);

impl Unfinished {
    pub fn at(path: &Path) -> Self {
        unfinished().push(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let mut all = unfinished();
        if let Some(index) = all.iter().position(|path| *path == self.0) {
            all.swap_remove(index);
        }
    }
}

/// Deletes what this process has begun and will not finish, since it ends.
pub fn delete_unfinished() {
    for path in unfinished().iter() {
        let _ = fs::remove_file(path);
    }
}

use zeroize::Zeroizing;

/// Puts the finished file `draft` at `place` in one step, unless something is there: then it fails with `AlreadyExists`.
/// Afterwards there is no `draft` any more, unless this failed.
pub fn publish(draft: &Path, place: &Path) -> io::Result<()> {
    publish_by(&[link, rename_unless_there, claim_and_rename], draft, place)
}

type Way = fn(&Path, &Path) -> io::Result<()>;

/// Goes through the ways until the file system knows one.
fn publish_by(ways: &[Way], draft: &Path, place: &Path) -> io::Result<()> {
    let mut outcome = Err(ErrorKind::Unsupported.into());
    for way in ways {
        outcome = way(draft, place);
        match &outcome {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return outcome,
            Err(_) if place.symlink_metadata().is_ok() => {
                return Err(ErrorKind::AlreadyExists.into());
            }
            Err(_) => (),
        }
    }
    outcome
}

/// A link, unlike a rename, replaces nothing. Shared folders and FAT have none.
fn link(draft: &Path, place: &Path) -> io::Result<()> {
    fs::hard_link(draft, place)?;
    fs::remove_file(draft)
}

#[cfg(target_os = "linux")]
fn rename_unless_there(draft: &Path, place: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(
        CWD,
        draft,
        CWD,
        place,
        RenameFlags::NOREPLACE,
    )?)
}

#[cfg(not(target_os = "linux"))]
fn rename_unless_there(_draft: &Path, _place: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// Every file system makes a file for one alone. Until it is replaced it is empty, which readers have to wait out.
fn claim_and_rename(draft: &Path, place: &Path) -> io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(place)?;
    fs::rename(draft, place).inspect_err(|_| drop(fs::remove_file(place)))
}

/// Gives what root has made at `path` to the owner of `like`, so that a command run by root shuts out no service. Does nothing for
/// any other user, who makes files of their own only. Root may lack the right to give files away: that is told.
#[cfg(unix)]
pub fn adopt(path: &Path, like: &Path) {
    use std::os::unix::fs::{MetadataExt, chown};
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let given = fs::metadata(like).and_then(|owner| {
        let made = fs::metadata(path)?;
        if owner.uid() == 0 || (owner.uid(), owner.gid()) == (made.uid(), made.gid()) {
            return Ok(());
        }
        chown(path, Some(owner.uid()), Some(owner.gid()))
    });
    if let Err(error) = given {
        tracing::warn!(
            "{} belongs to root, whom {} does not belong to: {error}",
            path.display(),
            like.display()
        );
    }
}

#[cfg(not(unix))]
pub fn adopt(_path: &Path, _like: &Path) {}

/// Reads a file that an operator names, without the byte order mark that editors put before a text. What is no regular file is
/// refused: to read a pipe would wait for its other end without a word, and a device may have no end.
pub fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Zeroizing::new(fs::read(path)?);
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(bytes)
}

/// The same for a text.
pub fn read_text(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut bytes = read(path)?;
    let text = String::from_utf8(std::mem::take(&mut *bytes));
    let text = text.map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        io::Error::new(ErrorKind::InvalidData, "bytes that are no UTF-8")
    });
    text.map(Zeroizing::new)
}

/// UTF-8's.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The folder that a file is in, or will be.
pub fn folder_of(file: &Path) -> &Path {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_replaces_nothing_and_leaves_no_draft() {
        let no_links: Way = |_, _| Err(ErrorKind::PermissionDenied.into());
        for ways in [
            &[link as Way][..],
            &[no_links, rename_unless_there],
            &[no_links, no_links, claim_and_rename],
            &[no_links, rename_unless_there, claim_and_rename],
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let (draft, place) = (folder.path().join("draft"), folder.path().join("place"));
            fs::write(&draft, "first").expect("writes");
            publish_by(ways, &draft, &place).expect("publishes");
            assert!(!draft.exists());
            fs::write(&draft, "second").expect("writes");
            let refused = publish_by(ways, &draft, &place).expect_err("is there");
            assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(&place).expect("reads"), "first");
        }
    }
}
