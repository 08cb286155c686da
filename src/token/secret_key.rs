//! Finding SECRET_KEY: from the settings, from a file, or made once beside the database.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{DatabaseUrl, Secret, Secrets, Weakness, plain, weakness};
use crate::files;
use crate::ids::Random;

/// The secret from which all keys are derived.
#[derive(Debug, Clone)]
pub struct SecretKey(Secret);

impl SecretKey {
    /// Takes a secret that is long and random enough.
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    pub(super) fn reveal(&self) -> &[u8] {
        self.0.reveal().as_bytes()
    }
}

/// Where the key came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Settings,
    File(PathBuf),
    /// Made now and written to this file.
    Created(PathBuf),
    /// Made now for this process alone: the database lives no longer either.
    Ephemeral,
}

/// Why there is no usable key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("SECRET_KEY_FILE: found {}: {source}; allowed: a readable text file", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("SECRET_KEY: unset, and the key beside the database cannot be read from {}: {source}; allowed: a readable text file, or SECRET_KEY", path.display())]
    UnreadableBeside {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("SECRET_KEY: found in {} {weakness}; allowed: 32 or more random characters, for example from `openssl rand -base64 32`", path.display())]
    Weak { path: PathBuf, weakness: Weakness },
    #[error("SECRET_KEY: unset, and no key can be kept in {}: {source}; allowed: a writable folder, or SECRET_KEY", path.display())]
    NotKept {
        path: PathBuf,
        source: std::io::Error,
    },
}

impl SecretKey {
    /// The file that holds the key, or will; `None` when it stands in the settings or nowhere.
    pub fn place(secrets: &Secrets, database: &DatabaseUrl) -> Option<PathBuf> {
        match secrets {
            Secrets { key: Some(_), .. } => None,
            Secrets { key_file, .. } if key_file.is_some() => key_file.clone(),
            _ => Self::beside(database),
        }
    }

    /// The file beside a database that holds its key where no setting names one.
    pub fn beside(database: &DatabaseUrl) -> Option<PathBuf> {
        match database {
            DatabaseUrl::File(database) => {
                let mut path = database.clone().into_os_string();
                path.push(".key");
                Some(PathBuf::from(path))
            }
            // Settings with a shared database and no key are refused.
            DatabaseUrl::Memory | DatabaseUrl::Postgres(_) => None,
        }
    }

    /// Fails when the key that there is cannot be used, or none can be made where one will be. Makes none.
    pub fn check(secrets: &Secrets, database: &DatabaseUrl) -> Result<(), Error> {
        let Some(path) = Self::place(secrets, database) else {
            return Ok(());
        };
        if secrets.key_file.is_some() {
            return read(&path).map(drop);
        }
        if path.exists() {
            return read_beside(path).map(drop);
        }
        let probe = draft(&path);
        let probed = File::create(&probe).and_then(|_| std::fs::remove_file(&probe));
        probed.map_err(|source| Error::NotKept { path, source })
    }

    /// Finds the key, making one where the settings name none.
    pub fn find(
        secrets: &Secrets,
        database: &DatabaseUrl,
        random: &dyn Random,
    ) -> Result<(Self, Found), Error> {
        if let Some(key) = &secrets.key {
            return Ok((Self(key.clone()), Found::Settings));
        }
        let Some(path) = Self::place(secrets, database) else {
            return Ok((Self(make(random)), Found::Ephemeral));
        };
        if secrets.key_file.is_some() {
            return Ok((read(&path)?, Found::File(path)));
        }
        match create(&path, database, random) {
            Ok(()) => Ok((read_beside(path.clone())?, Found::Created(path))),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Ok((read_beside(path.clone())?, Found::File(path)))
            }
            Err(source) => Err(Error::NotKept { path, source }),
        }
    }
}

