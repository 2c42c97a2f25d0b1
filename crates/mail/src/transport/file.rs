//! Messages as files, for trying things out and for relays that pick up a directory.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    sync::Arc,
};

use domain::retry::Failure;
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
