//! A request in an access log.
//!
//! A log may have gigabytes, so a line is parsed only if the id stands in it somewhere. Clients behind a
//! trusted proxy choose their ids, so two requests may have the same: the last is shown, being the one that
//! somebody asks about.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::admin::plain;
use super::Found;

/// The longest line that is looked at whole, in bytes: ours are far shorter. What is longer is no line of ours,
/// such as the hole of zeros that a log has where it was cut while it was written.
const LONGEST: u64 = 1024 * 1024;

/// What a log has.
#[derive(Default)]
struct Seen {
    found: Option<Value>,
    lines: u64,
    /// Of these, how many look like JSON.
    objects: u64,
}

/// The request with this id, in the first of these logs that has it.
pub(super) fn in_logs(logs: &[PathBuf], id: &str) -> Result<Found, String> {
    let mut seen = Seen::default();
    for path in logs {
        let read = match path.as_os_str() == "-" {
            true => seen.read(&mut io::stdin().lock(), id),
            false => File::open(path).and_then(|file| seen.read(&mut BufReader::new(file), id)),
        };
        read.map_err(|error| format!("{}: {error}", path.display()))?;
        if let Some(value) = seen.found {
            return Ok(Found::Record(value));
        }
    }
    let names: Vec<_> = logs.iter().map(|path| name(path)).collect();
    let names = names.join(", ");
    if seen.lines > 0 && seen.objects == 0 {
        return Err(format!("{names}: no line is JSON; what is needed is a log in JSON"));
    }
    Ok(Found::Nothing(format!(
        "{names}: no request {} in {} lines; it may be in an older log, which `--log` takes as well",
        plain(id),
        seen.lines
    )))
}

fn name(path: &Path) -> String {
    match path.as_os_str() == "-" {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}

impl Seen {
    fn read(&mut self, log: &mut impl BufRead, id: &str) -> io::Result<()> {
        let mut line = Vec::new();
        // As the log has it: an id may have quotes.
        let needle = Value::from(id).to_string();
        let mut goes_on = false;
        while log.by_ref().take(LONGEST).read_until(b'\n', &mut line)? > 0 {
            if !goes_on {
                self.lines += 1;
                self.objects += u64::from(line.starts_with(b"{"));
            }
            goes_on = !line.ends_with(b"\n");
            if has(&line, needle.as_bytes()) {
                let value: Option<Value> = serde_json::from_slice(&line).ok();
                let same = |value: &Value| value.get("id").and_then(Value::as_str) == Some(id);
                self.found = value.filter(same).or(self.found.take());
            }
            line.clear();
        }
        Ok(())
    }
}

fn has(line: &[u8], needle: &[u8]) -> bool {
    line.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(log: &str, id: &str) -> Seen {
        let mut seen = Seen::default();
        seen.read(&mut log.as_bytes(), id).unwrap();
        seen
    }

    #[test]
    fn the_last_line_with_the_id_is_found_and_nothing_else() {
        let log = "no JSON\n{\"id\":\"a\",\"status\":200}\n{\"id\":\"ab\",\"path\":\"/\\\"a\\\"\"}\n\
                   {\"id\":\"a\",\"status\":502}\n{\"id\":\"a\",\"cut";
        let found = seen(log, "a");
        assert_eq!(found.found.unwrap()["status"], 502);
        assert_eq!((found.lines, found.objects), (5, 4));
        assert!(seen(log, "b").found.is_none());
        assert!(seen(log, "").found.is_none());
    }

    #[test]
    fn a_line_without_an_end_is_not_held_whole() {
        let zeros = io::repeat(0).take(3 * LONGEST + 5);
        let mut log = BufReader::new(zeros.chain(&b"\n{\"id\":\"a\"}\n"[..]));
        let mut seen = Seen::default();
        seen.read(&mut log, "a").unwrap();
        assert_eq!((seen.lines, seen.objects, seen.found.is_some()), (2, 1, true));
    }

    #[test]
    fn several_logs_are_read_in_turn_and_a_wrong_format_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let new = path("access.log", "{\"id\":\"a\"}\n");
        let old = path("access.log.1", "{\"id\":\"b\"}\n");
        let logs = [new, old];
        assert!(matches!(in_logs(&logs, "b"), Ok(Found::Record(value)) if value["id"] == "b"));
        let Ok(Found::Nothing(why)) = in_logs(&logs, "c") else { panic!("found") };
        assert!(
            why.ends_with(
                "no request c in 2 lines; it may be in an older log, which `--log` takes as well"
            ),
            "{why}"
        );
        let combined = path("combined.log", "203.0.113.9 - - \"GET / HTTP/1.1\" 200 5\n");
        let said = in_logs(&[combined], "b").err().unwrap();
        assert!(said.ends_with("no line is JSON; what is needed is a log in JSON"));
        assert!(in_logs(&[folder.path().join("none")], "b").is_err());
    }
}
