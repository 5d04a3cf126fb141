//! Each key with each of many values, before the schema and the parser.
//!
//! What runs must be accepted; of what does not run, nearly all must be refused. The least file around
//! a key is made from the schema itself: what it requires, with its examples.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use switchback_config::{Diagnostics, File, Loaded, load, parse_str};
use tempfile::TempDir;

use super::validator::{refusals, schema};

/// Where the value of the key goes, in a text.
const HERE: &str = "\"@@\"";

/// A key, and the least file that has it.
struct Key {
    file: File,
    path: String,
    around: String,
    schema: Value,
}

impl Key {
    fn with(&self, value: &str) -> String {
        self.around.replace(HERE, value)
    }
}

struct Walk {
    file: File,
    root: Value,
    keys: Vec<Key>,
}

impl Walk {
    fn resolved(&self, schema: &Value) -> Value {
        let path = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
        let mut whole = path.and_then(|path| self.root.pointer(path)).unwrap_or(schema).clone();
        for (key, value) in schema.as_object().unwrap() {
            whole[key] = value.clone();
        }
        whole
    }

    /// The mapping in a value, and whether it is an entry of a list.
    fn inner(&self, schema: &Value) -> Option<(bool, Value)> {
        let schema = self.resolved(schema);
        match schema["type"].as_str() {
            Some("object") => Some((false, schema)),
            Some("array") => self.inner(&schema["items"]).map(|(_, inner)| (true, inner)),
            _ => schema["anyOf"].as_array()?.iter().find_map(|one| self.inner(one)),
        }
    }

    /// What must stand beside a key.
    fn beside(&self, mapping: &Value, key: &str) -> Map<String, Value> {
        let names = |list: &Value| -> Vec<String> {
            serde_json::from_value(list.clone()).unwrap_or_default()
        };
        let mut wanted = names(&mapping["required"]);
        let choices: Vec<_> = mapping["oneOf"].as_array().into_iter().flatten().collect();
        let choices: Vec<_> = choices.iter().flat_map(|one| names(&one["required"])).collect();
        if !choices.iter().any(|choice| choice == key) {
            wanted.extend(choices.into_iter().next());
        }
        let example = |key: &String| {
            let value = self.resolved(&mapping["properties"][key])["examples"][0].clone();
            assert!(!value.is_null(), "{key} is required, and has no example");
            value
        };
        wanted.iter().filter(|one| *one != key).map(|one| (one.clone(), example(one))).collect()
    }

    fn mapping(&mut self, mapping: &Value, prefix: &str, around: &dyn Fn(Value) -> Value) {
        for (key, value) in mapping["properties"].as_object().into_iter().flatten() {
            let beside = self.beside(mapping, key);
            let around = |value: Value| {
                let mut mapping = beside.clone();
                mapping.insert(key.clone(), value);
                around(mapping.into())
            };
            let path = format!("{prefix}{key}");
            self.keys.push(Key {
                file: self.file,
                around: around(json!("@@")).to_string(),
                schema: self.resolved(value),
                path: path.clone(),
            });
            match self.inner(value) {
                Some((true, inner)) => {
                    self.mapping(&inner, &format!("{path}[]."), &|value| around(json!([value])));
                }
                Some((false, inner)) => self.mapping(&inner, &format!("{path}."), &around),
                None => {}
            }
        }
    }
}

fn keys() -> Vec<Key> {
    let keys = [File::Gateway, File::Pool].map(|file| {
        let root = schema(file);
        let mut walk = Walk { file, root: root.clone(), keys: Vec::new() };
        walk.mapping(&root, "", &|value| value);
        walk.keys
    });
    let mut keys: Vec<_> = keys.into_iter().flatten().collect();
    // What no schema can say: somebody must be trusted with the header.
    for key in keys.iter_mut().filter(|key| key.path == "listeners[].proxy_protocol") {
        key.around = key.around.replacen('{', r#"{"trusted_proxies":["10.0.0.0/8"],"#, 1);
    }
    keys
}

/// Whether the least file around a key, or its value, names others: certificates and pages.
fn names_files(key: &Key) -> bool {
    let starts = ["listeners[].tls", "tls.c", "error_pages", "routes[].error_pages"];
    starts.iter().any(|start| key.path.starts_with(start))
}

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "N" => "3",
        "T" => "true",
        "D" => "2s",
        "P" => "125%",
        "S" => "2KiB",
        "ZONE" => "eu-west-1a",
        "STICKY_SECRET" | "SWITCHBACK_ADMIN_TOKEN" | "OTLP_TOKEN" => "0123456789abcdef",
        _ => return None,
    };
    Some(value.to_owned())
}

