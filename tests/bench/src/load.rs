//! A load generator: one thread that writes prepared requests to keep-alive connections.
//!
//! It shares the processors with what it measures, so it does as little as it can: no request is
//! built while it runs, and of an answer only the status and the end are looked for.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{ErrorKind, Read as _, Write as _},
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token, Waker, net::TcpStream};

use crate::{
    lab::Lab,
    meter::{Meter, as_f64},
};

/// Connections that are kept open, each with one request under way.
const CONNECTIONS: usize = 64;

/// How long the last answers are waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Longer latencies count as this one.
const LONGEST_MICROS: u64 = 60_000_000;

/// A head has fewer lines than this, or is refused.
const HEADERS_MAX: usize = 64;

/// Wakes the generator when the next request is due.
const DUE: Token = Token(usize::MAX);

/// What is posted, to whom, and for how long.
pub(crate) struct Plan<'a> {
    /// The connections are spread over these.
    pub(crate) addresses: &'a [String],
    pub(crate) requests: &'a [Vec<u8>],
    /// Each request is posted so many times, at the same time.
    pub(crate) copies: usize,
    /// Start over with the first request after the last; else the run ends there.
    pub(crate) repeat: bool,
    pub(crate) connections: usize,
    /// Requests per second, whether or not earlier ones were answered. Without it each connection
    /// posts as soon as it got its answer.
    pub(crate) rate: Option<f64>,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// The processes whose processor time counts, each group by itself.
    pub(crate) meters: &'a [Meter],
}

impl<'a> Plan<'a> {
    /// Each order once, for as long and over as many connections as orders are measured with.
    pub(crate) fn steady(lab: &'a Lab, addresses: &'a [String], meters: &'a [Meter]) -> Self {
        Self {
            addresses,
            requests: lab.requests(),
            copies: 1,
            repeat: false,
            connections: CONNECTIONS,
            rate: None,
            warm_up: lab.pace.warm_up,
            measured: lab.pace.measured,
            meters,
        }
    }
}

/// What came of it.
pub(crate) struct Load {
    /// Answers within the measured time.
    pub(crate) answered: u64,
    /// The measured time.
    pub(crate) elapsed: Duration,
    /// Latencies within it, in microseconds. At a fixed rate they count from when the request was due.
    pub(crate) latencies: Histogram<u64>,
    /// Processor time of each group of processes within it.
    pub(crate) cpu: Vec<Duration>,
    /// All answers by status, also those before and after.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// From the first request to the last answer.
    pub(crate) total: Duration,
}

impl Load {
    /// Answers per second.
    pub(crate) fn per_second(&self) -> f64 {
        as_f64(self.answered) / self.elapsed.as_secs_f64()
    }

    /// A quantile of the latencies, in milliseconds.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        as_f64(self.latencies.value_at_quantile(quantile)) / 1e3
    }

    /// Processor time per answer of a group, in microseconds.
    pub(crate) fn cpu_micros(&self, group: usize) -> f64 {
        self.cpu[group].as_secs_f64() * 1e6 / as_f64(self.answered.max(1))
    }

    /// Answers of this status.
    pub(crate) fn count(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    /// How many were accepted; an error if any was not.
    pub(crate) fn all_accepted(&self) -> anyhow::Result<u64> {
        self.ensure_only(&[200])?;
        Ok(self.count(200))
    }

    /// An error if there are answers of other statuses than these.
    pub(crate) fn ensure_only(&self, statuses: &[u16]) -> anyhow::Result<()> {
        let others = self.statuses.keys().any(|status| !statuses.contains(status));
        anyhow::ensure!(!others, "answers by status: {:?}", self.statuses);
        Ok(())
    }
}

/// Posts as planned and waits for all answers.
pub(crate) fn run(plan: &Plan<'_>) -> anyhow::Result<Load> {
    let mut generator = Generator::new(plan)?;
    let Some(rate) = plan.rate else { return generator.run() };
    let waker = Waker::new(generator.poll.registry(), DUE)?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // The poll's own time-out counts in milliseconds; a thread that sleeps is far more exact.
        scope.spawn(|| pace(rate, &waker, &over));
        let load = generator.run();
        over.store(true, Ordering::Relaxed);
        load
    })
}

