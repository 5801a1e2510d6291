//! A hundred thousand random and mutated bodies against the routes: no panic, no 5xx, and the service goes on.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use fraudnet_scoring::service::Service;
use fraudnet_scoring::{config, http};
use fraudnet_tests::{Folder, Numbers, Settings, label, payment, with};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;
use tower::ServiceExt;

/// Bodies in all.
const BODIES: u64 = 100_000;
/// Callers at once; few enough that no queue is ever full.
const CALLERS: u64 = 8;
/// Change it to look elsewhere; every failure names the body's own number, from which alone it follows.
const SEED: u64 = 2026;

/// Pieces that parsers stumble over.
const PIECES: [&[u8]; 24] = [
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"-1e-999",
    b"18446744073709551616",
    b"0.1",
    b"\"\"",
    b"\"\\u0000\"",
    b"\"\\ud83d\"",
    b"\xff\xfe",
    b"\xc3\x28",
    b"[[[[[[[[",
    b"{\"a\":{\"a\":",
    b"]",
    b"}",
    b",,",
    b":",
    b"\\",
    b"\"4111 1111 1111 1111\"",
    b"\"9999-99-99T99:99:99Z\"",
    b"NaN",
    b"/*",
    b"\xef\xbb\xbf",
];

fn body(numbers: &mut Numbers) -> Vec<u8> {
    if numbers.below(10) == 0 {
        let length = numbers.below(300);
        return (0..length).map(|_| numbers.bits() as u8).collect();
    }
    // Few ids, so that most of what is still good meets an id that had another body.
    let id = format!("fuzz-{}", numbers.below(40));
    let mut body = if numbers.below(5) == 0 { label(&id, numbers.below(2) == 0) } else { payment(&id) };
    if numbers.below(2) == 0 {
        let names: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        let name = numbers.pick(&names).clone();
        let value = match numbers.below(6) {
            0 => serde_json::Value::Null,
            1 => (numbers.bits() as i64).into(),
            2 => f64::from_bits(numbers.bits()).into(),
            3 => String::from_utf8_lossy(&numbers.bits().to_le_bytes()).into_owned().into(),
            4 => "\u{10ffff}".repeat(numbers.below(80)).into(),
            _ => vec![numbers.bits(); numbers.below(4)].into(),
        };
        body = with(body, &name, value);
    }
    let mut bytes = body.to_string().into_bytes();
    for _ in 0..numbers.below(4) {
        mutate(&mut bytes, numbers);
    }
    bytes
}

fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    let (from, to) = (numbers.below(bytes.len() + 1), numbers.below(bytes.len() + 1));
    let span = from.min(to)..from.max(to).min(from.min(to) + 40);
    match numbers.below(6) {
        0 if from < bytes.len() => bytes[from] = numbers.bits() as u8,
        1 if from < bytes.len() => bytes[from] ^= 1 << numbers.below(8),
        2 => bytes.truncate(from),
        3 => drop(bytes.drain(span)),
        4 => {
            let copy = bytes[span].to_vec();
            bytes.splice(to..to, copy);
        }
        _ => {
            bytes.splice(span, numbers.pick(&PIECES).iter().copied());
        }
    }
}

async fn send(routes: Router, path: &str, body: Vec<u8>) -> (u16, String, Vec<u8>) {
    let caller = ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1)));
    let request = Request::post(path).header("content-type", "application/json").header("host", "127.0.0.1");
    let request = request.extension(caller).body(Body::from(body)).unwrap();
    let (head, body) = routes.oneshot(request).await.unwrap().into_parts();
    let kind = head.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    (head.status.as_u16(), kind, to_bytes(body, usize::MAX).await.unwrap().to_vec())
}

/// What is wrong with an answer.
fn fault(status: u16, kind: &str, answer: &[u8]) -> Option<&'static str> {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(answer) else { return Some("it is not JSON") };
    match status {
        200 if kind == "application/json" => None,
        400 | 413 | 422 if kind == "application/problem+json" && json["status"] == status => None,
        500.. => Some("the service failed"),
        _ => Some("status and form do not belong together"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_bodies_cause_no_panic_and_no_5xx() {
    let folder = Folder::new("fuzz");
    let settings = Settings::new(&folder).text("log.durability", "os");
    let config = config::load(Some(&settings.write(folder.path()))).unwrap();
    let service = Service::start(config.service).unwrap();
    while !service.readiness().ready {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let routes = http::router(service.clone(), config.http, None).unwrap();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let routes = routes.clone();
        callers.spawn(async move {
            let mut counts = [0_u64; 6];
            for number in (caller..BODIES).step_by(CALLERS as usize) {
                let mut numbers = Numbers::new(SEED ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
                let body = body(&mut numbers);
                let path = if numbers.below(4) == 0 { "/v1/labels" } else { "/v1/transactions:score" };
                let (status, kind, answer) = send(routes.clone(), path, body.clone()).await;
                if let Some(fault) = fault(status, &kind, &answer) {
                    panic!(
                        "body {number} of seed {SEED} to {path}: {fault}: {status} {}\nbody: {}",
                        answer.escape_ascii(),
                        body.escape_ascii()
                    );
                }
                counts[usize::from(status / 100)] += 1;
            }
            counts
        });
    }
    let mut counts = [0; 6];
    while let Some(of_caller) = callers.join_next().await {
        of_caller.unwrap().iter().zip(&mut counts).for_each(|(of_caller, count)| *count += of_caller);
    }
    assert_eq!(counts.iter().sum::<u64>(), BODIES);
    assert!(counts[2] > BODIES / 1_000 && counts[4] > BODIES / 2, "both sides of the door were tried: {counts:?}");
    // It goes on as if nothing had been.
    assert!(service.readiness().ready, "{}", service.readiness().state);
    let (status, _, verdict) = send(routes, "/v1/transactions:score", payment("after").to_string().into_bytes()).await;
    assert_eq!(status, 200, "{}", verdict.escape_ascii());
    service.drain(fraudnet_tests::PATIENCE).await.unwrap();
}
