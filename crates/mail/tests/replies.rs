//! Whatever a mail server says, we neither fall over nor take it for a yes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

mod common;

use common::outgoing;
use mail::{Smtp, Transport, testkit::settings_for};
use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// Lines of a server that has lost its mind, some of them sound.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        "[2-5][0-9]{2}[ -]?([2-5]\\.[0-9]{1,3}\\.[0-9]{1,3} )?[ -~]{0,30}\r?\n"
            .prop_map(String::into_bytes),
        "(220 mx ready|250-mx\r\n250 PIPELINING|250 2\\.1\\.0 ok|354 go ahead|421 bye)\r\n"
            .prop_map(String::into_bytes),
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_a_reply_or_none(bytes in lines()) {
        if let Some((code, text)) = mail::first_reply(&bytes) {
            prop_assert!((200..600).contains(&code));
            prop_assert!(!text.contains(['\n']), "{text:?}");
            prop_assert!(text.len() <= 64 * 1024);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// The words are all said at once, before we say ours: none of them is an answer.
    #[test]
    fn a_server_that_does_not_listen_has_accepted_nothing(bytes in lines()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sent = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let settings = settings_for(listener.local_addr().unwrap());
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _gone = stream.write_all(&bytes).await;
                let _gone = stream.shutdown().await;
                let _gone = stream.read_to_end(&mut Vec::new()).await;
            });
            let transport = Transport::Smtp(Smtp::new(settings).unwrap());
            let sent = transport.send(&outgoing("a", "anna@x.example")).await;
            server.abort();
            sent
        });
        prop_assert!(sent.is_err(), "{sent:?}");
    }
}
