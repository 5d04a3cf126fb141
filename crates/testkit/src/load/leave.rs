//! A client that does not stay for its answer.

use std::time::Duration;

use super::Load;
use crate::{Client, ClientError};

/// Between the request and the departure, so that it meets requests in every state: times this, in turn.
const STEP: Duration = Duration::from_millis(7);

/// Sends the request, or half of it, or reads the beginning of the answer, and leaves; which of these,
/// and how, follows from `turn`.
pub(super) async fn leave(load: &Load, (method, size): (&str, usize), id: &str, turn: u64) {
    // A gateway that ends the connection first has left first.
    if let Ok(client) = begin(load, (method, size), id, turn).await {
        if turn.is_multiple_of(2) { client.reset() } else { client.close() }
    }
}

async fn begin(
    load: &Load,
    (method, size): (&str, usize),
    id: &str,
    turn: u64,
) -> Result<Client, ClientError> {
    let mut client = Client::connect_within(load.addr, load.patience).await?;
    let (target, headers) = load.head(id);
    let bytes = client.encode(method, &target, &headers, &vec![b'b'; size]);
    let gone = |_| ClientError::Closed(0);
    match turn % 3 {
        0 => client.send_raw(&bytes[..bytes.len() / 2]).await.map_err(gone)?,
        1 => client.send_raw(&bytes).await.map_err(gone)?,
        _ => {
            client.send_raw(&bytes).await.map_err(gone)?;
            client.read_raw().await.map_err(gone)?;
        }
    }
    tokio::time::sleep(STEP * u32::try_from(turn % 5).unwrap_or_default()).await;
    Ok(client)
}
