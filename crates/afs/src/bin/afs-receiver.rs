//! See [`afs::cli::afs_receiver`].

fn main() -> std::process::ExitCode {
    afs::cli::afs_receiver()
}