/// A folder with the certificates and pages that the examples name.
fn folder() -> &'static Path {
    static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
        let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/certs");
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("certs")).unwrap();
        fs::create_dir(folder.path().join("errors")).unwrap();
        for page in ["busy.html", "sorry.html", "api.json"] {
            fs::write(folder.path().join("errors").join(page), "{}").unwrap();
        }
        for (name, from) in [
            ("shop.pem", "shop.pem"),
            ("shop.key", "shop.key"),
            ("gateway.pem", "shop.pem"),
            ("gateway.key", "shop.key"),
            ("clients.pem", "ca.pem"),
            ("internal-ca.pem", "ca.pem"),
        ] {
            fs::copy(certs.join(from), folder.path().join("certs").join(name)).unwrap();
        }
        folder
    });
    FOLDER.path()
}

fn parsed(key: &Key, text: &str) -> Result<Loaded, Diagnostics> {
    const MAIN: &str = "listeners: [ 0.0.0.0:8080 ]\npools: x\nroutes: [ { pool: web } ]\n";
    const POOL: &str = "endpoints: [ 127.0.0.1:1 ]\n";
    let (main, pool) = match key.file {
        File::Gateway => (text, POOL),
        File::Pool => (MAIN, text),
    };
    if names_files(key) {
        let folder = tempfile::tempdir_in(folder()).unwrap();
        let main =
            main.replace("\"pools/*.yaml\"", "web.yaml").replace("pools: x", "pools: web.yaml");
        let main = main.replace("certs/", "../certs/").replace("errors/", "../errors/");
        fs::write(folder.path().join("switchback.yaml"), main).unwrap();
        fs::write(folder.path().join("web.yaml"), pool.replace("certs/", "../certs/")).unwrap();
        let path = folder.path().join("switchback.yaml");
        return load(&path, &environment).map_err(|refused| refused.diagnostics);
    }
    let pools = [("web.yaml", pool), ("web-canary.yaml", POOL), ("10.yaml", POOL)];
    parse_str(("switchback.yaml", main), &pools, &environment)
}

