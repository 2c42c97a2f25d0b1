//! Messages as files.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

mod common;

use common::outgoing;
use domain::retry::Failure;
use mail::{Fault, Files, Memory, SendError, Stage, Transport};

#[tokio::test]
async fn a_message_becomes_one_file_and_a_repeat_replaces_it() {
    let directory = tempfile::tempdir().unwrap();
    let transport = Transport::Files(Files::open(directory.path().join("new")).unwrap());
    transport.check().await.unwrap();
    for to in ["anna@x.example", "berta@x.example"] {
        transport.send(&outgoing("a.1", to)).await.unwrap();
    }
    let files: Vec<_> =
        fs_err::read_dir(directory.path().join("new")).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].file_name(), "a.1@shop.example.eml");
    assert_eq!(fs_err::read(files[0].path()).unwrap(), outgoing("a.1", "berta@x.example").bytes());
}

#[tokio::test]
async fn a_directory_that_is_gone_is_a_temporary_failure() {
    let directory = tempfile::tempdir().unwrap();
    let transport = Transport::Files(Files::open(directory.path()).unwrap());
    directory.close().unwrap();
    let error = transport.send(&outgoing("a", "anna@x.example")).await.unwrap_err();
    assert_eq!((error.stage, error.failure), (Stage::Content, Failure::Temporary));
    assert_eq!(transport.check().await.unwrap_err().error.failure, Failure::Temporary);
}

#[tokio::test]
async fn memory_keeps_what_it_accepts_and_fails_when_told() {
    let memory = Memory::default();
    let transport = Transport::Memory(memory.clone());
    let error = SendError {
        stage: Stage::FinalDot,
        failure: Failure::Unknown,
        fault: Fault::Ours,
        code: None,
        text: "lost".to_owned(),
    };
    memory.fail_next(error.clone());
    assert_eq!(transport.send(&outgoing("a", "anna@x.example")).await, Err(error));
    transport.send(&outgoing("b", "anna@x.example")).await.unwrap();
    assert_eq!(memory.sent(), [outgoing("b", "anna@x.example")]);
}
