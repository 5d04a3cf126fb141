//! What it costs to load a configuration: linear in what it holds, and well below the 2 s that are
//! promised for 1,000 pools of 100 endpoints with 10,000 routes.

use std::path::PathBuf;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use switchback_config::load;
use switchback_testkit::Scale;

fn written(scale: &Scale) -> std::io::Result<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let main = folder.path().join("switchback.yaml");
    std::fs::create_dir(folder.path().join("pools"))?;
    std::fs::write(&main, scale.main_text())?;
    for pool in 0..scale.pools {
        let path = folder.path().join(format!("pools/{}.yaml", scale.pool_name(pool)));
        std::fs::write(path, scale.pool_text(pool))?;
    }
    Ok((folder, main))
}

fn loading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    for scale in [
        Scale { pools: 10, endpoints: 100, routes: 100 },
        Scale { pools: 100, endpoints: 100, routes: 1_000 },
        Scale::FULL,
        // The same endpoints, in fewer and larger pools.
        Scale { pools: 10, endpoints: 10_000, routes: 10_000 },
    ] {
        let Ok((_folder, main)) = written(&scale) else { continue };
        let name = format!("{}x{}", scale.pools, scale.endpoints);
        group.bench_function(BenchmarkId::new(name, scale.routes), |bencher| {
            bencher.iter(|| {
                let loaded = load(&main, &|_: &str| None);
                assert!(loaded.is_ok_and(|loaded| loaded.plan.pools.len() == scale.pools));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, loading);
criterion_main!(benches);
