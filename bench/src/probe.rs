use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use portcullis_testkit::stopwatch::Stopwatch;
use serde_json::Value;

/// One connection that asks again and again, with as little work of its own as possible: what it measures must be the
/// server.
pub(crate) struct Probe {
    address: String,
    stream: BufReader<TcpStream>,
}

/// What is asked.
pub(crate) struct Request(Vec<u8>);

impl Request {
    pub(crate) fn get(path: &str, token: &str) -> Self {
        Self(
            format!("GET {path} HTTP/1.1\r\nhost: server\r\nauthorization: Bearer {token}\r\n\r\n")
                .into_bytes(),
        )
    }

    pub(crate) fn post(path: &str, body: &Value) -> Self {
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: server\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Self((head + &body).into_bytes())
    }
}

/// Times of all answers, sorted.
pub(crate) struct Times(Vec<Duration>);

fn connect(address: &str) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nodelay(true).expect("no delay");
    BufReader::new(stream)
}

impl Probe {
    pub(crate) fn open(url: &str) -> Self {
        let address = url.strip_prefix("http://").expect("plain HTTP").to_owned();
        Self {
            stream: connect(&address),
            address,
        }
    }

    /// Asks until `time` is over.
    pub(crate) fn measure(&mut self, request: &Request, time: Duration) -> Times {
        let all = Stopwatch::start();
        let mut times = Vec::new();
        while all.elapsed() < time {
            let one = Stopwatch::start();
            self.ask(request);
            times.push(one.elapsed());
        }
        Times::of(times)
    }

    /// Gives the body of the answer, which must be a good one.
    pub(crate) fn ask(&mut self, request: &Request) -> Vec<u8> {
        let mut line = String::new();
        let sent = self.stream.get_mut().write_all(&request.0);
        let read = sent.and_then(|()| self.stream.read_line(&mut line));
        // The server closes what is idle for long, as a connection is while others are measured.
        if !read.is_ok_and(|bytes| bytes > 0) {
            line.clear();
            self.stream = connect(&self.address);
            self.stream.get_mut().write_all(&request.0).expect("sent");
            self.stream.read_line(&mut line).expect("an answer");
        }
        assert!(
            line.starts_with("HTTP/1.1 200 "),
            "the server answers `{}`",
            line.trim()
        );
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).expect("headers");
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a body");
        body
    }
}

impl Times {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// How many answers there were.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The time within which `percent` of 100 answers came.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * percent / 100).copied().unwrap_or_default()
    }
}
