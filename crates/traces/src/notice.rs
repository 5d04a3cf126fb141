//! What is told of a collector that will not: when it begins and when it ends, and not at each batch.

use std::time::Duration;

use tokio::time::Instant;

/// How long nothing new is told after something was, so that a collector which comes and goes with the load
/// does not fill the log.
const QUIET: Duration = Duration::from_secs(60);

/// A trouble, and whether it has been told.
#[derive(Debug, Default)]
pub(crate) struct Notice {
    told: bool,
    quiet_until: Option<Instant>,
}

impl Notice {
    /// Notes the trouble; whether it is to be told now.
    pub(crate) fn begins(&mut self) -> bool {
        let now = Instant::now();
        if self.told || self.quiet_until.is_some_and(|until| now < until) {
            return false;
        }
        self.told = true;
        self.quiet_until = Some(now + QUIET);
        true
    }

    /// Notes its end; whether that is to be told.
    pub(crate) fn ends(&mut self) -> bool {
        std::mem::take(&mut self.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn trouble_is_told_once_and_its_end_once() {
        let mut notice = Notice::default();
        let told: Vec<_> = (0..5).map(|_| notice.begins()).collect();
        assert_eq!(told, [true, false, false, false, false]);
        assert!(notice.ends() && !notice.ends());
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_and_goes_is_told_once_a_minute() {
        let mut notice = Notice::default();
        let mut lines = 0;
        for _ in 0..600 {
            lines += u32::from(notice.begins()) + u32::from(notice.ends());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(lines, 20, "in ten minutes");
    }
}
