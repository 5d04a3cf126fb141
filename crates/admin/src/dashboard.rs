//! The dashboard: a page that shows in a browser what the API tells.
//!
//! Its files are in the binary as they are in the source, so that nothing has to be built, installed or
//! fetched. They hold nothing about this gateway but its version and are given to whoever asks: what they show comes
//! from the API, which asks for the token.
//!
//! What the page shows is written by clients (paths, hosts) and endpoints (errors). It is shown as text; should
//! that ever fail, the policy is the second wall: no script, style or request but to where the page
//! came from, no frame around it, no form that leaves it.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::get;

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Where each file is found, its type, and the file.
const FILES: &[(&str, &str, &str)] = &[
    ("/dashboard.css", CSS, include_str!("dashboard/dashboard.css")),
    ("/dashboard.js", JS, include_str!("dashboard/dashboard.js")),
    ("/dashboard/action.js", JS, include_str!("dashboard/action.js")),
    ("/dashboard/api.js", JS, include_str!("dashboard/api.js")),
    ("/dashboard/dom.js", JS, include_str!("dashboard/dom.js")),
    ("/dashboard/endpoint.js", JS, include_str!("dashboard/endpoint.js")),
    ("/dashboard/facts.js", JS, include_str!("dashboard/facts.js")),
    ("/dashboard/failures.js", JS, include_str!("dashboard/failures.js")),
    ("/dashboard/format.js", JS, include_str!("dashboard/format.js")),
    ("/dashboard/plots.js", JS, include_str!("dashboard/plots.js")),
    ("/dashboard/pools.js", JS, include_str!("dashboard/pools.js")),
    ("/dashboard/timeline.js", JS, include_str!("dashboard/timeline.js")),
];

pub(crate) fn dashboard() -> Router {
    let page = Router::new().route("/", get(async || file(HTML, page())));
    FILES.iter().fold(page, |router, &(path, kind, text)| {
        router.route(path, get(async move || file(kind, text.to_owned())))
    })
}

fn page() -> String {
    include_str!("dashboard/index.html").replace("{{version}}", env!("CARGO_PKG_VERSION"))
}

fn file(kind: &'static str, text: String) -> Response {
    let headers = AppendHeaders([
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]);
    ([(header::CONTENT_TYPE, kind)], headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/dashboard");

    #[test]
    fn every_file_of_the_page_is_served() {
        let mut served: Vec<_> =
            FILES.iter().filter_map(|(path, ..)| path.rsplit('/').next()).collect();
        served.push("index.html");
        served.sort_unstable();
        let there = std::fs::read_dir(SOURCES).unwrap();
        let mut there: Vec<_> =
            there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        there.sort_unstable();
        assert_eq!(served, there);
    }

    #[test]
    fn what_the_page_asks_for_is_there() {
        let scripts = FILES.iter().filter(|(_, kind, _)| *kind == JS);
        for (path, _, text) in scripts {
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                let named = line.split('"').nth(1).unwrap();
                let folder = path.rsplit_once('/').unwrap().0;
                let wanted = format!("{folder}/{}", named.trim_start_matches("./"));
                assert!(FILES.iter().any(|(path, ..)| *path == wanted), "{path}: {line}");
            }
        }
        for named in ["dashboard.css", "dashboard.js"] {
            assert!(page().contains(&format!("\"{named}\"")), "{named}");
        }
        assert!(page().contains(env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn no_text_can_become_markup_and_nothing_stands_in_line() {
        for (path, _, text) in FILES {
            for way in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "DOMParser",
            ] {
                assert!(!text.contains(way), "{path}: {way}");
            }
        }
        let page = page();
        for inline in
            ["<style", "style=", " onclick=", " onload=", "<script>", "http://", "https://"]
        {
            // The icon's namespace is a name, nothing is fetched from it.
            let page = page.replace("xmlns='http://www.w3.org/2000/svg'", "");
            assert!(!page.contains(inline), "{inline}");
        }
    }
}
