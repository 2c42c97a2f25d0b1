//! See [`afs::cli::afs_worker`].

fn main() -> std::process::ExitCode {
    afs::cli::afs_worker()
}
