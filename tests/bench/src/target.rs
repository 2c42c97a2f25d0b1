//! What takes orders, running.

use std::{net::TcpStream, process::Command, time::Duration};

use tests::servers::{Process, free_port, wait_until};

use crate::{afs::Afs, lab::built, meter::Meter};

/// A server that takes orders.
pub(crate) trait Target {
    /// Where it listens.
    fn addresses(&self) -> &[String];

    /// Its own processes, and those of its stores.
    fn meters(&self) -> [Meter; 2];

    /// How many orders it has scheduled; `None` if it stores nothing.
    fn scheduled(&self) -> anyhow::Result<Option<u64>>;
}

impl Target for Afs {
    fn addresses(&self) -> &[String] {
        &self.addresses
    }

    fn meters(&self) -> [Meter; 2] {
        [self.meter(), self.stores_meter()]
    }

    fn scheduled(&self) -> anyhow::Result<Option<u64>> {
        self.invitations("scheduled").map(Some)
    }
}

/// What an order costs at least.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// HTTP.
    Bare,
    /// HTTP, the proof of the signature, and parsing.
    Verify,
}

impl Limit {
    /// How the contestant is called in reports.
    pub(crate) const fn contestant(self) -> &'static str {
        match self {
            Self::Bare => "limit: HTTP alone",
            Self::Verify => "limit: HTTP, verify, parse",
        }
    }

    /// Starts the program that does nothing else.
    pub(crate) fn start(self) -> anyhow::Result<RunningLimit> {
        let address = format!("127.0.0.1:{}", free_port());
        let stage = match self {
            Self::Bare => "bare",
            Self::Verify => "verify",
        };
        let process = Process::start(Command::new(built("limit")?).args([stage, &address]));
        wait_until("the limit listens", Duration::from_secs(10), || {
            TcpStream::connect(&address).is_ok()
        });
        Ok(RunningLimit { process, address })
    }
}

/// A limit that runs. Ends when dropped.
pub(crate) struct RunningLimit {
    process: Process,
    address: String,
}

impl Target for RunningLimit {
    fn addresses(&self) -> &[String] {
        std::slice::from_ref(&self.address)
    }

    fn meters(&self) -> [Meter; 2] {
        [Meter::new([self.process.id()]), Meter::default()]
    }

    fn scheduled(&self) -> anyhow::Result<Option<u64>> {
        Ok(None)
    }
}
