//! A reader of JSON objects, written from RFC 8259 alone: what it says must not rest on the reader that the reference
//! uses. It keeps repeated members and the form of numbers, which most readers lose.

/// How deep values may be nested. Deeper ones are not judged: the standard leaves the limit to each reader.
const DEPTH_MAX: usize = 64;

/// Why some text was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is not a JSON object.
    Malformed,
    /// It is nested too deep for this reader.
    Deep,
}

/// A member's value, as far as a token's rules tell values apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A string; `None` for one that escapes half a surrogate pair, and so is not Unicode.
    Text(Option<String>),
    /// A number without fraction and exponent, as it is written.
    Integer(String),
    /// Anything else.
    Other,
}

/// The members of an object, in their order, repeated ones too. A name is `None` as the text of a value is.
pub(super) type Members = Vec<(Option<String>, Value)>;

/// Reads a text that is one object and nothing else.
pub(super) fn object(bytes: &[u8]) -> Result<Members, Unread> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unread::Malformed)?;
    let mut reader = Reader { rest: text.as_bytes() };
    reader.space();
    let members = reader.members(1)?;
    reader.space();
    if reader.rest.is_empty() { Ok(members) } else { Err(Unread::Malformed) }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Result<u8, Unread> {
        let (first, rest) = self.rest.split_first().ok_or(Unread::Malformed)?;
        self.rest = rest;
        Ok(*first)
    }

    fn take(&mut self, wanted: u8) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        is_next
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Unread> {
        if self.take(wanted) { Ok(()) } else { Err(Unread::Malformed) }
    }

    fn space(&mut self) {
        while self.take(b' ') || self.take(b'\t') || self.take(b'\n') || self.take(b'\r') {}
    }

    fn members(&mut self, depth: usize) -> Result<Members, Unread> {
        self.expect(b'{')?;
        let mut members = Vec::new();
        self.space();
        if self.take(b'}') {
            return Ok(members);
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.expect(b':')?;
            members.push((name, self.value(depth)?));
            if !self.take(b',') {
                self.expect(b'}')?;
                return Ok(members);
            }
        }
    }

    /// A value and the space around it.
    fn value(&mut self, depth: usize) -> Result<Value, Unread> {
        self.space();
        let value = match self.peek() {
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'{' | b'[') if depth >= DEPTH_MAX => return Err(Unread::Deep),
            Some(b'{') => {
                self.members(depth + 1)?;
                Value::Other
            }
            Some(b'[') => {
                self.items(depth + 1)?;
                Value::Other
            }
            Some(_) | None => {
                let word = ["true", "false", "null"].into_iter().find(|word| self.rest.starts_with(word.as_bytes()));
                let length = word.ok_or(Unread::Malformed)?.len();
                self.rest = self.rest.get(length..).unwrap_or_default();
                Value::Other
            }
        };
        self.space();
        Ok(value)
    }

    fn items(&mut self, depth: usize) -> Result<(), Unread> {
        self.expect(b'[')?;
        self.space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value(depth)?;
            if !self.take(b',') {
                return self.expect(b']');
            }
        }
    }

    fn number(&mut self) -> Result<Value, Unread> {
        let mut written = String::new();
        if self.take(b'-') {
            written.push('-');
        }
        let digits = self.digits()?;
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(Unread::Malformed);
        }
        written.push_str(&digits);
        let mut whole = true;
        if self.take(b'.') {
            self.digits()?;
            whole = false;
        }
        if self.take(b'e') || self.take(b'E') {
            let _signed = self.take(b'+') || self.take(b'-');
            self.digits()?;
            whole = false;
        }
        Ok(if whole { Value::Integer(written) } else { Value::Other })
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<String, Unread> {
        let mut digits = String::new();
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            self.next()?;
            digits.push(char::from(digit));
        }
        if digits.is_empty() { Err(Unread::Malformed) } else { Ok(digits) }
    }

    fn string(&mut self) -> Result<Option<String>, Unread> {
        self.expect(b'"')?;
        // The text as UTF-16 code units: escapes are written in them, and half a pair shows at the end.
        let mut units: Vec<u16> = Vec::new();
        let mut plain: Vec<u8> = Vec::new();
        loop {
            let byte = self.next()?;
            let escaped = match byte {
                0..0x20 => return Err(Unread::Malformed),
                b'"' => {
                    push(&mut units, &mut plain);
                    return Ok(String::from_utf16(&units).ok());
                }
                b'\\' => self.escape()?,
                plain_byte => {
                    plain.push(plain_byte);
                    continue;
                }
            };
            push(&mut units, &mut plain);
            units.push(escaped);
        }
    }

    fn escape(&mut self) -> Result<u16, Unread> {
        Ok(match self.next()? {
            b'"' => 0x22,
            b'\\' => 0x5c,
            b'/' => 0x2f,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => 0x0a,
            b'r' => 0x0d,
            b't' => 0x09,
            b'u' => {
                let mut unit = 0_u32;
                for _ in 0..4 {
                    let digit = char::from(self.next()?).to_digit(16).ok_or(Unread::Malformed)?;
                    unit = unit * 16 + digit;
                }
                u16::try_from(unit).map_err(|_| Unread::Malformed)?
            }
            _ => return Err(Unread::Malformed),
        })
    }
}

/// Adds what was written without escapes. The whole text is UTF-8, and quotes and backslashes never cut a character.
fn push(units: &mut Vec<u16>, plain: &mut Vec<u8>) {
    units.extend(String::from_utf8_lossy(plain).encode_utf16());
    plain.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_with_all_their_members() {
        let text = |text: &str| Value::Text(Some(text.to_owned()));
        let members = object(
            "\t{ \"a\" : 1 , \"a\":\"\\u0061\\n\u{e9}\\ud83e\\udd80\",\"b\":[{},[1.5e-3,true]] , \"\\ud83e\":-0,\"\":null}\r\n"
                .as_bytes(),
        )
        .unwrap();
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(
            members,
            [
                (name("a"), Value::Integer("1".to_owned())),
                (name("a"), text("a\n\u{e9}\u{1f980}")),
                (name("b"), Value::Other),
                (None, Value::Integer("-0".to_owned())),
                (name(""), Value::Other),
            ]
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in [
            "",
            "{",
            "[]",
            "{}{}",
            "{},",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":1e}",
            "{\"a\":-}",
            "{\"a\":nul}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":[1,]}",
            "\u{feff}{}",
            "{'a':1}",
            "{\"a\":1/**/}",
        ] {
            assert_eq!(object(text.as_bytes()), Err(Unread::Malformed), "{text}");
        }
        assert_eq!(object(b"{\"\xff\":1}"), Err(Unread::Malformed));
        assert_eq!(object(format!("{{\"a\":{}", "[".repeat(DEPTH_MAX)).as_bytes()), Err(Unread::Deep));
    }

    #[test]
    fn the_usual_reader_agrees() {
        let mut choose = isolation_model::choose::Seeded::new(1);
        let mut read = 0;
        for _ in 0..20_000 {
            use isolation_model::choose::Choose as _;
            const PIECES: [&str; 14] =
                ["{", "}", "[", "]", ":", ",", "\"a\"", "\"\\u0062\"", "1", "-0", "2.5e+1", "true", "null", " "];
            let middle: String = (0..choose.below(6)).map(|_| choose.of(&PIECES)).collect();
            let text = format!("{{\"a\":{middle}}}");
            let usual = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            assert_eq!(object(text.as_bytes()).is_ok(), usual, "{text}");
            read += usize::from(usual);
        }
        assert!(read > 100, "{read} texts were objects");
    }
}
