//! What a page in a browser can do, whose origin is another: nothing.

use super::*;

/// The head of the answer to a request with these lines.
async fn head(admin: &Admin, method: &str, path: &str, lines: &str) -> String {
    admin.ask(&format!("{method} {path} HTTP/1.1\r\n{lines}\r\n")).await.0
}

const PATHS: [&str; 6] =
    ["/livez", "/readyz", "/metrics", "/", "/api/v1/status", "/api/v1/openapi.json"];

#[tokio::test]
async fn a_foreign_page_is_refused_whatever_it_asks() {
    let operator = Fake::new(1, 1);
    let admin = Admin::of(&operator).await;
    let host = admin.address;
    for said in [
        "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n",
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n",
        "Sec-Fetch-Site: same-site\r\nOrigin: http://127.0.0.1:1\r\n",
    ] {
        for path in PATHS {
            for method in ["GET", "HEAD", "POST", "OPTIONS", "DELETE"] {
                let lines = format!("Host: {host}\r\n{said}");
                let head = head(&admin, method, path, &lines).await;
                assert!(head.starts_with("http/1.1 403"), "{method} {path} {said}: {head}");
            }
        }
    }
    assert_eq!(operator.asked(), [""; 0]);
}

#[tokio::test]
async fn a_preflight_is_refused_and_nothing_is_ever_allowed_to_other_origins() {
    let admin = Admin::of(&Fake::new(1, 1)).await;
    let preflight = "Host: localhost\r\nOrigin: https://evil.example\r\n\
                     Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: authorization\r\n";
    let own = "Host: localhost\r\nOrigin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n";
    for path in PATHS {
        for (method, lines, status) in
            [("OPTIONS", preflight, "403"), ("OPTIONS", own, "405"), ("GET", own, "200")]
        {
            let head = head(&admin, method, path, lines).await;
            assert!(!head.contains("access-control-"), "{method} {path}: {head}");
            if path != "/" {
                assert!(head.starts_with(&format!("http/1.1 {status}")), "{method} {path}: {head}");
            }
            for line in [
                "\r\nx-frame-options: deny\r\n",
                "\r\ncross-origin-resource-policy: same-origin\r\n",
                "\r\nx-content-type-options: nosniff\r\n",
                "\r\nreferrer-policy: no-referrer\r\n",
                "\r\ncache-control: no-store\r\n",
                "frame-ancestors 'none'",
            ] {
                assert!(head.contains(line), "{method} {path}: {head}");
            }
        }
    }
}

#[tokio::test]
async fn a_link_elsewhere_may_be_followed_but_not_into_the_api() {
    let admin = Admin::of(&Fake::new(1, 1)).await;
    let followed = "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n\
                    Sec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n";
    assert!(head(&admin, "GET", "/readyz", followed).await.starts_with("http/1.1 200"));
    assert!(head(&admin, "POST", "/readyz", followed).await.starts_with("http/1.1 403"));
    assert!(head(&admin, "GET", "/api/v1/status", followed).await.starts_with("http/1.1 403"));
}

#[tokio::test]
async fn a_name_that_was_made_to_lead_here_learns_nothing() {
    let admin = Admin::of(&Fake::new(1, 1)).await;
    let rebound = "Host: rebound.example:9900\r\n";
    assert!(head(&admin, "GET", "/api/v1/status", rebound).await.starts_with("http/1.1 403"));
    assert!(head(&admin, "GET", "/metrics", rebound).await.starts_with("http/1.1 403"));
    // It must not be taken for dead or unready, by whatever name it is asked.
    assert!(head(&admin, "GET", "/livez", rebound).await.starts_with("http/1.1 200"));
    assert!(head(&admin, "GET", "/readyz", rebound).await.starts_with("http/1.1 200"));
    admin.reasons.0.lock().unwrap().push("pool secret: not all probed yet".to_owned());
    let (head, body) = admin.ask(&format!("GET /readyz HTTP/1.1\r\n{rebound}\r\n")).await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert!(!body.contains("secret"), "{body}");
    assert!(admin.get("/readyz").await.1.contains("secret"));
}
