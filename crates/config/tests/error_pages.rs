//! Error pages as an operator has them: what is read of them, how they are told, and that they are watched.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

#[path = "schema/validator.rs"]
mod validator;

use std::fs;
use std::path::{Path, PathBuf};

use switchback_config::{Diagnostics, Loaded, diff, load};
use switchback_core::plan::ErrorPages;
use tempfile::TempDir;

const PAGES: &[(&str, &[u8])] = &[
    ("busy.html", b"<p>busy: {request_id}</p>"),
    ("sorry.HTM", b"<p>sorry</p>"),
    ("plain.txt", "pl\u{e4}in".as_bytes()),
    ("api.json", b"{}"),
    ("latin1.txt", b"pl\xe4in"),
    ("large.html", &[b'x'; 64 * 1024 + 1]),
    ("full.html", &[b'x'; 64 * 1024]),
    ("page.php", b"<?"),
];

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("errors")).unwrap();
    for (name, content) in PAGES {
        fs::write(folder.path().join("errors").join(name), content).unwrap();
    }
    fs::write(folder.path().join("web.yaml"), "endpoints: [ 10.0.1.11:8080 ]\n").unwrap();
    folder
}

/// With `pages` of the gateway, and those of a route beside one that has none.
fn read(folder: &TempDir, pages: &str, route: &str) -> Result<Loaded, Diagnostics> {
    let main = format!(
        "listeners: [ 0.0.0.0:8080 ]\npools: web.yaml\nerror_pages: {pages}\nroutes: [ {{ path: /a/, pool: web, error_pages: {route} }}, {{ pool: web }} ]\n"
    );
    let path = folder.path().join("switchback.yaml");
    fs::write(&path, &main).unwrap();
    let loaded = load(&path, &|_: &str| None).map_err(|refused| refused.diagnostics)?;
    validator::accepts(&main, &[]);
    Ok(loaded)
}

fn loaded(folder: &TempDir, pages: &str, route: &str) -> Loaded {
    read(folder, pages, route).unwrap_or_else(|said| panic!("{said}"))
}

/// The file of a status' page.
fn of(pages: &ErrorPages, status: u16) -> Option<&str> {
    pages.of(status).map(|page| page.path.file_name().unwrap().to_str().unwrap())
}

/// Written over its file, what is printed loads to the same plan, and is printed the same.
fn holds(folder: &TempDir, loaded: &Loaded) {
    let printed = loaded.effective();
    let main = printed.split("\n---\n").next().unwrap();
    validator::accepts(main, &[]);
    fs::write(folder.path().join("switchback.yaml"), main).unwrap();
    let again = load(&folder.path().join("switchback.yaml"), &|_: &str| None);
    let again = again.unwrap_or_else(|said| panic!("{printed}\n{said}"));
    assert_eq!(format!("{:?}", again.plan), format!("{:?}", loaded.plan), "{printed}");
    assert_eq!(again.effective(), printed);
}

#[test]
fn a_page_has_its_statuses_its_type_and_its_text() {
    let folder = folder();
    let pages = "{ 503: errors/busy.html, 4xx: errors/sorry.HTM, 500-509: errors/plain.txt, 400-599: errors/api.json, 404-404: errors/full.html }";
    let loaded = loaded(&folder, pages, "{}");
    let told: Vec<_> = loaded.plan.error_pages.iter().collect();
    let wanted = [
        ((503, 503), "text/html; charset=utf-8"),
        ((400, 499), "text/html; charset=utf-8"),
        ((500, 509), "text/plain; charset=utf-8"),
        ((400, 599), "application/json"),
        ((404, 404), "text/html; charset=utf-8"),
    ];
    assert_eq!(
        told.iter().map(|page| (page.statuses, page.content_type)).collect::<Vec<_>>(),
        wanted
    );
    assert_eq!(&*told[0].body, PAGES[0].1);
    assert_eq!(told[0].path, folder.path().join("errors/busy.html"));
    for (status, file) in [
        (503, "busy.html"),
        (502, "plain.txt"),
        (404, "full.html"),
        (410, "sorry.HTM"),
        (511, "api.json"),
    ] {
        assert_eq!(of(&loaded.plan.error_pages, status), Some(file), "{status}");
    }
    assert_eq!(loaded.plan.routes[0].error_pages, loaded.plan.error_pages);
    holds(&folder, &loaded);
}

#[test]
fn the_narrowest_counts_and_of_equals_the_routes() {
    let folder = folder();
    let gateway = "{ 5xx: errors/sorry.HTM, 503: errors/busy.html, 500-509: errors/plain.txt }";
    let route = "{ 503: errors/api.json, 5xx: errors/full.html, 505-514: errors/busy.html }";
    let loaded = loaded(&folder, gateway, route);
    let [own, other] = [0, 1].map(|at: usize| &loaded.plan.routes[at].error_pages);
    for (status, of_own, of_other) in [
        (503, Some("api.json"), Some("busy.html")),
        (599, Some("full.html"), Some("sorry.HTM")),
        (507, Some("busy.html"), Some("plain.txt")),
        (502, Some("plain.txt"), Some("plain.txt")),
        (404, None, None),
    ] {
        assert_eq!((of(own, status), of(other, status)), (of_own, of_other), "{status}");
    }
    assert_eq!(*other, loaded.plan.error_pages);
    holds(&folder, &loaded);
}

