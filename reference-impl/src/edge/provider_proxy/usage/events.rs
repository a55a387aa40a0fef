//! Server-sent events, read as they pass, with bounded memory. Pure.

/// The longest event that is read, in bytes. A longer one passes to the client, and reports nothing.
pub const EVENT_MAX: usize = 1024 * 1024;

/// The events of one stream.
#[derive(Debug, Default)]
pub struct Events {
    /// A line that has not ended.
    line: Vec<u8>,
    /// The data of the event so far, a line feed behind each line.
    data: Vec<u8>,
    /// The bytes of the event so far.
    size: usize,
    /// The last byte was a carriage return: a line feed that follows ends no other line.
    after_return: bool,
    /// The bytes of events that were too long to be read.
    unread: u64,
}

impl Events {
    /// Takes a piece of the stream, and gives the data of every event that ends in it.
    pub fn push(&mut self, mut piece: &[u8], mut each: impl FnMut(&[u8])) {
        while !piece.is_empty() {
            if std::mem::take(&mut self.after_return)
                && let Some(rest) = piece.strip_prefix(b"\n")
            {
                piece = rest;
                continue;
            }
            let Some(at) = memchr::memchr2(b'\n', b'\r', piece) else {
                self.extend(piece);
                return;
            };
            let (line, rest) = piece.split_at_checked(at).unwrap_or((piece, b""));
            self.after_return = rest.starts_with(b"\r");
            piece = rest.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                self.size = self.size.saturating_add(line.len());
                self.end_line(line, &mut each);
            } else {
                self.extend(line);
                let mut line = std::mem::take(&mut self.line);
                self.end_line(&line, &mut each);
                line.clear();
                self.line = line;
            }
        }
    }

    /// Says that the stream has ended. What stands at its end counts as an event, also without the empty line: it was
    /// sent, and so it is billed.
    pub fn finish(&mut self, mut each: impl FnMut(&[u8])) {
        let line = std::mem::take(&mut self.line);
        self.end_line(&line, &mut each);
        self.end_event(&mut each);
    }

    /// The bytes of events that were too long to be read.
    pub fn unread(&self) -> u64 {
        self.unread
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.size = self.size.saturating_add(bytes.len());
        if self.size <= EVENT_MAX {
            self.line.extend_from_slice(bytes);
        } else if self.line.is_empty() {
            // What can't be read any more must still not look like an empty line.
            self.line.push(b':');
        }
    }

    fn end_line(&mut self, line: &[u8], each: &mut impl FnMut(&[u8])) {
        if line.is_empty() {
            self.end_event(each);
        } else if self.size > EVENT_MAX {
            self.data.clear();
        } else if let Some(value) = line.strip_prefix(b"data:") {
            self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            self.data.push(b'\n');
        }
    }

    fn end_event(&mut self, each: &mut impl FnMut(&[u8])) {
        if self.size <= EVENT_MAX
            && let Some(data) = self.data.strip_suffix(b"\n")
        {
            each(data);
        }
        if self.size > EVENT_MAX {
            self.unread = self.unread.saturating_add(self.size as u64);
        }
        self.data.clear();
        self.size = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut found = Vec::new();
        let mut each = |data: &[u8]| found.push(String::from_utf8_lossy(data).into_owned());
        let mut events = Events::default();
        for piece in pieces {
            events.push(piece, &mut each);
        }
        events.finish(&mut each);
        found
    }

    #[test]
    fn events_end_with_an_empty_line_of_any_kind() {
        for (stream, expected) in [
            ("data: a\n\ndata: b\n\n", &["a", "b"][..]),
            ("data:a\r\n\r\ndata:  b\r\rdata:c\n\r\n", &["a", " b", "c"]),
            ("event: x\nid: 1\ndata: a\ndata: b\n\n", &["a\nb"]),
            (": ping\n\n\n\n", &[]),
            ("data\n\ndatax: y\n\n", &[]),
            ("data: a", &["a"]),
            ("data: a\n", &["a"]),
            ("data:\n\n", &[""]),
        ] {
            assert_eq!(events(&[stream.as_bytes()]), expected, "{stream:?}");
            let single: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
            assert_eq!(events(&single), expected, "{stream:?}");
        }
    }

    #[test]
    fn an_event_that_is_too_long_is_left_out_and_the_next_one_read() {
        let fits = "x".repeat(EVENT_MAX - 5);
        let over = "x".repeat(EVENT_MAX - 4);
        for chunk in [usize::MAX, 1000, 65_536] {
            let pieces = |stream: &str| {
                let pieces: Vec<Vec<u8>> =
                    stream.as_bytes().chunks(chunk.min(stream.len())).map(<[u8]>::to_vec).collect();
                events(&pieces.iter().map(Vec::as_slice).collect::<Vec<_>>())
            };
            assert_eq!(pieces(&format!("data:{fits}\n\ndata:b\n\n")), [fits.as_str(), "b"], "{chunk}");
            assert_eq!(pieces(&format!("data:{over}\n\ndata:b\n\n")), ["b"], "{chunk}");
            assert_eq!(pieces(&format!("data:a\ndata:{over}\n\ndata:b\n\n")), ["b"], "{chunk}");
            assert_eq!(pieces(&format!("{}data:b\n\n", ":x\n".repeat(EVENT_MAX / 2))), [""; 0], "{chunk}");
        }
    }

    #[test]
    fn what_is_too_long_to_be_read_is_counted() {
        let mut events = Events::default();
        let stream = format!("data: a\n\ndata:{}\n\ndata: b\n\n", "x".repeat(EVENT_MAX));
        for piece in stream.as_bytes().chunks(65_536) {
            events.push(piece, |_| {});
        }
        assert_eq!(events.unread(), EVENT_MAX as u64 + 5);
        events.finish(|_| {});
        assert_eq!(events.unread(), EVENT_MAX as u64 + 5);
    }

    #[test]
    fn memory_is_bounded() {
        let mut events = Events::default();
        for _ in 0..10_000 {
            events.push(&[b'x'; 1024], |_| panic!("there is no event"));
        }
        assert!(events.line.capacity() <= 2 * EVENT_MAX && events.data.capacity() <= 2 * EVENT_MAX);
    }

    proptest! {
        #[test]
        fn where_the_pieces_end_makes_no_difference(
            stream in "(data: ?|[ab:]|\n|\r|\r\n|\n\n){0,30}",
            cut in 1_usize..7,
        ) {
            let pieces: Vec<&[u8]> = stream.as_bytes().chunks(cut).collect();
            prop_assert_eq!(events(&pieces), events(&[stream.as_bytes()]));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            events(&[&bytes]);
        }
    }
}
