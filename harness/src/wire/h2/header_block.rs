//! Header blocks of our own choice on an HTTP/2 connection.
//!
//! The h2 crate sends only well-formed requests. [`Rewriter`] stands between it and the stream, and puts a block of ours
//! in the place of each block that the crate writes: the crate still does the settings, the flow control and the
//! reading, and the fields on the wire are verbatim. Our blocks are literals without indexing, so they leave the peer's
//! dynamic table as it is, whatever the crate's own encoder believes about it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::BoxIo;

/// The client connection preface, RFC 9113 section 3.4.
const PREFACE_BYTES: usize = 24;
const FRAME_HEAD_BYTES: usize = 9;
/// The frame size that every peer takes, RFC 9113 section 4.2.
const FRAME_PAYLOAD_BYTES: usize = 16_384;

const HEADERS: u8 = 0x1;
const CONTINUATION: u8 = 0x9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// The blocks that are still to be sent, by stream: first the header block, then the trailer block.
#[derive(Clone, Default)]
pub(super) struct Blocks(Arc<Mutex<BTreeMap<u32, VecDeque<Vec<u8>>>>>);

impl Blocks {
    /// Holds back every header block until the guard is dropped.
    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, VecDeque<Vec<u8>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, stream: u32) -> Option<Vec<u8>> {
        let mut blocks = self.lock();
        let queue = blocks.get_mut(&stream)?;
        let block = queue.pop_front();
        if queue.is_empty() {
            blocks.remove(&stream);
        }
        block
    }
}

/// Encodes the fields as HPACK literals without indexing, names and values verbatim (RFC 7541 section 6.2.2). The block
/// begins with a dynamic table of size 0, which is right for whatever size the peer allows.
pub(super) fn encode<'a>(fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let mut block = vec![0x20];
    for (name, value) in fields {
        block.push(0);
        push_string(&mut block, name);
        push_string(&mut block, value);
    }
    block
}

/// A string literal without Huffman coding, RFC 7541 section 5.2.
fn push_string(block: &mut Vec<u8>, string: &[u8]) {
    match u8::try_from(string.len()) {
        Ok(length @ 0..127) => block.push(length),
        _ => {
            block.push(127);
            let mut rest = string.len() - 127;
            while rest >= 128 {
                block.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            block.push(rest as u8);
        }
    }
    block.extend_from_slice(string);
}

/// The stream below the h2 crate.
pub(super) struct Rewriter {
    io: BoxIo,
    blocks: Blocks,
    state: State,
    /// Rewritten, and not yet taken by `io`.
    out: VecDeque<u8>,
}

enum State {
    /// This many bytes go through as they are.
    Pass(usize),
    /// This many bytes are left out.
    Drop(usize),
    /// The frame head so far.
    Head(Vec<u8>),
}

impl Rewriter {
    pub(super) fn new(io: BoxIo, blocks: Blocks) -> Self {
        Rewriter { io, blocks, state: State::Pass(PREFACE_BYTES), out: VecDeque::new() }
    }

    fn rewrite(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let wanted = match &self.state {
                State::Pass(left) | State::Drop(left) => *left,
                State::Head(head) => FRAME_HEAD_BYTES - head.len(),
            };
            let (taken, rest) = bytes.split_at_checked(wanted).unwrap_or((bytes, &[]));
            bytes = rest;
            let missing = wanted - taken.len();
            self.state = match &mut self.state {
                State::Pass(_) => {
                    self.out.extend(taken);
                    State::pass(missing)
                }
                State::Drop(_) => State::drop(missing),
                State::Head(head) => {
                    head.extend_from_slice(taken);
                    let head = std::mem::take(head);
                    if missing > 0 { State::Head(head) } else { self.frame(&head)? }
                }
            };
        }
        Ok(())
    }

    /// Decides on a frame from its head.
    fn frame(&mut self, head: &[u8]) -> io::Result<State> {
        let &[l0, l1, l2, kind, flags, s0, s1, s2, s3] = head else {
            return Err(io::Error::other("a frame head of another length"));
        };
        let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        match kind {
            HEADERS => {
                let stream = [s0, s1, s2, s3];
                let Some(block) = self.blocks.next(u32::from_be_bytes(stream)) else {
                    return Err(io::Error::other("a header block that was not asked for"));
                };
                self.push_block(&block, flags & END_STREAM, stream);
                Ok(State::drop(length))
            }
            CONTINUATION => Ok(State::drop(length)),
            _ => {
                self.out.extend(head);
                Ok(State::pass(length))
            }
        }
    }

    fn push_block(&mut self, block: &[u8], end_stream: u8, stream: [u8; 4]) {
        let mut pieces = block.chunks(FRAME_PAYLOAD_BYTES).peekable();
        let mut kind = HEADERS;
        let mut flags = end_stream;
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                flags |= END_HEADERS;
            }
            let [_, l0, l1, l2] = (piece.len() as u32).to_be_bytes();
            self.out.extend([l0, l1, l2, kind, flags]);
            self.out.extend(stream);
            self.out.extend(piece);
            kind = CONTINUATION;
            flags = 0;
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let (front, _) = self.out.as_slices();
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, front))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.drain(..written.min(self.out.len()));
        }
        Poll::Ready(Ok(()))
    }
}

impl State {
    fn pass(left: usize) -> Self {
        if left == 0 { State::Head(Vec::new()) } else { State::Pass(left) }
    }

    fn drop(left: usize) -> Self {
        if left == 0 { State::Head(Vec::new()) } else { State::Drop(left) }
    }
}

impl AsyncRead for Rewriter {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Rewriter {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        // What was taken before goes first, so that `out` stays small.
        ready!(self.poll_drain(cx))?;
        self.rewrite(buf)?;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_every_length_class_are_prefixed_as_rfc_7541_says() {
        for (length, prefix) in [
            (0, vec![0]),
            (126, vec![126]),
            (127, vec![127, 0]),
            (254, vec![127, 127]),
            (255, vec![127, 128, 1]),
            (1464, vec![127, 0b1011_1001, 10]),
        ] {
            let mut block = Vec::new();
            push_string(&mut block, &vec![b'x'; length]);
            assert_eq!(block.strip_suffix(vec![b'x'; length].as_slice()), Some(prefix.as_slice()), "{length}");
        }
    }
}
