//! What a client accepts (RFC 9110, section 12.5.1).
//!
//! Nothing here is refused: Accept is a wish, and one that cannot be read wishes nothing.

/// The ranges of a request that are looked at. Nobody has that many.
const RANGES: usize = 64;

/// A media range, as `text/html;q=0.8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<'a> {
    name: &'a str,
    parameters: &'a str,
}

/// The ranges of these fields, in order.
pub fn ranges<'a>(fields: impl Iterator<Item = &'a str>) -> impl Iterator<Item = Range<'a>> {
    fields.flat_map(|field| field.split(',')).take(RANGES).map(|range| {
        let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
        Range { name: name.trim(), parameters }
    })
}

impl<'a> Range<'a> {
    /// How exactly it names a media type: 3 for the type itself, 2 for `text/*`, 1 for `*/*`; `None`: it is
    /// of another.
    pub fn names(&self, media_type: &str) -> Option<u8> {
        let kind = || media_type.split_once('/').map_or("", |(kind, _)| kind);
        match self.name.strip_suffix("/*") {
            _ if self.name.eq_ignore_ascii_case(media_type) => Some(3),
            Some("*") => Some(1),
            Some(range) if range.eq_ignore_ascii_case(kind()) => Some(2),
            _ => None,
        }
    }

    /// The value of a parameter, without its quotes.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        let mut named = self.parameters.split(';').filter_map(|it| it.split_once('='));
        let (_, value) = named.find(|(it, _)| it.trim().eq_ignore_ascii_case(name))?;
        Some(value.trim().trim_matches('"'))
    }

    /// Its weight, in thousandths; 1000 where none is given, 0 for what is none.
    pub fn weight(&self) -> u16 {
        let Some(text) = self.parameter("q") else { return 1000 };
        match text.parse::<f32>() {
            Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1000.0).round() as u16,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(field: &str) -> Vec<Range<'_>> {
        ranges([field].into_iter()).collect()
    }

    #[test]
    fn a_range_has_a_name_parameters_and_a_weight() {
        let [html, any] = of("Text/HTML; level=\"1\" ;Q=0.25, */*")[..] else { panic!() };
        assert_eq!((html.names("text/html"), html.names("text/plain")), (Some(3), None));
        assert_eq!((html.parameter("level"), html.weight()), (Some("1"), 250));
        assert_eq!((any.names("text/html"), any.weight()), (Some(1), 1000));
        assert_eq!(of("text/*")[0].names("text/html"), Some(2));
        assert_eq!(of("*")[0].names("text/html"), None);
    }

    #[test]
    fn what_is_no_weight_is_none() {
        for (text, weight) in [("1.0", 1000), ("0", 0), ("nan", 0), ("-1", 0), ("2", 0), ("", 0)] {
            assert_eq!(of(&format!("a/b;q={text}"))[0].weight(), weight, "{text}");
        }
    }

    #[test]
    fn a_list_without_end_is_not_read_to_its_end() {
        assert_eq!(of(&",;;q=,/".repeat(10_000)).len(), RANGES);
    }
}
