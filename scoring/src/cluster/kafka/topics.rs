//! Creates the topics, and checks that they are what the order of the log needs.

use super::client::{self, Trouble, Watched};
use super::{KafkaConfig, KafkaError, Topic, check_reachable};
use crate::clock;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// A topic as the cluster has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// Which.
    pub topic: Topic,
    /// Its full name.
    pub name: String,
    /// Its partitions; none: it does not exist.
    pub partitions: Option<usize>,
    /// Copies of its first partition.
    pub replication: usize,
    /// `min.insync.replicas`: copies that must have a message before it is acknowledged.
    pub min_insync_replicas: Option<u32>,
    /// `max.message.bytes`
    pub max_message_bytes: Option<usize>,
    /// `retention.ms`; -1: for ever.
    pub retention_ms: Option<i64>,
    /// Whether this call made it.
    pub created: bool,
    /// What is wrong with it; the service would not start with it.
    pub problems: Vec<String>,
    /// What the operator should know, although the service starts.
    pub remarks: Vec<String>,
}

/// Creates the topics that are missing, each with one partition and `replication` copies (none: as many as there are brokers, at most
/// three), then checks all of them. Topics that exist are left as they are. What is part of the truth (transactions, labels, verdicts,
/// dead letters) is created without a limit of time or size.
pub fn create_topics(
    config: &KafkaConfig,
    replication: Option<u32>,
    timeout: Duration,
) -> Result<Vec<TopicState>, KafkaError> {
    check_reachable(config, timeout)?;
    let trouble = Trouble::new(config);
    let admin = admin(config, &trouble)?;
    let (brokers, there) = look(config, &admin, &trouble, timeout)?;
    let replication = replication.unwrap_or(brokers.clamp(1, 3) as u32);
    if replication == 0 || replication as usize > brokers {
        return Err(KafkaError::Topic(format!(
            "--replication {replication}: the cluster has {brokers} broker(s); ask for 1 to {brokers} copies"
        )));
    }
    let missing: Vec<Topic> = Topic::ALL.into_iter().filter(|topic| !there.contains_key(topic)).collect();
    if !missing.is_empty() {
        create(config, &admin, &trouble, &missing, replication, timeout)?;
    }
    let until = clock::monotonic() + timeout;
    loop {
        let mut states = describe(config, &admin, &trouble, timeout)?;
        // The broker that answers may not have heard of them yet.
        let known = states.iter().all(|state| state.partitions.is_some());
        if known || clock::monotonic() >= until {
            for state in &mut states {
                state.created = missing.contains(&state.topic);
            }
            client::dispose(admin, Duration::from_secs(1));
            return Ok(states);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Looks at every topic and says what is wrong with it. An error only where nobody answers within `timeout`, or the login is refused.
pub fn check_topics(config: &KafkaConfig, timeout: Duration) -> Result<Vec<TopicState>, KafkaError> {
    check_reachable(config, timeout)?;
    let trouble = Trouble::new(config);
    let admin = admin(config, &trouble)?;
    let states = describe(config, &admin, &trouble, timeout);
    client::dispose(admin, Duration::from_secs(1));
    states
}

type Admin = AdminClient<Watched>;

fn admin(config: &KafkaConfig, trouble: &Arc<Trouble>) -> Result<Admin, KafkaError> {
    client::create(&client::settings(config, "admin"), Watched(Arc::clone(trouble)))
}

/// Partitions and copies of a topic that exists.
struct Found {
    partitions: usize,
    replication: usize,
}

/// How many brokers there are, and which of the topics.
fn look(
    config: &KafkaConfig,
    admin: &Admin,
    trouble: &Trouble,
    timeout: Duration,
) -> Result<(usize, HashMap<Topic, Found>), KafkaError> {
    let metadata = admin.inner().fetch_metadata(None, timeout).map_err(|error| trouble.error(&error))?;
    let found = |topic: &MetadataTopic| {
        let which = Topic::of(topic.name(), &config.topic_prefix)?;
        let copies = topic.partitions().first().map_or(0, |partition| partition.replicas().len());
        let exists = topic.error().is_none() && !topic.partitions().is_empty();
        exists.then_some((which, Found { partitions: topic.partitions().len(), replication: copies }))
    };
    Ok((metadata.brokers().len(), metadata.topics().iter().filter_map(found).collect()))
}

fn create(
    config: &KafkaConfig,
    admin: &Admin,
    trouble: &Trouble,
    topics: &[Topic],
    replication: u32,
    timeout: Duration,
) -> Result<(), KafkaError> {
    let named: Vec<(Topic, String, String)> = topics
        .iter()
        .map(|&topic| (topic, topic.full(&config.topic_prefix), topic.max_message_bytes().to_string()))
        .collect();
    let insync = replication.min(2).to_string();
    let new: Vec<NewTopic<'_>> = named
        .iter()
        .map(|(topic, name, bytes)| {
            let new = NewTopic::new(name, 1, TopicReplication::Fixed(replication as i32))
                .set("max.message.bytes", bytes)
                .set("min.insync.replicas", &insync)
                .set("cleanup.policy", "delete");
            if topic.kept_for_ever() { new.set("retention.ms", "-1").set("retention.bytes", "-1") } else { new }
        })
        .collect();
    let options = AdminOptions::new().request_timeout(Some(timeout)).operation_timeout(Some(timeout));
    let results = wait(admin.create_topics(&new, &options))?.map_err(|error| trouble.error(&error))?;
    for result in results {
        match result {
            // Somebody else was faster.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                return Err(match trouble.error(&ClientError::MetadataFetch(code)) {
                    KafkaError::Client(_) => KafkaError::Topic(format!("topic `{name}` cannot be created: {code}")),
                    definite => definite,
                });
            }
        }
    }
    Ok(())
}

