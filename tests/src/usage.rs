//! What a process takes of the machine.

use std::path::PathBuf;

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Memory, in MiB.
    pub rss_mib: usize,
    /// Open descriptors.
    pub descriptors: usize,
    /// Those of them that are sockets.
    pub sockets: usize,
}

impl Usage {
    /// What this process holds now.
    #[must_use]
    pub fn of(process_id: u32) -> Self {
        let process = format!("/proc/{process_id}");
        let status = fs_err::read_to_string(format!("{process}/status")).unwrap();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: usize = rss.trim_end_matches("kB").trim().parse().unwrap();
        let descriptors: Vec<_> = fs_err::read_dir(format!("{process}/fd"))
            .unwrap()
            // One that was closed while we looked does not count.
            .filter_map(|descriptor| fs_err::read_link(descriptor.ok()?.path()).ok())
            .collect();
        let is_socket = |target: &&PathBuf| target.to_string_lossy().starts_with("socket:");
        Self {
            rss_mib: kib / 1024,
            descriptors: descriptors.len(),
            sockets: descriptors.iter().filter(is_socket).count(),
        }
    }
}
