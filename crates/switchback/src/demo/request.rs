//! What clients ask, and what is to be thought of what they got.
//!
//! The promise: a request fails only if nothing else could have been done. With three backends of
//! which one is at fault, something else can always be done, except for a POST that may have been
//! executed: repeating it could do harm. Who decides that is the [ledger](super::ledger): a POST that
//! failed although no backend ever had it should have gone to another, unless it was on the wire to one
//! that died, which whoever sent it cannot tell from the other.

use super::wire::{ID, Message, RequestLine};

pub(super) const POST: &str = "POST";

/// The sizes of a body are small against what the gateway keeps for a replay, and large enough to
/// be seen missing.
const BODY: usize = 2_000;

/// One request of a client.
pub(super) struct Request {
    /// Unlike every other of this run.
    pub(super) id: u64,
    pub(super) method: &'static str,
}

/// What the client got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// An answer: its status, and the gateway's reason if the gateway made it.
    Answer { status: u16, reason: Option<String> },
    /// An answer to another request.
    Mixed,
    /// No whole answer, and why.
    Nothing(String),
}

/// What is to be thought of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was served.
    Answered,
    /// It failed, and nothing else could have been done.
    Necessary,
    /// It failed and should not have: how.
    Broken(String),
}

impl Request {
    /// The `number`th of a client: of ten one POST and one PUT, the others GET.
    pub(super) fn of(client: u32, number: u32) -> Self {
        let method = match (number.wrapping_add(client)) % 10 {
            0 => POST,
            5 => "PUT",
            _ => "GET",
        };
        Self { id: u64::from(client) << 32 | u64::from(number), method }
    }

    /// As it goes over the wire.
    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { id, method } = self;
        let body = match *method {
            "GET" => Vec::new(),
            _ => body_of(*id),
        };
        let length = match body.len() {
            0 => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        let head =
            format!("{method} /item/{id} HTTP/1.1\r\nHost: demo\r\n{ID}: {id}\r\n{length}\r\n");
        [head.into_bytes(), body].concat()
    }

    /// Judges what came of it; `had` tells whether any backend had it, `lost` whether it may have been on
    /// the wire to one that died.
    pub(super) fn judge(
        &self,
        seen: Seen,
        had: impl FnOnce(u64) -> bool,
        lost: impl FnOnce() -> bool,
    ) -> Verdict {
        let failure = match seen {
            Seen::Answer { status: 200..=299, .. } => return Verdict::Answered,
            Seen::Mixed => return Verdict::Broken("an answer to another request".to_owned()),
            Seen::Answer { status: 400, .. } => "400 its body was lost on the way".to_owned(),
            Seen::Answer { status, reason } => match reason {
                Some(reason) => format!("{status} {reason}"),
                None => format!("{status} from the backend"),
            },
            Seen::Nothing(why) => why,
        };
        let lost_body = failure.starts_with("400");
        let reset = failure == "502 connection_terminated";
        match self.method {
            POST if !lost_body && (had(self.id) || reset && lost()) => Verdict::Necessary,
            POST => Verdict::Broken(format!("{failure}, to a POST")),
            _ => Verdict::Broken(failure),
        }
    }
}

/// Whether a body is the one that this request was sent with.
pub(super) fn is_body_of(asked: &Message<RequestLine>) -> bool {
    asked.fields.id.is_some_and(|id| asked.body == body_of(id))
}

fn body_of(id: u64) -> Vec<u8> {
    format!("{id} ").into_bytes().into_iter().cycle().take(BODY).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, reason: Option<&str>) -> Seen {
        Seen::Answer { status, reason: reason.map(str::to_owned) }
    }

    #[test]
    fn only_a_post_that_a_backend_had_may_fail() {
        let judge = |method, seen, had| Request { id: 7, method }.judge(seen, |_| had, || true);
        let refused = || answer(502, Some("connection_refused"));
        let broken = |words: &str| Verdict::Broken(words.to_owned());
        for (verdict, expected) in [
            (judge("GET", answer(200, None), true), Verdict::Answered),
            (judge(POST, answer(201, None), true), Verdict::Answered),
            (judge(POST, refused(), true), Verdict::Necessary),
            (judge(POST, answer(503, None), true), Verdict::Necessary),
            (judge(POST, answer(502, Some("connection_terminated")), false), Verdict::Necessary),
            (judge(POST, Seen::Nothing("cut off".to_owned()), true), Verdict::Necessary),
            (judge(POST, refused(), false), broken("502 connection_refused, to a POST")),
            (judge("GET", refused(), true), broken("502 connection_refused")),
            (judge("PUT", answer(503, None), true), broken("503 from the backend")),
            (judge(POST, Seen::Mixed, true), broken("an answer to another request")),
            (
                judge(POST, answer(400, None), true),
                broken("400 its body was lost on the way, to a POST"),
            ),
        ] {
            assert_eq!(verdict, expected);
        }
    }

    #[test]
    fn of_ten_requests_one_is_a_post() {
        let posts = (0..1_000).filter(|n| Request::of(3, *n).method == POST);
        assert_eq!(posts.count(), 100);
    }
}
