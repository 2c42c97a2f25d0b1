//! Before TLS has come about, a server learns nothing but that we want it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use inbox::{Inbox, InboxError, Settings, Tls};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

const PASSWORD: &str = "password-of-the-mailbox";

/// What comes of opening a mailbox where the server says this, and all that it was told.
async fn open(greeting: &str, answer_to_starttls: &str) -> (InboxError, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = Settings {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        tls: Tls::StartTls,
        ca_file: None,
        username: "bounces".to_owned(),
        password: PASSWORD.into(),
        mailbox: "INBOX".to_owned(),
    };
    let server = async {
        let (connection, _) = listener.accept().await.unwrap();
        let mut connection = BufReader::new(connection);
        connection.write_all(greeting.as_bytes()).await.unwrap();
        let mut told = Vec::new();
        connection.read_until(b'\n', &mut told).await.unwrap();
        let tag = String::from_utf8_lossy(&told).split(' ').next().unwrap().to_owned();
        let answer = answer_to_starttls.replace("<tag>", &tag);
        connection.write_all(answer.as_bytes()).await.unwrap();
        // What comes next, if anything does; then it hangs up.
        let _gone = connection.read_buf(&mut told).await;
        told
    };
    let (opened, told) = tokio::join!(Inbox::open(&settings), server);
    (opened.unwrap_err(), told)
}

fn says(told: &[u8], text: &str) -> bool {
    told.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_server_without_starttls_gets_no_password() {
    for greeting in [
        "* OK ready\r\n",
        "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n",
        "* PREAUTH you are logged in\r\n",
    ] {
        for answer in ["<tag> BAD no such command\r\n", "<tag> NO not now\r\n"] {
            let (error, told) = open(greeting, answer).await;
            assert!(matches!(error, InboxError::NoStartTls), "{greeting}{answer}{error}");
            let told = String::from_utf8(told).unwrap();
            assert!(told.ends_with(" STARTTLS\r\n") && told.lines().count() == 1, "{told}");
        }
    }
}

/// What somebody on the way puts behind the answer is no answer of the server to what comes later.
#[tokio::test]
async fn what_is_said_in_plain_text_behind_the_answer_does_not_count() {
    let answer = "<tag> OK begin\r\n* OK ready\r\nA0001 OK logged in\r\nA0002 OK logged in\r\n";
    let (error, told) = open("* OK ready\r\n", answer).await;
    assert!(matches!(error, InboxError::Connect(_)), "{error}");
    assert!(!says(&told, PASSWORD) && !says(&told, "LOGIN"));
}
