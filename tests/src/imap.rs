//! Dovecot, started for one test on a free loopback port: a mailbox as mail servers have it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::servers::{PATIENCE, Process, free_port, wait_until};

/// The user of the mailbox, and the password.
pub const USER: &str = "bounces";
/// See [`USER`].
pub const PASSWORD: &str = "password-of-the-mailbox";

/// Whom Dovecot runs as: it gives no mail to root.
const NOBODY: &str = "nobody";

/// A mailbox behind IMAP with TLS, both ways, with a certificate of its own.
#[derive(Debug)]
pub struct Dovecot {
    process: Option<Process>,
    dir: PathBuf,
    /// Where it speaks TLS from the first byte, on 127.0.0.1.
    pub port: u16,
    /// Where it is to be asked for TLS.
    pub starttls_port: u16,
}

impl Dovecot {
    /// Starts it with an empty mailbox, and waits until it answers.
    #[must_use]
    pub fn start() -> Self {
        let made = unprivileged("mktemp").args(["-d", "-t", "afs-imap-XXXXXX"]).output().unwrap();
        let dir = PathBuf::from(String::from_utf8(made.stdout).unwrap().trim());
        let (port, starttls_port) = (free_port(), free_port());
        let mut dovecot = Self { process: None, dir, port, starttls_port };
        for folder in ["new", "cur", "tmp"] {
            let folder = dovecot.dir.join("mail").join(folder);
            assert!(unprivileged("mkdir").arg("-p").arg(folder).status().unwrap().success());
        }
        dovecot.make_certificate();
        dovecot.write("dovecot.conf", dovecot.config().as_bytes());
        dovecot.start_again();
        dovecot
    }

    /// Starts it again on the same port, with the same mails.
    pub fn start_again(&mut self) {
        let mut command = unprivileged("dovecot");
        command.arg("-F").arg("-c").arg(self.dir.join("dovecot.conf")).stderr(Stdio::null());
        self.process = Some(Process::start(&mut command));
        let ports = [self.port, self.starttls_port];
        let answers = |port| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        wait_until("dovecot answers", PATIENCE, || ports.into_iter().all(answers));
    }

    /// Ends it; mails stay.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It takes its children with it.
            process.signal("TERM");
            process.wait();
        }
    }

    /// The certificate that it shows.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.dir.join("cert.pem")
    }

    /// What it wrote down of who came, and how.
    #[must_use]
    pub fn log(&self) -> String {
        fs_err::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// A mail arrives.
    pub fn deliver(&self, name: &str, mail: &[u8]) {
        self.write(&format!("mail/tmp/{name}"), mail);
        let (from, to) =
            (self.dir.join("mail/tmp").join(name), self.dir.join("mail/new").join(name));
        assert!(unprivileged("mv").arg(from).arg(to).status().unwrap().success());
    }

    /// The names of the mails that are there, with their flags.
    #[must_use]
    pub fn mails(&self) -> Vec<String> {
        let folders = ["new", "cur"].map(|folder| self.dir.join("mail").join(folder));
        let files = folders.iter().filter_map(|folder| fs_err::read_dir(folder).ok()).flatten();
        files.flatten().map(|file| file.file_name().to_string_lossy().into_owned()).collect()
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.dir.join(name);
        fs_err::write(&path, content).unwrap();
        if is_root() {
            let owner = format!("{NOBODY}:");
            assert!(Command::new("chown").arg(owner).arg(path).status().unwrap().success());
        }
    }

    fn make_certificate(&self) {
        let made = unprivileged("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-nodes", "-days", "2", "-subj", "/CN=imap.test"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(self.dir.join("key.pem"))
            .arg("-out")
            .arg(self.ca_file())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn config(&self) -> String {
        let id = |option: &str| {
            let output = unprivileged("id").arg(option).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let (user, group, uid, gid) = (id("-un"), id("-gn"), id("-u"), id("-g"));
        let (dir, port, starttls_port) = (self.dir.display(), self.port, self.starttls_port);
        format!(
            "protocols = imap
listen = 127.0.0.1
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = {uid}
first_valid_gid = {gid}
ssl = required
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/key.pem
mail_location = maildir:{dir}/mail
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {starttls_port}
  }}
  inet_listener imaps {{
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
passdb {{
  driver = static
  args = user={USER} password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}
}}
"
        )
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.stop();
        let _gone = fs_err::remove_dir_all(&self.dir);
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
}

fn unprivileged(program: &str) -> Command {
    let program = if Path::new("/usr/sbin").join(program).exists() {
        format!("/usr/sbin/{program}")
    } else {
        program.to_owned()
    };
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", "nogroup", "--clear-groups", "--", &program]);
    command
}
