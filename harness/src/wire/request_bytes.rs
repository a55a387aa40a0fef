//! The bytes of one HTTP/1 request, exactly as told.

/// How the body of a [`RequestBytes`] is framed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framing {
    /// No body, and no field that speaks of one.
    None,
    /// These bytes, with their true `Content-Length`.
    Length(Vec<u8>),
    /// These bytes, with this `Content-Length`, which may lie.
    LengthDeclared(u64, Vec<u8>),
    /// `Transfer-Encoding: chunked`, one chunk for each item, then the last chunk and these trailers. An empty item
    /// would end the body early on the wire, and is written all the same.
    Chunked(Vec<Vec<u8>>, Vec<(Vec<u8>, Vec<u8>)>),
    /// These bytes after the head, and no field added: for framing that the caller writes himself.
    Raw(Vec<u8>),
}

/// Builds one HTTP/1 request. Nothing is checked, added, sorted or normalised, but for the one framing field that
/// [`Framing`] names, which comes last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestBytes {
    method: Vec<u8>,
    target: Vec<u8>,
    version: Vec<u8>,
    lines: Vec<Vec<u8>>,
    framing: Framing,
}

impl RequestBytes {
    /// A request line of `HTTP/1.1`, with no field (so without `Host`) and no body.
    pub fn new(method: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        RequestBytes {
            method: method.as_ref().to_vec(),
            target: target.as_ref().to_vec(),
            version: b"HTTP/1.1".to_vec(),
            lines: Vec::new(),
            framing: Framing::None,
        }
    }

    /// Writes this in place of `HTTP/1.1`.
    #[must_use]
    pub fn version(mut self, version: impl AsRef<[u8]>) -> Self {
        self.version = version.as_ref().to_vec();
        self
    }

    /// Adds the field `name: value`.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.lines.push(field_line(name.as_ref(), value.as_ref()));
        self
    }

    /// Adds all these fields, in order.
    #[must_use]
    pub fn headers<N: AsRef<[u8]>, V: AsRef<[u8]>>(mut self, fields: impl IntoIterator<Item = (N, V)>) -> Self {
        self.lines.extend(fields.into_iter().map(|(name, value)| field_line(name.as_ref(), value.as_ref())));
        self
    }

    /// Adds these bytes as they are where a field line would stand, line end included: for folded lines, missing
    /// colons, bare line feeds.
    #[must_use]
    pub fn line(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.lines.push(bytes.as_ref().to_vec());
        self
    }

    /// Sets the body and its framing.
    #[must_use]
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// The bytes to send.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.method);
        out.push(b' ');
        out.extend_from_slice(&self.target);
        out.push(b' ');
        out.extend_from_slice(&self.version);
        out.extend_from_slice(b"\r\n");
        out.extend(self.lines.iter().flatten());
        match &self.framing {
            Framing::None => out.extend_from_slice(b"\r\n"),
            Framing::Length(body) => {
                out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
                out.extend_from_slice(body);
            }
            Framing::LengthDeclared(declared, body) => {
                out.extend_from_slice(format!("Content-Length: {declared}\r\n\r\n").as_bytes());
                out.extend_from_slice(body);
            }
            Framing::Chunked(chunks, trailers) => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in chunks {
                    out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\n");
                for (name, value) in trailers {
                    out.extend_from_slice(&field_line(name, value));
                }
                out.extend_from_slice(b"\r\n");
            }
            Framing::Raw(body) => {
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(body);
            }
        }
        out
    }
}

fn field_line(name: &[u8], value: &[u8]) -> Vec<u8> {
    [name, b": ", value, b"\r\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_framing_is_written_as_told() {
        let head = RequestBytes::new("POST", "http://a/b").header("Host", "a").header("HOST", b"\xff");
        let start = b"POST http://a/b HTTP/1.1\r\nHost: a\r\nHOST: \xff\r\n";
        let cases: Vec<(Framing, &[u8])> = vec![
            (Framing::None, b"\r\n"),
            (Framing::Length(b"xyz".to_vec()), b"Content-Length: 3\r\n\r\nxyz"),
            (Framing::LengthDeclared(9, b"xyz".to_vec()), b"Content-Length: 9\r\n\r\nxyz"),
            (
                Framing::Chunked(vec![vec![b'a'; 17], b"b".to_vec()], vec![(b"X-T".to_vec(), b"1".to_vec())]),
                b"Transfer-Encoding: chunked\r\n\r\n11\r\naaaaaaaaaaaaaaaaa\r\n1\r\nb\r\n0\r\nX-T: 1\r\n\r\n",
            ),
            (Framing::Raw(b"raw".to_vec()), b"\r\nraw"),
        ];
        for (framing, rest) in cases {
            let bytes = head.clone().framing(framing.clone()).to_bytes();
            assert_eq!(bytes, [start.as_slice(), rest].concat(), "{framing:?}");
        }
    }

    #[test]
    fn lines_and_version_are_verbatim() {
        let bytes = RequestBytes::new("G T", "*")
            .version("HTTP/9")
            .line("Host : a\n")
            .headers([("a", "1"), ("a", "2")])
            .line(" folded\r\n")
            .to_bytes();
        assert_eq!(bytes, b"G T * HTTP/9\r\nHost : a\na: 1\r\na: 2\r\n folded\r\n\r\n");
    }
}
