//! `POST /v1/jobs` over real HTTP, for checks of which everything is known and fresh.

use super::world::{LEASES, WIDE, WIDE_NEEDS, World};
use futures::stream::{self, StreamExt, TryStreamExt};
use mirano::http::{self, AppState, Auth};
use mirano::work::evidence::EvidenceStore;
use mirano_schemas::JobId;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Facts that each source knows of each object.
const FACTS: usize = 20;

/// How long each request took, and all together.
pub struct Took {
    /// Sorted.
    pub each: Vec<Duration>,
    /// From the first request to the last answer.
    pub all: Duration,
}

/// Asks for `each` long with so many clients, every one on a connection of its own.
pub async fn measure(world: &World, clients: usize, each: Duration) -> anyhow::Result<Took> {
    let evidence = EvidenceStore::open_folder(&world.folder().join("evidence"))?;
    let state = AppState::new(world.engine.clone(), evidence, Auth::Off, None, CancellationToken::new());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/v1/jobs", listener.local_addr()?);
    let stop = CancellationToken::new();
    let server =
        tokio::spawn(http::serve(listener, http::router(state.clone()), state, stop.clone().cancelled_owned()));

    mirano::work::tls::install();
    let client = reqwest::Client::builder().no_proxy().build()?;
    let post = |object: usize| {
        let check = serde_json::json!({"address": format!("г. Москва, ул. Тверская, д. {}, кв. 1", object + 1), "profile": WIDE});
        let request = client.post(&url).json(&check);
        async move { anyhow::Ok(request.send().await?.error_for_status()?.json::<serde_json::Value>().await?) }
    };
    let mut jobs: Vec<JobId> = Vec::new();
    for object in 0..LEASES {
        let job = post(object).await?;
        jobs.push(job.get("job_id").and_then(serde_json::Value::as_str).unwrap_or_default().parse()?);
    }
    let tasks = world.lease(WIDE_NEEDS).await?;
    world.give(world.answers(&tasks, FACTS), clients).await?;
    world.until_final(&jobs).await?;

    let started = Instant::now();
    let took: Vec<Vec<Duration>> = stream::iter(0..clients)
        .map(|first| async move {
            let mut took = Vec::new();
            while started.elapsed() < each {
                let asked = Instant::now();
                let job = post((first + took.len()) % LEASES).await?;
                took.push(asked.elapsed());
                anyhow::ensure!(
                    job.get("status").is_some_and(|status| status == "COMPLETED"),
                    "the first answer is whole: {job}"
                );
            }
            Ok(took)
        })
        .buffer_unordered(clients)
        .try_collect()
        .await?;
    let all = started.elapsed();
    stop.cancel();
    server.await??;
    let mut each: Vec<Duration> = took.into_iter().flatten().collect();
    each.sort();
    Ok(Took { each, all })
}
