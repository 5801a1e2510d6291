//! First writer wins; a verdict is for ever.

use super::server::RedisServer;
use super::{TENANT, config, hash, published, runtime};
use crate::shared::{Claim, Published, SharedStore, WriteCounts};
use redis::Value;

#[test]
fn of_many_concurrent_claims_exactly_one_wins() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let runtime = runtime();
    let replicas = [(); 2].map(|()| SharedStore::connect(&config(&server.url()), runtime.handle()).unwrap());
    runtime.block_on(async {
        for round in 0..20_u64 {
            let mut claims = tokio::task::JoinSet::new();
            for contender in 0..16_u64 {
                let store = replicas[contender as usize % 2].clone();
                let body = contender % 4;
                claims.spawn(
                    async move { (body, store.claim(TENANT, &format!("id {round}"), hash(body)).await.unwrap()) },
                );
            }
            let found = claims.join_all().await;
            let winners: Vec<u64> =
                found.iter().filter(|(_, claim)| *claim == Claim::Won).map(|(body, _)| *body).collect();
            let [winner] = winners[..] else { panic!("{winners:?} all won") };
            for (body, claim) in found {
                let expected = if body == winner { [Claim::Won, Claim::Same] } else { [Claim::Other; 2] };
                assert!(expected.contains(&claim), "body {body} of winner {winner} got {claim:?}");
            }
        }
        // The same id of another tenant is another payment, and so is an id that only looks like two parts.
        assert_eq!(replicas[0].claim("other", "id 0", hash(9)).await, Ok(Claim::Won));
        assert_eq!(replicas[0].claim(TENANT, "other/id 0", hash(9)).await, Ok(Claim::Won));
    });
}

#[test]
fn a_claim_ends_unless_the_payment_is_decided() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let runtime = runtime();
    let store = SharedStore::connect(&config(&server.url()), runtime.handle()).unwrap();
    runtime.block_on(async {
        assert_eq!(store.claim(TENANT, "payment 7", hash(8)).await, Ok(Claim::Won));
        let key = "fraudnet:tx:{bank/payment 7}";
        let Value::Int(left_ms) = server.command(&["PTTL", key]) else { panic!("no time to live") };
        assert!((1..=600_000).contains(&left_ms), "{left_ms}");

        // The log decided on another body than the one that was claimed and came to nothing.
        let counts = store.write(&[published(7)]).await.unwrap();
        assert_eq!(counts, WriteCounts { written: 1, there: 0, different: 0 });
        assert_eq!(server.command(&["PTTL", key]), Value::Int(-1));
        assert_eq!(store.claim(TENANT, "payment 7", hash(7)).await, Ok(Claim::Same));
        assert_eq!(store.claim(TENANT, "payment 7", hash(8)).await, Ok(Claim::Other));
        assert_eq!(store.verdict(TENANT, "payment 7").await, Ok(Some(published(7).verdict)));
        assert_eq!(store.verdict(TENANT, "payment 8").await, Ok(None));
    });
}

#[test]
fn a_verdict_is_never_replaced() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let runtime = runtime();
    let store = SharedStore::connect(&config(&server.url()), runtime.handle()).unwrap();
    server.command(&["LPUSH", "fraudnet:verdict:{bank/payment 3}", "no string"]);
    runtime.block_on(async {
        let first: Vec<Published> = (0..3).map(published).collect();
        assert_eq!(store.write(&first).await, Ok(WriteCounts { written: 3, there: 0, different: 0 }));
        let mut again: Vec<Published> = (0..5).map(published).collect();
        again[1].verdict = b"something else".as_slice().into();
        assert_eq!(store.write(&again).await, Ok(WriteCounts { written: 1, there: 2, different: 2 }));
        assert_eq!(store.verdict(TENANT, "payment 1").await, Ok(Some(published(1).verdict)));
    });
}
