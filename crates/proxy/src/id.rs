//! Request ids: ULIDs, which sort by time.

use std::time::{SystemTime, UNIX_EPOCH};

use switchback_runtime::random;
use switchback_telemetry::Text;
use ulid::Ulid;

/// A new id, of a request that came in at `time`.
pub(crate) fn new(time: SystemTime) -> Text {
    let random = u128::from(random::bits()) << 64 | u128::from(random::bits());
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let id = Ulid::from_parts(u64::try_from(millis).unwrap_or(0), random);
    Text::from(&*id.array_to_str(&mut [0; ulid::ULID_LEN]))
}