/// Values that are right for some key, nearly right, or right for none.
const VALUES: &str = r#"
    null ~ true false "true" yes on off "" " " [] {} [x] [1] [""] [null] [[]] [{}] {a: b} [true]
    -1 0 00 1 2 3 "3" 010 1_000 0x1F 1e3 1.0 1.5 +1 -0 100 200 255 256 308 "308" 301 302.0 599 600
    1000 1001 65535 65536 1000000 1000001 99999999999999999999 .inf .nan "${N}" "${T}" "${D}"
    "${P}" "${NOPE}" "${NOPE:-1}" "${NOPE:-}" "${" "$${N}" "$$" "a$$b" "$" ${N} ${D}
    0s 0ms 0.0s 1ms 0.25ms 500ms 2s 1.5s 1m30s 1h 24h 25h 1s1m 1.s .5s 2sec 1d " 2s " "2s\n" 2S -2s
    0% 0.5% 1% 012.50% 12.55% 50% 99.9% 100% 100.0% 100.1% 101% 100.9% 125% 1000% 1000.5% 20 "20" %
    "20 %" " 20% " -5% 1e1%
    10.0.1.11:8080 0.0.0.0:8080 10.0.1.11:0 10.0.1.11:08080 10.0.1.11:65536 10.0.1.256:80
    010.0.0.1:80 10.0.1.11 ":8080" "[::1]:80" "[::]:80" "[fe80::1%2]:80" "[::ffff:1.2.3.4]:80" "[1:2]:80"
    "::1:80" localhost:80 http://10.0.0.1:80
    10.0.0.0/8 010.0.0.0/8 10.0.0.0/33 10.0.0.1/8 ::1 "::/0" 2001:db8::/32 2001:db8::/129 10.0.0.0/08
    [10.0.0.0/8,192.0.2.1] [10.0.0.0/8,x] [10]
    shop.example.com Shop.Example.com. "*.example.com" "*" "*." "*.*.x" a..b a_b -a "[::1]" a:80 a/b
    ä http://a
    / /api /api/ //x /a?b=c "/a#b" "/a b" /ä api http://a.b/ https://a.b https:///x http://:80 ftp://a
    "/new/?q" "^/v[0-9]+/" "(" {exact: /x} {regex: x} {exact: /x, regex: x} {exact: x} {prefix: /}
    web web-canary webb 10 "web " pools/*.yaml p*/x.yaml [pools/*.yaml] "pools/" "a*/." ".." [1,a*]
    stdout stdou {file: a.log} {file: 1} {file: ""} {path: a}
    peak_ewma Peak_Ewma maglev http1 h2 http2 auto always never lax strict none
    client path query header:X-User header: "header:X User" "header:$$x" cookie:cart cookie: client:x
    {key: path} {bounded_load: off} {duration: 5s} {enabled: false} {enabled: "${T}"} {from: 5%}
    503 "503" 500-599 "500 - 599" 599-500 5xx [503] [500-502,504] [503,"504"] [503,x] 200,201 099 700
    [500.0] ["${N}00"] 503-
    0123456789abcdef "0123456789abcde" 0123456789012345 "0123456789abcdef\n" "a b c d e f g h i"
    "a b" "a;b" "a=b" "__Host-a" "\"a\"" "a\tb" "eu-west-1a\n" shop.v1.Cart /shop.v1.Cart
    {address: 10.0.1.11:8080} {address: 0.0.0.0:8080} {address: 10.0.1.11:8080, weight: 0} {address: x}
    [10.0.1.11:8080] [{address: 10.0.1.11:8080}] [{addres: 10.0.1.11:8080}] [10.0.1.11:8080,{}]
    {pool: web} [{pool: web}] [{pool: web, weight: 1}] [{pool: web, weight: 0}] [{pool: web, split: []}]
    {to: /x} {to: /x, status: 308} {to: /x, status: 200} {request: 2s} {attempts: 2} {attempts: 0}
    {delay: 0s} {delay: 0} {timeout: 0s} {path: /x} {expect: 200} {port: 0} {port: 80} {service: x}
    {http: {}} {http: {}, tcp: {}} {grpc: {}} {tcp: {x: y}} {interval: 2s} {ratio: 20%} {floor: 0}
    0B 1B 500B 127B 128B 1023B 1KiB 32KiB " 8KiB " 1MiB 1025KiB 1GiB 1025MiB 1TiB 2TiB 01KiB 000B 0KiB
    32k 32KB 32kib "32 KiB" 1.5MiB -1B B "${S}" 500B/s 1.2 1.3 "1.2" "1.3" 1.1 1.20 TLSv1.2 drop keep v1
    v2 V2 {header_size: 1KiB} {header_size: 1KB} {header_size: 1KiB, target_size: 2KiB} {connections: 0}
    {http2_resets: 0} {ca: certs/clients.pem} {ca: certs/clients.pem, required: false} {required: true}
    {ca: certs/clients.pem, verify: true} {cert: certs/shop.pem, key: certs/shop.key} {cert: certs/shop.pem}
    [{cert: certs/shop.pem, key: certs/shop.key}] {certificates: [], min_version: 1.3}
    {certificates: [{cert: certs/shop.pem, key: certs/shop.key}], min_version: 1.3}
    {certificates: [{cert: certs/shop.pem, key: certs/shop.key}], min_version: 1.1}
    {address: 10.0.1.11:8080, readiness: /readyz} {address: 10.0.1.11:8080, readiness: x, http2: yes}
    {pool: web, max_body: 1B} {pool: web, max_body: 0B}
    {503: errors/busy.html} {"503": errors/busy.html, 5xx: errors/sorry.html} {5XX: errors/busy.html} {} {399: errors/busy.html}
    {600: errors/busy.html} {400-599: errors/api.json} {" 500 - 509 ": errors/api.json} {503: errors/none.html} {503: 1} {503: []}
    {socket: run/admin.sock} {socket: ""} {socket: a, token: 0123456789abcdef} {address: 10.0.1.11:9900, socket: a}
    {address: 10.0.1.11:9900, token: 0123456789abcdef} {address: 10.0.1.11:9900, token: short} {token: 0123456789abcdef}
    "0123456789abcde=" "================" "a.b-c_d~e+f/g0123456789==" "0123456789:abcdef" json combined {template: "{client}"}
    {template: "x"} {template: "{nope}"} "{client}" "{time} {{x}} {status}" "{client" "{client}}" "a{client}	" "$${client}"
    {format: json} {format: combined} {format: {template: "{client} $$"}} {file: a.log, format: json} {format: stdout}
    {otlp: "http://a:4318"} {otlp: "http://a", sample: 0%} {otlp: a} {otlp: "http://a", service: "a b"} {sample: 5%}
    http://collector:4318 https://a.b/c/ http://a:0 http://a:65536 http://a/?b http://u@a http://[::1]:4318 http:// "http://a/v1/traces"
    {authorization: "Bearer x"} {x-a: ""} {x-a: " a"} {"x a": b} {X-A: 1} {host: a} {x-a: "ä"} {x-a: a, X-A: b}
    {otlp: "http://a", headers: {authorization: "Bearer ${N}"}}
    {secret: 0123456789abcdef} {secret: short} {cookie: a} {sni: a.b} {sni: "*.a"} {verify: no}
"#;

/// The words of [`VALUES`]: split at white space that is in no brackets and no quotes.
fn values() -> Vec<String> {
    let (mut values, mut value, mut depth, mut is_quoted) = (Vec::new(), String::new(), 0, false);
    for (at, c) in VALUES.char_indices() {
        match c {
            '"' if !VALUES[..at].ends_with('\\') => is_quoted = !is_quoted,
            '[' | '{' if !is_quoted => depth += 1,
            ']' | '}' if !is_quoted => depth -= 1,
            _ => {}
        }
        if c.is_whitespace() && depth == 0 && !is_quoted {
            values.extend((!value.is_empty()).then(|| std::mem::take(&mut value)));
        } else {
            value.push(c);
        }
    }
    values
}

#[test]
fn every_example_and_default_runs() {
    for key in keys() {
        let examples = key.schema["examples"].as_array().into_iter().flatten();
        for value in examples.chain(key.schema.get("default")) {
            let text = key.with(&value.to_string());
            let parsed = parsed(&key, &text);
            assert!(parsed.is_ok(), "{}: {text}\n{}", key.path, parsed.unwrap_err());
            assert_eq!(refusals(key.file, &text), Some(Vec::new()), "{}: {text}", key.path);
        }
    }
}

#[test]
fn numbers_have_the_range_of_the_parser() {
    let mut count = 0;
    for key in keys() {
        let Some((low, high)) = key.schema["minimum"].as_i64().zip(key.schema["maximum"].as_i64())
        else {
            continue;
        };
        for (number, is_good) in [(low - 1, false), (low, true), (high, true), (high + 1, false)] {
            let text = key.with(&number.to_string());
            let said = parsed(&key, &text).map(drop).map_err(|said| said.to_string());
            assert_eq!(said.is_ok(), is_good, "{}: {number} {said:?}", key.path);
            let is_accepted = refusals(key.file, &text).unwrap().is_empty();
            assert_eq!(is_accepted, is_good, "{}: {number}", key.path);
        }
        count += 1;
    }
    assert!(count >= 20, "{count}");
}

#[test]
fn what_runs_is_accepted_and_nearly_all_else_refused() {
    let (values, keys) = (values(), keys());
    let (mut run, mut refused, mut passed) = (0, 0, Vec::new());
    // `parse_str` does not look at `pools`, and which files there are is not seen by a schema.
    let is_file = |key: &Key| names_files(key) && key.schema["title"] == "path";
    for key in keys.iter().filter(|key| key.path != "pools" && !is_file(key)) {
        for value in &values {
            let text = key.with(value);
            let Some(refusals) = refusals(key.file, &text) else {
                continue;
            };
            match (parsed(key, &text).is_ok(), refusals.is_empty()) {
                (true, is_accepted) => {
                    assert!(is_accepted, "{}: {value} runs: {refusals:#?}\n{text}", key.path);
                    run += 1;
                }
                (false, false) => refused += 1,
                // What a variable holds, and which pools there are, is not seen by it.
                (false, true) if value.contains("${") || key.schema["title"] == "pool" => {}
                (false, true) => passed.push(format!("{}: {value}", key.path)),
            }
        }
    }
    assert!(run > 2000, "{run}");
    let (keys, count, passed) = (keys.len(), passed.len(), passed.join("\n"));
    let figures = format!("{keys} keys: {run} values run, {refused} refused, {count} passed");
    assert!(count * 100 < refused, "{figures}:\n{passed}");
}
