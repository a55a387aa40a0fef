//! What reached a stand-in, in order. Bounded: the oldest requests go first, and long bodies are cut.

use std::collections::VecDeque;
use std::fmt;

/// The most requests that are kept.
const REQUESTS_MAX: usize = 4096;
/// The most bytes of a body that are kept.
const BODY_MAX: usize = 256 * 1024;

/// A request that reached a stand-in.
#[derive(Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Its number, counted from 1.
    pub number: u64,
    /// The method.
    pub method: String,
    /// The request target as it came.
    pub target: String,
    /// The fields, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, or its first 256 KiB.
    pub body: Vec<u8>,
    /// How long the body was, in bytes; none where it broke off.
    pub body_bytes: Option<u64>,
}

impl Arrived {
    /// The values of a header, by its name in lower case.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(held, _)| held == name).map(|(_, value)| value.as_slice())
    }
}

impl fmt::Debug for Arrived {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} {}", self.method, self.target)?;
        for (name, value) in &self.headers {
            writeln!(out, "{name}: {}", value.escape_ascii())?;
        }
        write!(out, "{}", String::from_utf8_lossy(&self.body))
    }
}

/// The requests that are kept.
#[derive(Default)]
pub(super) struct Log {
    kept: VecDeque<Arrived>,
    count: u64,
}

impl Log {
    /// Takes a request in, and gives its number.
    pub(super) fn add(&mut self, mut arrived: Arrived) -> u64 {
        self.count += 1;
        arrived.number = self.count;
        arrived.body.truncate(BODY_MAX);
        if self.kept.len() == REQUESTS_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(arrived);
        self.count
    }

    pub(super) fn all(&self) -> Vec<Arrived> {
        self.kept.iter().cloned().collect()
    }

    pub(super) fn take(&mut self) -> Vec<Arrived> {
        std::mem::take(&mut self.kept).into()
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_long_bodies_are_cut() {
        let mut log = Log::default();
        for _ in 0..=REQUESTS_MAX {
            let body = Vec::new();
            log.add(Arrived {
                number: 0,
                method: String::new(),
                target: String::new(),
                headers: Vec::new(),
                body,
                body_bytes: Some(0),
            });
        }
        let kept = log.take();
        assert_eq!((kept.len(), kept[0].number, log.count()), (REQUESTS_MAX, 2, 4097));
        let mut long = kept[0].clone();
        long.body = vec![b'x'; BODY_MAX + 1];
        log.add(long);
        assert_eq!(log.all()[0].body.len(), BODY_MAX);
    }
}