/// Reads the file that no setting names.
fn read_beside(path: PathBuf) -> Result<SecretKey, Error> {
    read(&path).map_err(|error| match error {
        Error::Unreadable { source, .. } => Error::UnreadableBeside { path, source },
        error @ (Error::UnreadableBeside { .. } | Error::Weak { .. } | Error::NotKept { .. }) => {
            error
        }
    })
}

fn read(path: &Path) -> Result<SecretKey, Error> {
    let text = read_text(path).map_err(|source| Error::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    // Spelled as in a setting: with or without quotes and a newline it is one key.
    let key = Secret::new(plain(&text));
    match weakness(key.reveal()) {
        Some(weakness) => Err(Error::Weak {
            path: path.to_owned(),
            weakness,
        }),
        None => Ok(SecretKey(key)),
    }
}

/// The text of a file. On some file systems another process has to claim a name with an empty file before the key is in it.
fn read_text(path: &Path) -> std::io::Result<zeroize::Zeroizing<String>> {
    const TRIES: u32 = 20;
    for _ in 1..TRIES {
        let text = files::read_text(path)?;
        if !text.is_empty() {
            return Ok(text);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    files::read_text(path)
}

/// 256 random bits in hexadecimal.
fn make(random: &dyn Random) -> Secret {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    random.fill(bytes.as_mut_slice());
    Secret::new(
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
    )
}

/// What a key is called before it is complete.
fn draft(path: &Path) -> PathBuf {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    PathBuf::from(draft)
}

/// Writes a new key whole or not at all; fails with `AlreadyExists` when there is one, also when two processes try at
/// the same moment. It belongs to the owner of the database beside it, also when root makes it.
fn create(path: &Path, database: &DatabaseUrl, random: &dyn Random) -> std::io::Result<()> {
    if path.exists() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    let owner = match database {
        DatabaseUrl::File(database) if database.exists() => database.as_path(),
        _ => files::folder_of(path),
    };
    let draft = draft(path);
    let _unfinished = files::Unfinished::at(&draft);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // One that a process with our number left behind is of no use.
    let _ = std::fs::remove_file(&draft);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(make(random).reveal().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    let published = written
        .inspect(|()| files::adopt(&draft, owner))
        .and_then(|()| files::publish(&draft, path));
    if published.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    published
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SystemRandom;

    fn secrets() -> Secrets {
        Secrets {
            key: None,
            key_file: None,
            previous: None,
        }
    }

    #[test]
    fn makes_a_key_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = DatabaseUrl::File(folder.path().join("app.db"));
        let (first, found) = SecretKey::find(&secrets(), &database, &SystemRandom).expect("made");
        let path = folder.path().join("app.db.key");
        assert_eq!(found, Found::Created(path.clone()));
        let (second, found) = SecretKey::find(&secrets(), &database, &SystemRandom).expect("found");
        assert_eq!(found, Found::File(path.clone()));
        assert_eq!(first.reveal(), second.reveal());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path)
                .expect("there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("lists").count(),
            1,
            "no draft stays"
        );
    }

    #[test]
    fn a_key_file_is_spelled_as_people_do() {
        const KEY: &str = "5f1c0e7a9b3d48e2a6c4f0b8d7e19a23";
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        for text in [
            KEY.to_owned(),
            format!("{KEY}\r\n"),
            format!("\"{KEY}\"\n"),
            format!("\u{feff}'{KEY}'"),
            format!("'\"{KEY}\"'\n"),
        ] {
            std::fs::write(&path, &text).expect("writes");
            assert_eq!(
                read(&path).expect("a key").reveal(),
                KEY.as_bytes(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_weak_key_in_a_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "correcthorsecorrecthorsecorrecthorse").expect("writes");
        let secrets = Secrets {
            key_file: Some(path),
            ..secrets()
        };
        let error =
            SecretKey::find(&secrets, &DatabaseUrl::Memory, &SystemRandom).expect_err("weak");
        assert!(matches!(error, Error::Weak { .. }), "{error}");
    }
}
