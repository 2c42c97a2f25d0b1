//! Messages as files, for trying things out and for relays that pick up a directory.

use std::{
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use domain::{EmailAddress, Mention, retry::Failure};
use tempfile::NamedTempFile;

use super::{Accepted, Fault, SendError, Stage, without_addresses};
use crate::Outgoing;

/// Writes each message as `<message id>.eml` into a directory.
///
/// A file appears complete or not at all, and survives a power cut. A repeat of the same message
/// replaces its file.
#[derive(Clone, Debug)]
pub struct Files {
    directory: Arc<PathBuf>,
}

impl Files {
    /// Writes into this directory, which is created if it does not exist.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fs_err::create_dir_all(&directory)?;
        Ok(Self { directory: Arc::new(directory) })
    }

    /// The files whose message goes to this address, in order. Also what a killed process left half-written.
    pub fn mails_to(&self, address: &EmailAddress) -> io::Result<Vec<PathBuf>> {
        let mention = Mention::of(address);
        let mut found = Vec::new();
        for entry in fs_err::read_dir(&*self.directory)? {
            let path = entry?.path();
            // A relay may take away what it has read.
            match head(&path) {
                Ok(head) if recipients(&head).any(|to| mention.is_in(&to)) => found.push(path),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        found.sort();
        Ok(found)
    }

    pub(super) async fn send(&self, outgoing: &Outgoing) -> Result<Accepted, SendError> {
        let name = format!("{}.eml", outgoing.message_id());
        let bytes = outgoing.bytes().to_owned();
        self.in_directory(move |directory| {
            let mut file = NamedTempFile::new_in(directory)?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            file.persist(directory.join(name))?;
            // The name itself is on disk only when the directory is.
            fs_err::File::open(directory)?.sync_all()
        })
        .await?;
        Ok(Accepted { reply: "written".to_owned() })
    }

    pub(super) async fn check(&self) -> Result<(), SendError> {
        self.in_directory(|directory| NamedTempFile::new_in(directory).map(drop)).await
    }

    async fn in_directory(
        &self,
        work: impl FnOnce(&PathBuf) -> io::Result<()> + Send + 'static,
    ) -> Result<(), SendError> {
        let directory = Arc::clone(&self.directory);
        tokio::task::spawn_blocking(move || work(&directory))
            .await
            .unwrap_or_else(|panic| Err(io::Error::other(panic)))
            .map_err(|error| SendError {
                stage: Stage::Content,
                // A repeat replaces the file, so half a success needs no third state.
                failure: Failure::Temporary,
                fault: Fault::Ours,
                code: None,
                text: without_addresses(&error.to_string(), None),
            })
    }
}

/// The most that is read of a message to find out whom it goes to.
const HEAD_MAX: u64 = 64 << 10;

/// The header of the message in a file; nothing if it is not a file.
fn head(path: &Path) -> io::Result<String> {
    let file = fs_err::File::open(path)?;
    let mut head = Vec::new();
    if file.metadata()?.is_file() {
        file.take(HEAD_MAX).read_to_end(&mut head)?;
    }
    let head = String::from_utf8_lossy(&head);
    Ok(head.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " "))
}

/// The values of the `To` fields of a header whose lines are unfolded.
fn recipients(head: &str) -> impl Iterator<Item = String> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.filter(|(name, _)| name.eq_ignore_ascii_case("to")).map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_are_found_by_whom_they_go_to() {
        let dir = tempfile::tempdir().unwrap();
        for (name, message) in [
            ("b.eml", "Subject: x\r\nTo: =?utf-8?b?w4VzYQ==?=\r\n <Anna@x.example>\r\n\r\nHi"),
            ("a.eml", "to: anna@X.example\r\n\r\nHi"),
            ("c.eml", "To: joanna@x.example\r\n\r\nanna@x.example\r\nTo: anna@x.example"),
            ("d.eml", "To: bob@x.example\r\nReply-To: anna@x.example\r\n\r\nHi"),
            ("e.eml", ""),
        ] {
            fs_err::write(dir.path().join(name), message).unwrap();
        }
        fs_err::create_dir(dir.path().join("more")).unwrap();
        let files = Files::open(dir.path()).unwrap();
        let found = files.mails_to(&EmailAddress::parse("anna@x.example").unwrap()).unwrap();
        assert_eq!(found, ["a.eml", "b.eml"].map(|name| dir.path().join(name)));
    }
}
