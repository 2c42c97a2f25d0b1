//! A shop platform's API, as far as it tells about orders.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// Answers what it was told to, by path; anything else with 404. Ends when dropped.
#[derive(Debug)]
pub struct Platform {
    /// Where it is, for `shops.<id>.api.url`.
    pub url: String,
    told: Arc<Mutex<Told>>,
    released: Arc<Notify>,
    serving: tokio::task::AbortHandle,
}

#[derive(Debug, Default)]
struct Told {
    answers: BTreeMap<String, (u16, Vec<u8>)>,
    held: BTreeSet<String>,
    asked: Vec<String>,
}

impl Platform {
    /// Starts it; it knows no order yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::<Mutex<Told>>::default();
        let released = Arc::<Notify>::default();
        let serving = tokio::spawn({
            let (told, released) = (told.clone(), released.clone());
            async move {
                loop {
                    let (connection, _) = listener.accept().await.unwrap();
                    // A client that hangs up is no concern of ours.
                    tokio::spawn(answer(connection, told.clone(), released.clone()));
                }
            }
        });
        Self { url, told, released, serving: serving.abort_handle() }
    }

    /// The same, for who connects.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// From now on a GET of this path, query included, is answered so.
    pub fn answers(&self, path: &str, status: u16, body: impl Into<Vec<u8>>) {
        self.told.lock().unwrap().answers.insert(path.to_owned(), (status, body.into()));
    }

    /// From now on who asks for this path waits for an answer.
    pub fn hold(&self, path: &str) {
        self.told.lock().unwrap().held.insert(path.to_owned());
    }

    /// Answers everybody who waits, and who asks from now on.
    pub fn release(&self, path: &str) {
        self.told.lock().unwrap().held.remove(path);
        self.released.notify_waiters();
    }

    /// How often this path was asked for.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        self.told.lock().unwrap().asked.iter().filter(|asked| *asked == path).count()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    connection: TcpStream,
    told: Arc<Mutex<Told>>,
    released: Arc<Notify>,
) -> std::io::Result<()> {
    let mut connection = BufReader::new(connection);
    let path = target(&mut connection).await?;
    told.lock().unwrap().asked.push(path.clone());
    loop {
        // Begins to listen before it looks: a release in between is not missed.
        let release = released.notified();
        if !told.lock().unwrap().held.contains(&path) {
            break;
        }
        release.await;
    }
    let answer = told.lock().unwrap().answers.get(&path).cloned();
    let (status, body) = answer.unwrap_or((404, vec![]));
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} so\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(&body).await
}

/// What a request is about; its head is read whole.
pub(crate) async fn target(connection: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut first = String::new();
    connection.read_line(&mut first).await?;
    let mut line = String::new();
    while connection.read_line(&mut line).await? > 2 {
        line.clear();
    }
    Ok(first.split(' ').nth(1).unwrap_or_default().to_owned())
}