fn pace(rate: f64, waker: &Waker, over: &AtomicBool) {
    let started = Instant::now();
    for number in 0_u64.. {
        let due = started + Duration::from_secs_f64(as_f64(number) / rate);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if over.load(Ordering::Relaxed) || waker.wake().is_err() {
            return;
        }
    }
}

struct Generator<'a> {
    plan: &'a Plan<'a>,
    addresses: Vec<SocketAddr>,
    poll: Poll,
    connections: Vec<Connection>,
    /// Connections without a request, the longest idle first: servers close those that rest.
    idle: VecDeque<usize>,
    posted: usize,
    started: Instant,
    /// No more requests are posted.
    is_over: bool,
    statuses: BTreeMap<u16, u64>,
    window: Option<Window>,
}

/// The time that is measured.
struct Window {
    opened: Instant,
    cpu: Vec<Duration>,
    latencies: Histogram<u64>,
}

impl<'a> Generator<'a> {
    fn new(plan: &'a Plan<'a>) -> anyhow::Result<Self> {
        let addresses: Vec<SocketAddr> =
            plan.addresses.iter().map(|address| address.parse()).collect::<Result<_, _>>()?;
        let poll = Poll::new()?;
        let connections = (0..plan.connections).map(|at| Connection::open(&addresses, &poll, at));
        Ok(Self {
            plan,
            connections: connections.collect::<Result<_, _>>()?,
            addresses,
            poll,
            idle: (0..plan.connections).collect(),
            posted: 0,
            started: Instant::now(),
            is_over: false,
            statuses: BTreeMap::new(),
            window: None,
        })
    }

    fn run(&mut self) -> anyhow::Result<Load> {
        let mut events = Events::with_capacity(1024);
        self.started = Instant::now();
        let opens = self.started + self.plan.warm_up;
        let closes = opens + self.plan.measured;
        while Instant::now() < closes && !self.has_posted_all() {
            if self.window.is_none() && Instant::now() >= opens {
                self.window = Some(Window::open(self.plan.meters)?);
            }
            self.turn(&mut events)?;
        }
        self.is_over = true;
        let window = self.window.take().context("all was posted before the warm-up was over")?;
        let (elapsed, cpu) = (window.opened.elapsed(), window.cpu_since(self.plan.meters));
        let latencies = window.latencies;
        let patience = Instant::now() + PATIENCE;
        while self.idle.len() < self.connections.len() {
            anyhow::ensure!(Instant::now() < patience, "not all requests are answered");
            self.turn(&mut events)?;
        }
        let statuses = std::mem::take(&mut self.statuses);
        let total = self.started.elapsed();
        Ok(Load { answered: latencies.len(), elapsed, latencies, cpu, statuses, total })
    }

    /// Posts what is due, and looks for answers once.
    fn turn(&mut self, events: &mut Events) -> anyhow::Result<()> {
        self.post_due()?;
        if let Err(error) = self.poll.poll(events, Some(Duration::from_millis(10))) {
            anyhow::ensure!(error.kind() == ErrorKind::Interrupted, "{error}");
        }
        for event in events.iter().filter(|event| event.token() != DUE) {
            let at = event.token().0;
            if event.is_writable() {
                self.connections[at].write(self.plan.requests)?;
            }
            if event.is_readable() {
                self.read(at)?;
                self.post_due()?;
            }
        }
        Ok(())
    }

    fn post_due(&mut self) -> anyhow::Result<()> {
        while let (Some(&at), Some(begin)) = (self.idle.front(), self.next_begin()) {
            self.idle.pop_front();
            let connection = &mut self.connections[at];
            connection.request = self.posted / self.plan.copies % self.plan.requests.len();
            connection.written = 0;
            connection.begin = Some(begin);
            self.posted += 1;
            connection.write(self.plan.requests)?;
        }
        Ok(())
    }

