//! What the DNS says in tests: records that were written down, and a name server that tells them.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, MX, PTR, TXT},
    },
};
use tokio::{net::UdpSocket, task::JoinHandle};

/// The longest string in a TXT record, in bytes (RFC 1035, 3.3.14).
const STRING_MAX_LEN: usize = 255;

/// Records by name and type, or why nobody knows.
#[derive(Clone, Debug, Default)]
pub struct Zone(BTreeMap<(String, RecordType), Result<Vec<RData>, String>>);

impl Zone {
    /// Reads lines of name, type and value: `shop.example MX mx.shop.example`. The value `FAIL` stands
    /// for a server that does not know.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut zone = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.split_whitespace();
            let (name, kind) = (words.next().unwrap(), words.next().unwrap());
            let kind: RecordType = kind.parse().unwrap();
            let value = words.collect::<Vec<_>>().join(" ");
            let records = zone.entry((name.to_owned(), kind)).or_insert_with(|| Ok(Vec::new()));
            if value == "FAIL" {
                *records = Err("the name server does not answer".to_owned());
            } else {
                records.as_mut().unwrap().push(data(kind, &value));
            }
        }
        Self(zone)
    }

    /// The records of a type at a name; none if there is no such name.
    pub fn ask(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, String> {
        self.0.get(&(name.to_owned(), kind)).cloned().unwrap_or_else(|| Ok(Vec::new()))
    }
}

fn data(kind: RecordType, value: &str) -> RData {
    let host = || Name::from_ascii(format!("{value}.")).unwrap();
    match kind {
        RecordType::A => RData::A(A(value.parse().unwrap())),
        RecordType::TXT => {
            RData::TXT(TXT::from_bytes(value.as_bytes().chunks(STRING_MAX_LEN).collect()))
        }
        RecordType::MX if value == "." => RData::MX(MX::new(0, Name::root())),
        RecordType::MX => RData::MX(MX::new(10, host())),
        RecordType::PTR => RData::PTR(PTR(host())),
        kind => panic!("{kind} is not among these"),
    }
}

/// A name server on a free port of the loopback interface. Ends when dropped.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    answering: JoinHandle<()>,
}

impl NameServer {
    /// Starts one that knows the records of [`Zone::read`].
    pub async fn start(records: &str) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Arc::new(Mutex::new(Zone::read(records)));
        let answering = tokio::spawn(answer(socket, Arc::clone(&zone)));
        Self { address, zone, answering }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it knows these records.
    pub fn publish(&self, records: &str) {
        *self.zone.lock().unwrap() = Zone::read(records);
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

async fn answer(socket: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut asked = [0; 1024];
    while let Ok((len, from)) = socket.recv_from(&mut asked).await {
        let Ok(mut message) = Message::from_vec(&asked[..len]).map(Message::into_response) else {
            continue;
        };
        let Some(query) = message.queries.first().cloned() else { continue };
        let name = query.name().to_ascii().to_lowercase();
        let found = zone.lock().unwrap().ask(name.trim_end_matches('.'), query.query_type());
        match found {
            Ok(records) => message.answers.extend(
                records.into_iter().map(|data| Record::from_rdata(query.name().clone(), 60, data)),
            ),
            Err(_) => message.metadata.response_code = ResponseCode::ServFail,
        }
        // Who is gone does not hear it.
        let _heard = socket.send_to(&message.to_vec().unwrap(), from).await;
    }
}
