use std::{
    io::{BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// What it says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Says {
    /// This, whatever is asked.
    Always(&'static str),
    /// What a Redis says, until the first request is to be decided; to that this, if anything.
    ToDecisions(&'static str),
}

/// What passes for a Redis until it is asked.
pub(super) struct Fake {
    port: u16,
    decisions: Arc<AtomicUsize>,
}

impl Fake {
    pub(super) fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let decisions = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&decisions);
        // Ends with the process: nextest gives each test one of its own.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, count) = (stream.unwrap(), Arc::clone(&count));
                std::thread::spawn(move || converse(stream, says, &count));
            }
        });
        Self { port, decisions }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How many decisions it was asked for.
    pub(super) fn decisions(&self) -> usize {
        self.decisions.load(Relaxed)
    }
}

fn converse(stream: TcpStream, says: Says, decisions: &AtomicUsize) -> Option<()> {
    let mut from = BufReader::new(stream.try_clone().ok()?);
    let mut to = stream;
    loop {
        let command = command(&mut from)?;
        let probe = command.iter().any(|word| word.ends_with("probe"));
        let decision = command[0] == "EVALSHA" && !probe;
        decisions.fetch_add(usize::from(decision), Relaxed);
        let answer = match says {
            Says::Always(answer) => answer,
            Says::ToDecisions(answer) if decision => answer,
            Says::ToDecisions(_) if command[0] == "EVALSHA" => "*3\r\n:1\r\n:1\r\n:1000000\r\n",
            Says::ToDecisions(_) => "+0000000000000000000000000000000000000000\r\n",
        };
        to.write_all(answer.as_bytes()).ok()?;
    }
}

/// An array of strings, as clients send it.
fn command(from: &mut impl std::io::BufRead) -> Option<Vec<String>> {
    let words = number(from, '*')?;
    (0..words)
        .map(|_| {
            let length = number(from, '$')?;
            let mut word = vec![0; length + 2];
            from.read_exact(&mut word).ok()?;
            word.truncate(length);
            Some(String::from_utf8_lossy(&word).into_owned())
        })
        .collect()
}

fn number(from: &mut impl std::io::BufRead, kind: char) -> Option<usize> {
    let mut line = String::new();
    from.read_line(&mut line).ok()?;
    line.strip_prefix(kind)?.trim().parse().ok()
}
