//! The harness itself: the broker, the server and the cable that tests of the cluster rest on do what they are told.

use fraudnet_tests::Folder;
use fraudnet_tests::cluster::{Kafka, Proxy, Redis, Topics, cluster_parts, within};
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

async fn topic(topics: &Topics, name: &str) {
    let name = topics.full(name);
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(1));
    let created = topics.admin().create_topics([&topic], &AdminOptions::new()).await.unwrap();
    assert!(created.iter().all(Result::is_ok), "{created:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_keeps_what_it_acknowledged_over_a_stop_and_a_kill() {
    let Some(parts) = cluster_parts() else { return };
    let folder = Folder::new("kafka");
    let (mut kafka, proxy) = Kafka::start_behind_proxy(parts, &folder.join("kafka"));
    let topics = Topics::new(&kafka.bootstrap(), "t.");
    topic(&topics, "one").await;
    let producer = topics.producer();
    assert_eq!(producer.send("one", "key", "first", &[("header", "text")]).await, 0);
    kafka.stop();
    kafka.start_again();
    assert_eq!(producer.send("one", "key", "second", &[]).await, 1);
    kafka.kill9();
    kafka.start_again();
    let messages = topics.until("one", 2).await;
    assert_eq!(messages[0].header("header"), "text");
    assert_eq!((messages[0].key_text().as_str(), &messages[1].payload[..]), ("key", &b"second"[..]));
    assert_eq!(topics.group_offsets("nobody"), [None, None]);

    // The same topic through the proxy, which is cut, then left hanging, then mended.
    let proxied = Topics::new(&proxy.address().to_string(), "t.");
    assert_eq!(proxied.messages("one").await, messages);
    let producer = proxied.producer();
    producer.send("one", "key", "third", &[]).await;
    for (number, harm) in [Proxy::cut, Proxy::hang].into_iter().enumerate() {
        harm(&proxy);
        let delivery = tokio::spawn(producer.queue("one", "key", b"later", &[]));
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!delivery.is_finished());
        assert_eq!(topics.messages("one").await.len(), 3 + number);
        proxy.heal();
        assert_eq!(delivery.await.unwrap(), Ok(3 + number as i64));
    }
    kafka.freeze();
    let delivery = tokio::spawn(topics.producer().queue("one", "key", b"frozen", &[]));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!delivery.is_finished());
    kafka.thaw();
    assert_eq!(delivery.await.unwrap(), Ok(5));
}

#[test]
fn redis_keeps_forgets_and_hangs_as_told() {
    let Some(parts) = cluster_parts() else { return };
    let folder = Folder::new("redis");
    let mut redis = Redis::start(parts, &folder.join("redis"));
    assert_eq!(redis.command(&["SET", "a", "b\r\nc"]), "OK");
    redis.stop();
    redis.start_again();
    assert_eq!(redis.command(&["GET", "a"]), "b\r\nc");
    redis.flush();
    assert_eq!((redis.command(&["GET", "a"]), redis.command(&["DBSIZE"])), (String::new(), "0".to_owned()));
    redis.freeze();
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    assert!(stream.read(&mut [0; 8]).is_err());
    redis.thaw();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 7);
    // Through a proxy, too.
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], redis.port())));
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 7);
    proxy.cut();
    assert_eq!(stream.read(&mut [0; 8]).unwrap_or_default(), 0);
    assert!(within(Duration::from_secs(10), || TcpStream::connect(proxy.address()).is_err()));
    proxy.heal();
    assert!(within(Duration::from_secs(10), || TcpStream::connect(proxy.address()).is_ok()));
    redis.kill9();
    assert!(TcpStream::connect(("127.0.0.1", redis.port())).is_err());
}
