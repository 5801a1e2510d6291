//! A cluster of three: keys lie in all shards, and what one id needs lies in one.

use super::server::RedisServer;
use super::{Journal, TENANT, config, hash, runtime, until};
use crate::shared::{Claim, SharedConfig, SharedStore};

/// Three masters that share the slots.
fn cluster() -> Option<Vec<RedisServer>> {
    let options =
        ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-allow-replica-migration", "no"];
    let nodes: Vec<RedisServer> = (0..3).map(|_| RedisServer::start(&options)).collect::<Option<_>>()?;
    for (node, (from, to)) in nodes.iter().zip([("0", "5461"), ("5462", "10922"), ("10923", "16383")]) {
        node.command(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
        if node.port() != nodes[0].port() {
            node.command(&["CLUSTER", "MEET", "127.0.0.1", &nodes[0].port().to_string()]);
        }
    }
    Some(nodes)
}

#[test]
fn a_cluster_serves_claims_and_verdicts() {
    let Some(nodes) = cluster() else { return };
    let runtime = runtime();
    let addresses: Vec<String> = nodes.iter().map(RedisServer::url).collect();
    let settings = SharedConfig { cluster: true, ..config(&addresses.join(",")) };
    let journal = Journal::default();
    runtime.block_on(async {
        until("the cluster to agree", async || {
            nodes.iter().all(|node| {
                let info = node.command(&["CLUSTER", "INFO"]);
                let text: String = redis::from_redis_value(info).unwrap();
                text.contains("cluster_state:ok") && text.contains("cluster_known_nodes:3")
            })
        })
        .await;
    });
    let store = SharedStore::connect(&settings, runtime.handle()).unwrap();
    journal.register(&store, *b"journal1");
    runtime.block_on(async {
        for number in 0..100 {
            let id = format!("payment {}", 5000 + number);
            assert_eq!(store.claim(TENANT, &id, hash(number)).await, Ok(Claim::Won));
            assert_eq!(store.claim(TENANT, &id, hash(number)).await, Ok(Claim::Same));
            assert_eq!(store.claim(TENANT, &id, hash(number + 1)).await, Ok(Claim::Other));
        }
        journal.publish(&store, 0..1000);
        journal.wait_until_all_are_there(&store).await;
        for node in &nodes {
            let redis::Value::Int(keys) = node.command(&["DBSIZE"]) else { panic!("no count") };
            assert!(keys > 300, "a shard with {keys} keys only");
            node.command(&["FLUSHALL"]);
        }
        journal.wait_until_all_are_there(&store).await;
    });
}
