use std::time::Duration;

use switchback_core::Status;
use switchback_core::plan::AdminAddress;

use super::*;
use crate::demo::script;
use crate::demo::tally::Counts;
use crate::demo::view::Rate;

const LENGTH: Duration = Duration::from_secs(30);

fn picture(columns: usize, rows: usize) -> Vec<String> {
    let phases = script::phases(LENGTH);
    let elapsed = Duration::from_secs(4);
    let mut rate = Rate::default();
    for sample in 0..40 {
        rate.sample(sample * 60);
    }
    let row = |name, behavior, status| Row {
        name,
        address: ([127, 0, 0, 1], 65_535).into(),
        behavior,
        status: Some(status),
        rate: rate.clone(),
    };
    let event = |text: &str| Event { at: elapsed, source: Source::Gateway, text: text.to_owned() };
    let view = View {
        elapsed,
        length: LENGTH,
        phase: script::at(&phases, elapsed),
        phases: &phases,
        gateway: ([127, 0, 0, 1], 65_535).into(),
        dashboard: &AdminAddress::default(),
        without: Some("without retries and health checks"),
        backends: vec![
            row('a', Behavior::Serving, Status::Healthy),
            row('b', Behavior::Answering503, Status::Pending),
            row('c', Behavior::Killed, Status::Failing),
        ],
        clients: 16,
        counts: Counts { requests: 1_234_567, ..Counts::default() },
        rate: 400,
        rescued: 42,
        executed_twice: 0,
        events: (0..20).map(|number| event(&format!("event {number}"))).collect(),
    };
    let lines = frame(&view, columns, rows);
    lines.iter().map(|line| line.render(columns, false)).collect()
}

#[test]
fn it_fits_the_smallest_usual_terminal_with_nothing_cut() {
    let lines = picture(80, 24);
    assert_eq!(lines.len(), 24);
    for line in &lines {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.contains('…'), "{line}");
    }
    assert!(lines[3].contains("b is killed"), "{}", lines[3]);
    assert!(lines[7].contains("✖ answering 503"), "{}", lines[7]);
    assert!(lines[7].contains("pending"), "{}", lines[7]);
    assert!(lines[11].contains("1,234,567  requests"), "{}", lines[11]);
    assert!(lines[23].contains("event 19"), "{}", lines[23]);
}

#[test]
fn what_does_not_fit_is_cut_and_nothing_panics() {
    for (columns, rows) in [(1, 1), (20, 5), (40, 15), (300, 100)] {
        let lines = picture(columns, rows);
        assert!(lines.len() <= rows);
        for line in lines {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
    }
}
