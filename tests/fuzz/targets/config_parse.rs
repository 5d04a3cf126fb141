//! Any text as a main file, as a pool, and (parted by a line of `=====`) as both.

#![no_main]

use libfuzzer_sys::fuzz_target;

const MAIN: &str = "listeners: [ 0.0.0.0:8080 ]\npools: pools/*.yaml\nroutes:\n  - pool: web\n  - path: { exact: /healthz }\n    redirect: { to: /health }\n";
const POOL: &str = "endpoints: [ 10.0.1.11:8080 ]\n";

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    match text.split_once("\n=====\n") {
        Some((main, pool)) => {
            switchback_fuzz::answers(main, &[("pools/web.yaml", pool), ("pools/api.yaml", POOL)]);
        }
        None => {
            let pools = ["pools/web.yaml", "pools/api.yaml", "pools/web-canary.yaml"];
            switchback_fuzz::answers(&text, &pools.map(|path| (path, POOL)));
            switchback_fuzz::answers(MAIN, &[("pools/web.yaml", &text)]);
        }
    }
});
