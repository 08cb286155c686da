//! Writes mails as .eml files into a folder while there is no mail server. They hold links and codes that work: their owner
//! alone may read them, and the log names no more than the file.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use uuid::Uuid;

use super::{Letter, MailError, SendError, Sent};
use crate::files::{adopt, folder_of};

/// Bytes of what is written to find out whether there is room: as many as a mail may have.
const PROBE: usize = 16 * 1024;

/// The folder. It is made when there is something to put into it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Writes `message` under the name of `letter`. A reader of the folder sees the whole file or none.
    pub async fn write(&self, letter: &Letter, message: Vec<u8>) -> Result<Sent, SendError> {
        let kind = letter.kind.as_str();
        let name = format!("{}-{kind}-{}.eml", letter.at.compact(), letter.id);
        let path = self
            .run(move |folder| write(folder, &name, &message))
            .await?;
        tracing::info!(mail.kind = kind, mail.file = %path.display(), "mail written, not sent");
        Ok(Sent::File(path))
    }

    /// Fails when no file can be written. A folder that is missing is not made: the one above, where it will be, is looked at.
    pub fn check(&self) -> Result<(), MailError> {
        let here = Path::new(".");
        let above = self.0.ancestors().find(|path| path.exists());
        let above = above.unwrap_or(here);
        let name = format!(".vestibule-{}.probe", std::process::id());
        let probed = write(above, &name, &[]).and_then(fs::remove_file);
        probed.map_err(|source| MailError::Folder {
            path: self.0.clone(),
            source,
        })
    }

    /// Finds out whether the mail of this id could be written: writes a file, and deletes it.
    pub async fn ask(&self, id: Uuid) -> Result<(), SendError> {
        let name = format!(".{id}.probe");
        self.run(move |folder| fs::remove_file(write(folder, &name, &[0; PROBE])?))
            .await
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, SendError> {
        let folder = self.0.clone();
        let done = tokio::task::spawn_blocking(move || job(&folder)).await;
        done.map_err(io::Error::from).flatten().map_err(|error| {
            SendError::Unreachable(format!("MAIL_OUTBOX_DIR {}: {error}", self.0.display()))
        })
    }
}

fn write(folder: &Path, name: &str, message: &[u8]) -> io::Result<PathBuf> {
    make_private(folder)?;
    let draft = folder.join(format!(".{name}.part"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let path = folder.join(name);
    let written = file
        .write_all(message)
        .and_then(|()| file.sync_all())
        // A command run by root is not to shut out the service.
        .inspect(|()| adopt(&draft, folder))
        .and_then(|()| fs::rename(&draft, &path));
    if written.is_err() {
        // What went wrong is told; that the rest of it stays is not worth another word.
        let _ = fs::remove_file(&draft);
    }
    written.map(|()| path)
}

/// Makes the folder for its owner alone. One that is there keeps the permissions that it has.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let is_new = !folder.exists();
    builder.create(folder)?;
    if is_new {
        adopt(folder, folder_of(folder));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Values};
    use super::*;
    use crate::clock::Timestamp;

    fn letter() -> Letter {
        Letter {
            id: Uuid::from_u128(7),
            kind: Kind::Test,
            language: None,
            to: "ada@example.com".to_owned(),
            at: Timestamp::from_seconds(1_764_179_023),
            values: Values::default(),
        }
    }

    const NAME: &str = "20251126T174343Z-test-00000000-0000-0000-0000-000000000007.eml";

    #[tokio::test]
    async fn a_mail_is_a_private_file_in_a_private_folder_and_replaces_itself() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("deep/outbox");
        let folder = Folder::new(&path);
        folder
            .write(&letter(), b"first".to_vec())
            .await
            .expect("writes");
        let sent = folder
            .write(&letter(), b"second".to_vec())
            .await
            .expect("writes");
        assert_eq!(sent, Sent::File(path.join(NAME)));
        let names: Vec<_> = fs::read_dir(&path)
            .expect("lists")
            .map(|entry| entry.expect("one").file_name())
            .collect();
        assert_eq!(names, [NAME]);
        assert_eq!(fs::read(path.join(NAME)).expect("reads"), b"second");
        #[cfg(unix)]
        for (path, mode) in [(path.clone(), 0o700), (path.join(NAME), 0o600)] {
            let permissions = fs::metadata(path).expect("there").permissions();
            let found = std::os::unix::fs::PermissionsExt::mode(&permissions);
            assert_eq!(found & 0o777, mode);
        }
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_not_the_mails_fault() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("file");
        fs::write(&path, "").expect("writes");
        let folder = Folder::new(&path);
        let sent = folder.write(&letter(), b"mail".to_vec()).await;
        let Err(SendError::Unreachable(message)) = sent else {
            panic!("{sent:?}");
        };
        assert!(message.starts_with("MAIL_OUTBOX_DIR "), "{message}");
        assert_eq!(
            folder.ask(letter().id).await,
            Err(SendError::Unreachable(message))
        );
    }

    #[tokio::test]
    async fn asking_whether_it_can_be_written_leaves_nothing_behind() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("outbox");
        let asked = Folder::new(&path).ask(letter().id).await;
        asked.expect("can be written");
        assert_eq!(fs::read_dir(&path).expect("is there").count(), 0);
    }
}
