//! Shares: by weight, away from the slow, and growing where an endpoint is back.

use std::time::Instant;

use switchback_testkit::{Answer, Backend, Behavior, Gateway, Load, until};

use super::{SOON, binary, endpoint, has_status, ms, requests};

/// Pearson's chi-square with two degrees of freedom is above this once in a million times: e^(−x/2).
const ONE_IN_A_MILLION: f64 = 27.6;

const WEIGHTS: [u16; 3] = [1, 2, 5];
const COUNT: u64 = 1_600;

async fn gateway(backends: &[Backend], weights: &[u16], balance: &str) -> Gateway {
    let weighted = backends.iter().zip(weights);
    let endpoints: Vec<_> =
        weighted.map(|(backend, weight)| endpoint(backend, &format!("weight: {weight}"))).collect();
    Gateway::builder()
        .pool_of("web", &endpoints)
        .pool_yaml(&format!("balance: {balance}"))
        .start(binary())
        .await
}

/// Pearson's chi-square of what each got, against the weights.
#[expect(clippy::print_stderr, reason = "the figures, by --nocapture")]
fn deviation(balance: &str, got: &[u64]) -> f64 {
    let count = got.iter().sum::<u64>() as f64;
    let all = f64::from(WEIGHTS.iter().sum::<u16>());
    let term = |(got, weight): (&u64, u16)| {
        let expected = count * f64::from(weight) / all;
        (*got as f64 - expected).powi(2) / expected
    };
    let chi_square = got.iter().zip(WEIGHTS).map(term).sum();
    eprintln!("SHARES {balance}: {got:?}, chi-square {chi_square:.1}");
    chi_square
}

/// One request after the other: nobody is ever busy.
async fn shared_by_weight(balance: &str) {
    let backends = Backend::start_many(3).await;
    let gateway = gateway(&backends, &WEIGHTS, balance).await;
    let report = Load::new(gateway.addr()).clients(1).count(COUNT).run().await;
    assert_eq!(report.ok as u64, COUNT, "{report}");
    let got = requests(&backends);
    let chi_square = deviation(balance, &got);
    assert!(chi_square <= ONE_IN_A_MILLION, "{balance}: {got:?} for {WEIGHTS:?}: {chi_square:.1}");
}

#[tokio::test]
async fn round_robin_gives_each_exactly_its_weight() {
    for weights in [[5, 2, 1], WEIGHTS] {
        let backends = Backend::start_many(3).await;
        let gateway = gateway(&backends, &weights, "round_robin").await;
        let report = Load::new(gateway.addr()).clients(1).count(160).run().await;
        assert_eq!(report.ok, 160, "{report}");
        assert_eq!(requests(&backends), weights.map(|weight| u64::from(weight) * 20));
    }
}

#[tokio::test]
async fn random_shares_by_weight() {
    shared_by_weight("random").await;
}

#[tokio::test]
async fn least_requests_shares_by_weight_while_nobody_is_busy() {
    shared_by_weight("least_requests").await;
}

/// It compares what it has measured, and remembers for ten seconds that somebody was slow: so shares
/// are near the weights only in the long run. Chance alone would leave each nine tenths; what is held
/// here is that noise, or one slow answer, keeps nobody from a quarter.
#[tokio::test]
async fn peak_ewma_starves_nobody_while_all_are_alike_and_idle() {
    let backends = Backend::start_many(3).await;
    backends.iter().for_each(|backend| backend.set(Behavior::ok_after(ms(5))));
    let gateway = gateway(&backends, &WEIGHTS, "peak_ewma").await;
    let report = Load::new(gateway.addr()).rate(50).duration(ms(20_000)).run().await;
    assert_eq!(report.failures.len(), 0, "{report}");
    let got = requests(&backends);
    deviation("peak_ewma", &got);
    let (total, all) = (report.total as u64, u64::from(WEIGHTS.iter().sum::<u16>()));
    for (got, weight) in got.iter().zip(WEIGHTS) {
        let share = total * u64::from(weight) / all;
        assert!(*got >= share / 4, "{got} where {share} is its share");
    }
}

#[tokio::test]
async fn the_busy_and_the_slow_get_less() {
    for balance in ["least_requests", "peak_ewma"] {
        let backends = Backend::start_many(3).await;
        for (backend, delay) in backends.iter().zip([100, 5, 5]) {
            backend.set(Behavior::Answer(Answer::ok("x").delay(ms(delay))));
        }
        let gateway = gateway(&backends, &[1, 1, 1], balance).await;
        let report = Load::new(gateway.addr()).clients(12).count(900).run().await;
        assert_eq!(report.ok, 900, "{report}");
        let slow = backends[0].requests();
        assert!((1..150).contains(&slow), "{balance}: the slow one got {slow} of 900");
    }
}

#[tokio::test]
async fn an_endpoint_that_comes_back_grows_into_its_share() {
    let backends = Backend::start_many(3).await;
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let gateway = Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml("balance: random")
        .pool_yaml("slow_start: 4s")
        .pool_yaml("health: { tcp: {}, interval: 200ms, fast_interval: 100ms, rise: 1, fall: 1 }")
        .start(binary())
        .await;
    has_status(&gateway, &backends[0], "healthy", 1).await;
    backends[0].kill().await;
    has_status(&gateway, &backends[0], "failing", 1).await;

    let load = Load::new(gateway.addr()).rate(200).duration(ms(60_000)).start();
    backends[0].restart();
    has_status(&gateway, &backends[0], "healthy", 1).await;
    let back = Instant::now();
    let full = until(SOON, async || (back.elapsed() >= ms(7_000)).then_some(()));
    assert!(full.await.is_some(), "time passes");
    let report = load.stop().await;
    assert_eq!(report.failures.len(), 0, "{report}");

    let share = |from: u64, to: u64| {
        let of = |backend: &Backend| backend.requests_within(back + ms(from)..back + ms(to)) as f64;
        of(&backends[0]) / backends.iter().map(of).sum::<f64>()
    };
    // A third, times 10 % to 32 % in the first second; then a third of 400, of which chance takes
    // five standard deviations.
    let (first, full) = (share(0, 1_000), share(5_000, 7_000));
    assert!(first < 0.17, "{first:.2} of the first second");
    assert!((0.21..0.46).contains(&full), "{full:.2} when it is warm");
}
