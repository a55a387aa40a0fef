//! stub
use std::collections::BTreeMap;
/// c
#[derive(Debug, Clone)]
pub struct Canary {
    /// t
    pub text: String,
}
/// r
#[derive(Debug, Clone)]
pub struct CanaryRegistry {
    n: u32,
    s: [u8; 32],
    m: BTreeMap<String, u32>,
}
impl CanaryRegistry {
    /// n
    #[must_use]
    pub fn new(s: [u8; 32], _r: &str) -> Self {
        Self {
            n: 0,
            s,
            m: BTreeMap::new(),
        }
    }
    /// m
    pub fn mint(&mut self, o: &str, f: &str, _e: u32) -> Canary {
        self.n += 1;
        self.m.insert(o.to_owned(), self.n);
        Canary {
            text: format!("{o}{f}{:?}", self.s).replace(|c: char| !c.is_ascii_alphanumeric(), ""),
        }
    }
}
