//! What a request's spans are called (W3C Trace Context, section 3.2).

use crate::access::Text;

/// The id of a trace. Not all zeros.
pub type TraceId = [u8; 16];

/// The id of a span in its trace. Not all zeros.
pub type SpanId = [u8; 8];

/// A request's place in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span of whoever sent the request; none if the trace begins here.
    pub parent: Option<SpanId>,
    /// The request's own span.
    pub span: SpanId,
    /// The trace's flags, as they are passed on.
    pub flags: u8,
    /// `tracestate`, as it came.
    pub state: Option<Text>,
}

impl TraceContext {
    /// The flag that says that the trace is recorded.
    pub const SAMPLED: u8 = 0b01;
    /// The flag that says that the trace's id is random (Trace Context, level 2).
    pub const RANDOM: u8 = 0b10;

    /// Whether its spans are exported.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & Self::SAMPLED != 0
    }

    /// The span of the attempt with this number, from 0. It follows from the request's own, so that nobody
    /// has to keep it from the attempt's begin to the export: the output function of SplitMix64 (Steele,
    /// Lea and Flood, OOPSLA 2014), which no two numbers share.
    #[must_use]
    pub fn attempt(&self, number: u32) -> SpanId {
        let step = (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut mixed = u64::from_be_bytes(self.span).wrapping_add(step);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // Zero is the id of no span.
        mixed.max(1).to_be_bytes()
    }
}
