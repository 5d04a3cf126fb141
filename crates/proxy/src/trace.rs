//! The trace that a request belongs to (W3C Trace Context, <https://www.w3.org/TR/trace-context/>).
//!
//! **Without `tracing`** the gateway is no part of the trace: what came goes on untouched if it is one, and
//! its id is in the access log.
//!
//! **With `tracing`** each attempt has a span, and its endpoint is told that span for its parent. Whether a
//! trace is exported is decided where it begins, as OpenTelemetry's parent-based sampler has it: by the
//! sampled flag of whoever sent `traceparent`, or else here. A trace that another has begun and does not
//! record goes on untouched: a span that nobody exports must be nobody's parent. One that begins here and is
//! not sampled is passed on without the flag, or else each service behind would decide anew.
//!
//! `traceparent` is believed from everybody, because services before the gateway are clients like others. So
//! a client can have its requests exported; how many of them are is bounded by the exporter's queue.
//!
//! What is no trace context is removed with all that hangs on it: who cannot read `traceparent` must not
//! read `tracestate` (section 3.3).

use http::header::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use pingora_core::{OrErr, Result};
use switchback_runtime::random;
use switchback_telemetry::trace::{SpanId, TraceId};
use switchback_telemetry::{Text, TraceContext, Traces};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The longest `tracestate` that is exported; it may be longer (section 3.3.1.1), and goes on whole.
const STATE: usize = 512;

/// The flags of version 00 that are passed on by who changes the parent.
const FLAGS: u8 = TraceContext::SAMPLED | TraceContext::RANDOM;

/// The trace of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// Which one.
    pub(crate) id: TraceId,
    /// The gateway's part in it; `None`: it has none.
    context: Option<TraceContext>,
}

/// What a sound `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parent {
    trace: TraceId,
    span: SpanId,
    flags: u8,
}

impl Trace {
    /// The gateway's part in it, if that is exported.
    pub(crate) fn exported(&self) -> Option<&TraceContext> {
        self.context.as_ref().filter(|context| context.is_sampled())
    }
}

/// Takes a request into its trace, and removes a `traceparent` that is none.
pub(crate) fn admit(request: &mut RequestHeader, traces: &Traces) -> Option<Trace> {
    let mut fields = request.headers.get_all(&TRACEPARENT).iter();
    let (field, more) = (fields.next(), fields.next());
    let is_there = field.is_some();
    let parent = field.filter(|_| more.is_none()).and_then(|field| parse(field.as_bytes()));
    if is_there && parent.is_none() {
        request.remove_header(&TRACEPARENT);
    }
    let context = match parent {
        _ if traces.is_off() => None,
        Some(parent) if parent.flags & TraceContext::SAMPLED == 0 => None,
        Some(parent) => Some(TraceContext {
            trace: parent.trace,
            parent: Some(parent.span),
            span: span_id(),
            flags: parent.flags & FLAGS,
            state: state(request),
        }),
        None => Some(begin(traces)),
    };
    let id = context.as_ref().map(|it| it.trace).or(parent.map(|it| it.trace))?;
    Some(Trace { id, context })
}

/// Tells the endpoint the span of the attempt with this number, and leaves no `tracestate` of a trace that
/// does not go on: Connection may have named `traceparent`.
pub(crate) fn tell(request: &mut RequestHeader, trace: Option<&Trace>, attempt: u32) -> Result<()> {
    let context = trace.and_then(|trace| trace.context.as_ref());
    let goes_on = match context {
        Some(context) => {
            let field = traceparent(context.trace, context.attempt(attempt), context.flags);
            let field = HeaderValue::from_bytes(&field).or_fail()?;
            request.insert_header(TRACEPARENT.clone(), field)?;
            context.parent.is_some()
        }
        None => request.headers.contains_key(&TRACEPARENT),
    };
    if !goes_on {
        request.remove_header(&TRACESTATE);
    }
    Ok(())
}

/// A trace that begins here.
fn begin(traces: &Traces) -> TraceContext {
    let id = u128::from(random::bits()) << 64 | u128::from(random::bits());
    // Zero is the id of no trace.
    let trace = id.max(1).to_be_bytes();
    let sampled = if traces.samples(trace) { TraceContext::SAMPLED } else { 0 };
    let flags = TraceContext::RANDOM | sampled;
    TraceContext { trace, parent: None, span: span_id(), flags, state: None }
}

fn span_id() -> SpanId {
    random::bits().max(1).to_be_bytes()
}

/// `tracestate` in one piece; none where it is empty, too long or no text.
fn state(request: &RequestHeader) -> Option<Text> {
    let fields: Vec<_> =
        request.headers.get_all(&TRACESTATE).iter().map(HeaderValue::as_bytes).collect();
    let state = fields.join(&b","[..]);
    let sound = (1..=STATE).contains(&state.len())
        && state.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    sound.then(|| Text::from(&*state))
}

/// `version-trace-parent-flags`, in lower-case hex; later versions may have more behind it (section 3.2).
fn parse(value: &[u8]) -> Option<Parent> {
    const LENGTH: usize = 55;
    let (known, more) = value.split_at_checked(LENGTH)?;
    let mut parts = known.split(|&byte| byte == b'-');
    let [version] = hex(parts.next()?)?;
    let trace = hex(parts.next()?)?;
    let span = hex(parts.next()?)?;
    let [flags] = hex(parts.next()?)?;
    let ends = more.is_empty() || (version != 0 && more.starts_with(b"-"));
    let sound = parts.next().is_none() && ends && version != 0xff;
    (sound && trace != [0; 16] && span != [0; 8]).then_some(Parent { trace, span, flags })
}

/// Exactly so many bytes in lower-case hex.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_chunks::<2>();
    let mut bytes = [0; N];
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

/// The field, in version 00.
fn traceparent(trace: TraceId, span: SpanId, flags: u8) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut field = b"00".to_vec();
    for part in [&trace[..], &span, &[flags]] {
        field.push(b'-');
        let digits = |&byte: &u8| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]];
        field.extend(part.iter().flat_map(digits));
    }
    field
}

#[cfg(test)]
mod tests;
