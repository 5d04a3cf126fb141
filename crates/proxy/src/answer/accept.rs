//! Which form of an answer a client prefers (RFC 9110, section 12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;
use switchback_wire::accept::{Range, ranges};

/// The forms that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `text/plain`.
    Text,
    /// `text/html`.
    Page,
    /// `application/problem+json`, also for who asks for `application/json`.
    Problem,
}

/// The forms with their media types; the first is for who does not care.
const FORMS: [(Form, &[&str]); 3] = [
    (Form::Text, &["text/plain"]),
    (Form::Page, &["text/html"]),
    (Form::Problem, &["application/problem+json", "application/json"]),
];

/// How much a client wants something: the weight, how exactly it named it, and how early. Programs list
/// what they can read in the order in which they want it, though the RFC gives that no meaning.
type Wish = (u16, u8, i32);

/// The form that a client prefers; text, where it takes anything or nothing that there is.
pub(super) fn preferred(headers: &HeaderMap) -> Form {
    let fields = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<_> = ranges(fields).collect();
    let wishes = FORMS.iter().filter_map(|(form, names)| Some((*form, wish(&ranges, names)?)));
    // Of equals the first: `max_by_key` would take the last.
    let best = wishes.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map_or(Form::Text, |(form, _)| form)
}

/// How much a form with these names is wanted; `None`: not at all.
fn wish(ranges: &[Range<'_>], names: &[&str]) -> Option<Wish> {
    let mut found: Option<(u8, u16, i32)> = None;
    for (position, range) in (0..).zip(ranges) {
        let exactness = names.iter().filter_map(|name| range.names(name)).max();
        // The most specific range counts, whatever the others say.
        if let Some(exactness) = exactness
            && found.is_none_or(|(before, ..)| exactness > before)
        {
            found = Some((exactness, range.weight(), position));
        }
    }
    let (exactness, weight, position) = found?;
    (weight > 0).then_some((weight, exactness, -position))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn what_is_wanted_most_is_given() {
        use Form::{Page, Problem, Text};
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, form) in [
            ("*/*", Text),
            ("", Text),
            (browser, Page),
            ("application/json", Problem),
            ("application/problem+json", Problem),
            ("application/json, text/plain, */*", Problem),
            ("text/plain, application/json", Text),
            ("text/*", Text),
            ("application/*", Problem),
            ("text/html;q=0.5, application/json;q=0.9", Problem),
            ("TEXT/HTML; Q=1", Page),
            ("text/html;level=1;q=0.2, text/plain;q=0.1", Page),
            ("*/*, text/plain;q=0", Page),
            ("image/png", Text),
            ("text/html;q=nan", Text),
            ("text/html;q=0", Text),
            (",,;;q=,/", Text),
        ] {
            let headers = [(ACCEPT, HeaderValue::from_static(accept))].into_iter().collect();
            assert_eq!(preferred(&headers), form, "{accept}");
        }
        assert_eq!(preferred(&HeaderMap::new()), Text);
    }
}