/// Every topic as it is.
fn describe(
    config: &KafkaConfig,
    admin: &Admin,
    trouble: &Trouble,
    timeout: Duration,
) -> Result<Vec<TopicState>, KafkaError> {
    let (_, there) = look(config, admin, trouble, timeout)?;
    let names: Vec<String> = there.keys().map(|topic| topic.full(&config.topic_prefix)).collect();
    let mut settings: HashMap<Topic, ConfigResource> = HashMap::new();
    let mut unread = None;
    if !names.is_empty() {
        let resources: Vec<ResourceSpecifier<'_>> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let options = AdminOptions::new().request_timeout(Some(timeout));
        for described in wait(admin.describe_configs(&resources, &options))?.map_err(|error| trouble.error(&error))? {
            match described {
                Ok(resource) => {
                    if let OwnedResourceSpecifier::Topic(name) = &resource.specifier
                        && let Some(topic) = Topic::of(name, &config.topic_prefix)
                    {
                        settings.insert(topic, resource);
                    }
                }
                Err(code) => unread = Some(code),
            }
        }
    }
    let state = |topic: Topic| {
        let found = there.get(&topic);
        let setting = |name: &str| settings.get(&topic)?.get(name)?.value.clone();
        let mut state = TopicState {
            topic,
            name: topic.full(&config.topic_prefix),
            partitions: found.map(|found| found.partitions),
            replication: found.map_or(0, |found| found.replication),
            min_insync_replicas: setting("min.insync.replicas").and_then(|text| text.parse().ok()),
            max_message_bytes: setting("max.message.bytes").and_then(|text| text.parse().ok()),
            retention_ms: setting("retention.ms").and_then(|text| text.parse().ok()),
            created: false,
            problems: Vec::new(),
            remarks: Vec::new(),
        };
        let compacted = setting("cleanup.policy").is_some_and(|policy| policy.contains("compact"));
        judge(&mut state, compacted);
        if let (Some(_), Some(code), false) = (found, unread, settings.contains_key(&topic)) {
            state
                .remarks
                .push(format!("its settings cannot be read ({code}): grant DescribeConfigs to check them too"));
        }
        state
    };
    Ok(Topic::ALL.into_iter().map(state).collect())
}