#[test]
fn what_a_route_repeats_is_told_once() {
    let folder = folder();
    let gateway = "{ 5xx: errors/sorry.HTM, 503: errors/busy.html }";
    for route in [
        "{ 503: errors/busy.html }",
        "{ 503: errors/busy.html, 5xx: errors/sorry.HTM, 404: errors/full.html }",
        "{ 503: ./errors/busy.html }",
        "{ 500-599: errors/busy.html }",
    ] {
        holds(&folder, &loaded(&folder, gateway, route));
    }
    let twice = loaded(&folder, gateway, "{ 500-599: errors/sorry.HTM }");
    assert_eq!(twice.effective().matches("sorry.HTM").count(), 1);
}

#[test]
fn what_is_no_page_is_refused() {
    let folder = folder();
    for (pages, message) in [
        ("{ 503: errors/page.php }", "`errors/page.php` is no error page"),
        ("{ 503: errors }", "`errors` is no error page"),
        ("{ 503: errors/none.html }", "there is no such file"),
        ("{ 503: errors/latin1.txt }", "is not UTF-8"),
        ("{ 503: errors/large.html }", "is larger than 64 KiB"),
        ("{ 200: errors/busy.html }", "no status of a failure"),
        ("{ 503: errors/busy.html, 503-503: errors/busy.html }", "two pages for `503`"),
        ("{ 500-509: errors/busy.html, 505-514: errors/busy.html }", "equally wide"),
        ("{ 503: }", "`503` has no value"),
        ("[ errors/busy.html ]", "`error_pages` must be a mapping"),
        ("errors/busy.html", "`error_pages` must be a mapping"),
    ] {
        for said in [read(&folder, pages, "{}"), read(&folder, "{}", pages)] {
            let said = said.expect_err(pages);
            assert_eq!(said.errors(), 1, "{pages}: {said}");
            assert!(said.iter().next().unwrap().message().contains(message), "{pages}: {said}");
        }
    }
}

#[test]
fn a_page_is_watched_and_its_change_is_told() {
    let folder = folder();
    let (pages, route) =
        ("{ 503: errors/busy.html }", "{ 503: errors/api.json, 404: errors/busy.html }");
    let before = loaded(&folder, pages, route);
    let inside = |path: &Path| path.strip_prefix(folder.path()).unwrap().to_owned();
    let files: Vec<_> = before.files.iter().map(|path| inside(path)).collect();
    let wanted = ["switchback.yaml", "web.yaml", "errors/busy.html", "errors/api.json"];
    assert_eq!(files, wanted.map(PathBuf::from));
    assert_eq!(before.sources.files().count(), 4);
    assert_eq!(before.sources.seen(), before.sources.fingerprint());
    fs::write(folder.path().join("errors/busy.html"), "another").unwrap();
    assert_ne!(before.sources.seen(), before.sources.fingerprint());

    let told = |before: &Loaded, after: &Loaded| -> Vec<String> {
        let changes = diff::diff(&before.effective_redacted(), &after.effective_redacted());
        let changes = changes.unwrap();
        assert!(!changes.needs_restart());
        changes.iter().map(ToString::to_string).collect()
    };
    let after = loaded(&folder, pages, route);
    let lines = told(&before, &after);
    let [gateway, own] = lines.as_slice() else { panic!("{lines:?}") };
    for (line, subject) in
        [(gateway, "gateway: error_pages.503"), (own, "route */a/: error_pages.404")]
    {
        assert!(line.starts_with(&format!("{subject}.fingerprint: ")), "{line}");
        assert!(line.ends_with("; the file has another content"), "{line}");
    }
    let none = loaded(&folder, "{}", "{ 404: errors/busy.html }");
    let lines = told(&after, &none);
    let starts = [
        "gateway: error_pages.503: { file: errors/busy.html, fingerprint: ",
        "route */a/: error_pages.503: { file: errors/api.json,",
    ];
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start) && line.ends_with(" → none"), "{line}");
    }
}

/// A file that many routes name is read once, and many files take no longer than they must.
#[test]
fn ten_thousand_routes_with_pages_are_read_in_time() {
    let folder = folder();
    let routes: String = (0..10_000)
        .map(|at| format!("  - {{ path: /{at}/, pool: web, error_pages: {{ 5xx: errors/busy.html, 404: errors/n{at}.html }} }}\n"))
        .collect();
    let main = format!("listeners: [ 0.0.0.0:8080 ]\npools: web.yaml\nroutes:\n{routes}");
    let path = folder.path().join("switchback.yaml");
    fs::write(&path, main).unwrap();
    let started = std::time::Instant::now();
    let refused = load(&path, &|_: &str| None).unwrap_err();
    assert_eq!(refused.diagnostics.errors(), 10_000);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
