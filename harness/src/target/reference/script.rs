//! What containers and the instruments behind the edge are told to answer.

use isolation_model::action::Request;
use isolation_model::observation::Place;
use isolation_model::oracle::expect;
use isolation_model::render::edge::{CALL_MARKER, STRAY, ScriptEnd, UpstreamScript};
use isolation_model::render::{self, Script};
use isolation_model::state::State;
use reference_impl::{Received, Reply, Then};

use super::ReferenceSession;

/// An event that says nothing, as a chunk: what an upstream sends on and on while nobody hears it.
const BEAT: &[u8] = b"5\r\n: x\n\n\r\n";

/// Whether an answer is held back until it is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// It is.
    Back,
    /// It goes at once.
    No,
}

impl Hold {
    pub(super) fn over(self, reply: Reply) -> Reply {
        match self {
            Self::Back => Reply::Hold(Box::new(reply)),
            Self::No => reply,
        }
    }
}

impl ReferenceSession<'_> {
    /// The deployment whose container a request has to reach.
    pub(super) fn reaches(&self, state: &State, request: &Request) -> Option<usize> {
        // On an open connection the server name is what it was: then it may be the host's.
        let open = Some(request.host.meaning(self.world));
        let connection = if request.reuse { open.as_ref() } else { None };
        expect::expect(self.world, state, request, connection).delivery.map(|delivery| delivery.deployment)
    }

    /// Tells the container that the request has to reach how to answer. Says which that is.
    pub(super) fn script(&self, state: &State, request: &Request, hold: bool) -> Option<usize> {
        let host = request.host.meaning(self.world)?;
        // Only what has to arrive takes a place in the script: else another request would get its answer.
        let index = self.reaches(state, request)?;
        let hold = if hold { Hold::Back } else { Hold::No };
        self.containers.get(index)?.script(hold.over(reply(render::script(self.world, index, &host, request))));
        Some(index)
    }

    /// Tells what stands behind the edge how to answer, each request by what marks it.
    pub(super) fn answer_upstream(&self, scripts: Vec<UpstreamScript>, hold: Hold) {
        let stray = self.behind.stray().unwrap_or_default();
        let mut places: Vec<Place> = scripts.iter().map(|script| script.place).collect();
        places.sort_unstable();
        places.dedup();
        for place in places {
            let Some(instrument) = self.behind.at(place) else { continue };
            let mut own: Vec<(String, Reply)> = scripts
                .iter()
                .filter(|script| script.place == place)
                .map(|script| (script.answers.clone(), hold.over(pieces(script, &stray))))
                .collect();
            instrument.respond_with(move |request| {
                let marker = marker(place, request)?;
                let at = own.iter().position(|(answers, _)| *answers == marker)?;
                // The broker may be asked for one account more than once: each answer goes once, but for the last.
                let is_last = own.iter().filter(|(answers, _)| *answers == marker).count() == 1;
                if is_last { own.get(at).map(|(_, reply)| reply.clone()) } else { Some(own.remove(at).1) }
            });
        }
    }
}

/// What tells a request behind the edge from another.
fn marker(place: Place, request: &Received) -> Option<String> {
    match place {
        Place::Upstream(_) => {
            request.header(CALL_MARKER).next().map(|value| String::from_utf8_lossy(value).into_owned())
        }
        Place::Broker => {
            let body: serde_json::Value = serde_json::from_slice(&request.body).ok()?;
            body.get("connected_account_id")?.as_str().map(ToOwned::to_owned)
        }
        Place::Stray => None,
    }
}

fn pieces(script: &UpstreamScript, stray: &str) -> Reply {
    let own = script.pieces.iter().map(|piece| replace(piece, STRAY.as_bytes(), stray.as_bytes()));
    let then = match script.end {
        ScriptEnd::Keep => Then::Keep,
        ScriptEnd::Close => Then::Close,
        ScriptEnd::Stall => Then::Stall(BEAT.to_vec()),
    };
    Reply::Pieces { pieces: own.collect(), then }
}

/// A container's reply.
pub(super) fn reply(script: Script) -> Reply {
    match script {
        Script::Response { status, headers, chunks, chunked, trailers } => {
            Reply::Response { status, headers, chunks, chunked, trailers }
        }
        Script::Echo => Reply::Echo,
        Script::Raw { bytes, close: true } => Reply::Raw(bytes),
        Script::Raw { bytes, close: false } => Reply::RawKeep(bytes),
        Script::Upgrade { headers } => Reply::Upgrade101With(headers),
    }
}

/// Every occurrence of `part` replaced.
pub(super) fn replace(text: &[u8], part: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while !part.is_empty()
        && let Some(at) = rest.windows(part.len()).position(|window| window == part)
        && let Some((before, behind)) = rest.split_at_checked(at)
    {
        out.extend_from_slice(before);
        out.extend_from_slice(by);
        rest = behind.get(part.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_is_replaced() {
        assert_eq!(replace(b"aXbXX", b"X", b"--"), b"a--b----");
        assert_eq!(replace(b"abc", b"", b"-"), b"abc");
        assert_eq!(replace(b"ab", b"abc", b"-"), b"ab");
    }
}