/// Says what is wrong with a topic.
fn judge(state: &mut TopicState, compacted: bool) {
    let name = &state.name;
    let Some(partitions) = state.partitions else {
        state.problems.push(format!("topic `{name}` does not exist: run `fraudnet topics create`"));
        return;
    };
    if partitions != 1 {
        state.problems.push(format!(
            "topic `{name}` has {partitions} partitions, but must have 1, since order is kept within a partition only: \
             delete it and run `fraudnet topics create`, or choose another kafka.topic_prefix"
        ));
    }
    if let Some(bytes) = state.max_message_bytes
        && bytes < state.topic.max_message_bytes()
    {
        let least = state.topic.max_message_bytes();
        state.problems.push(format!(
            "topic `{name}` has max.message.bytes = {bytes}, but must have at least {least}, so that a message that is too large \
             arrives and can be told: set it"
        ));
    }
    if compacted {
        state
            .problems
            .push(format!("topic `{name}` is compacted, so messages vanish from it: set cleanup.policy = delete"));
    }
    if let Some(insync) = state.min_insync_replicas
        && insync as usize > state.replication
    {
        state.problems.push(format!(
            "topic `{name}` has min.insync.replicas = {insync} but only {} copies, so nothing can be written: lower it",
            state.replication
        ));
    }
    if state.replication == 1 {
        state.remarks.push("one copy: lost with its broker's disk".to_owned());
    }
    if state.topic.kept_for_ever()
        && let Some(retention) = state.retention_ms
        && retention >= 0
    {
        state.remarks.push(format!(
            "deleted after {:.1} days: a replica that has neither journal nor snapshot cannot be rebuilt from before that",
            retention as f64 / 86_400_000.0
        ));
    }
}

/// Waits for an answer that librdkafka's own thread brings; on a thread of its own, since the caller's may be driving a runtime, which
/// must not start another.
fn wait<F: Future<Output: Send> + Send>(answer: F) -> Result<F::Output, KafkaError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| KafkaError::Client(format!("cannot wait for an answer: {error}")))?;
    std::thread::scope(|scope| scope.spawn(move || runtime.block_on(answer)).join())
        .map_err(|_| KafkaError::Client("cannot wait for an answer: the thread that waits panicked".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(topic: Topic) -> TopicState {
        TopicState {
            topic,
            name: topic.full("fraudnet."),
            partitions: Some(1),
            replication: 3,
            min_insync_replicas: Some(2),
            max_message_bytes: Some(topic.max_message_bytes()),
            retention_ms: Some(-1),
            created: false,
            problems: Vec::new(),
            remarks: Vec::new(),
        }
    }

    #[test]
    fn each_fault_is_told_with_its_remedy() {
        type Change = fn(&mut TopicState);
        let cases: [(Change, bool, &str); 6] = [
            (|_| {}, false, ""),
            (|state| state.partitions = None, false, "fraudnet topics create"),
            (|state| state.partitions = Some(3), false, "has 3 partitions, but must have 1"),
            (|state| state.max_message_bytes = Some(1_048_576), false, "max.message.bytes = 1048576"),
            (|state| state.replication = 1, false, "min.insync.replicas = 2"),
            (|_| {}, true, "cleanup.policy = delete"),
        ];
        for (change, compacted, told) in cases {
            let mut state = good(Topic::Transactions);
            change(&mut state);
            judge(&mut state, compacted);
            let problems = state.problems.join("; ");
            assert_eq!(problems.is_empty(), told.is_empty(), "{problems}");
            assert!(problems.contains(told), "{problems}");
        }
    }

    #[test]
    fn a_limit_of_the_truth_is_remarked() {
        for (topic, remarks) in [(Topic::Labels, 1), (Topic::TrainingExamples, 0)] {
            let mut state = good(topic);
            state.retention_ms = Some(604_800_000);
            judge(&mut state, false);
            assert_eq!((state.problems.len(), state.remarks.len()), (0, remarks), "{state:?}");
        }
    }
}
