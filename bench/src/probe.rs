use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use portcullis_testkit::stopwatch::Stopwatch;

/// One connection that asks for `/me` again and again, with as little work of its own as possible: what it measures
/// must be the server.
pub(crate) struct Probe {
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
}

/// Times of all answers, sorted.
pub(crate) struct Times(Vec<Duration>);

impl Probe {
    pub(crate) fn connect(url: &str, token: &str) -> Self {
        let address = url.strip_prefix("http://").expect("plain HTTP");
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("no delay");
        let request = format!("GET /me HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n")
            .into_bytes();
        Self {
            stream: BufReader::new(stream),
            request,
        }
    }

    /// Asks until `time` is over.
    pub(crate) fn measure(&mut self, time: Duration) -> Times {
        let all = Stopwatch::start();
        let mut times = Vec::new();
        while all.elapsed() < time {
            let one = Stopwatch::start();
            self.ask();
            times.push(one.elapsed());
        }
        times.sort_unstable();
        Times(times)
    }

    fn ask(&mut self) {
        self.stream.get_mut().write_all(&self.request).expect("sent");
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("an answer");
        assert!(line.starts_with("HTTP/1.1 200 "), "/me answers `{}`", line.trim());
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
    }
}

impl Times {
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