    /// From when the next request counts, if it may be posted now.
    fn next_begin(&self) -> Option<Instant> {
        if self.is_over || self.has_posted_all() {
            return None;
        }
        let now = Instant::now();
        let Some(rate) = self.plan.rate else { return Some(now) };
        let due = self.started + Duration::from_secs_f64(as_f64(self.posted as u64) / rate);
        (due <= now).then_some(due)
    }

    fn has_posted_all(&self) -> bool {
        !self.plan.repeat && self.posted == self.plan.requests.len() * self.plan.copies
    }

    fn read(&mut self, at: usize) -> anyhow::Result<()> {
        let connection = &mut self.connections[at];
        let is_open = connection.fill()?;
        if let Some(answer) = connection.answer()? {
            let begin = connection.begin.take().context("an answer that nobody asked for")?;
            connection.read.clear();
            *self.statuses.entry(answer.status).or_default() += 1;
            if let Some(window) = &mut self.window {
                let micros = u64::try_from(begin.elapsed().as_micros()).unwrap_or(LONGEST_MICROS);
                window.latencies.saturating_record(micros.max(1));
            }
            if answer.closes || !is_open {
                self.connections[at] = Connection::open(&self.addresses, &self.poll, at)?;
            }
            self.idle.push_back(at);
        } else if !is_open {
            anyhow::ensure!(
                connection.begin.is_none(),
                "the server closed a connection unanswered"
            );
            self.connections[at] = Connection::open(&self.addresses, &self.poll, at)?;
        }
        Ok(())
    }
}

impl Window {
    fn open(meters: &[Meter]) -> anyhow::Result<Self> {
        Ok(Self {
            cpu: meters.iter().map(Meter::cpu).collect(),
            latencies: Histogram::new_with_max(LONGEST_MICROS, 3)?,
            opened: Instant::now(),
        })
    }

    fn cpu_since(&self, meters: &[Meter]) -> Vec<Duration> {
        let used = meters.iter().map(Meter::cpu).zip(&self.cpu);
        used.map(|(now, before)| now.saturating_sub(*before)).collect()
    }
}

struct Connection {
    stream: TcpStream,
    request: usize,
    written: usize,
    /// From when the request under way counts.
    begin: Option<Instant>,
    read: Vec<u8>,
}

struct Answer {
    status: u16,
    closes: bool,
}

impl Connection {
    fn open(addresses: &[SocketAddr], poll: &Poll, at: usize) -> anyhow::Result<Self> {
        // Blocking, so that it is there before anything is measured.
        let stream = std::net::TcpStream::connect(addresses[at % addresses.len()])?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(at), interest)?;
        Ok(Self { stream, request: 0, written: 0, begin: None, read: Vec::with_capacity(16 << 10) })
    }

    /// Writes what the system takes of the request under way.
    fn write(&mut self, requests: &[Vec<u8>]) -> anyhow::Result<()> {
        let request = &requests[self.request];
        while self.begin.is_some() && self.written < request.len() {
            match self.stream.write(&request[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("while posting"),
            }
        }
        Ok(())
    }

    /// Reads what is there; `false` if the server closed the connection.
    fn fill(&mut self) -> anyhow::Result<bool> {
        let mut chunk = [0; 16 << 10];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(count) => self.read.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => return Err(error).context("while reading an answer"),
            }
        }
    }

    /// The answer, once it is complete.
    fn answer(&self) -> anyhow::Result<Option<Answer>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(body_at) = head.parse(&self.read)? else { return Ok(None) };
        let header = |name: &str| {
            let header =
                head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(header.value).ok()
        };
        anyhow::ensure!(header("transfer-encoding").is_none(), "an answer of unknown length");
        let length: usize = header("content-length").unwrap_or("0").parse()?;
        let answer = Answer {
            status: head.code.unwrap_or_default(),
            closes: header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
        };
        Ok((self.read.len() >= body_at + length).then_some(answer))
    }
}
