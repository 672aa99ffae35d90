//! Drives the Rust client rdkafka for the interop suite. What the actions take and print is in interop/README.md.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufWriter, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

/// How long a client goes on with what does not succeed: longer than the slowest machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["version"] => {
            println!("0.39.0 (librdkafka {})", rdkafka::util::get_rdkafka_version().1);
            Ok(())
        }
        ["create", bootstrap, topic, partitions] => create(bootstrap, topic, partitions.parse()?),
        ["produce", bootstrap, topic] => produce(bootstrap, topic),
        ["consume", bootstrap, topic, group, count] => consume(bootstrap, topic, group, count.parse()?),
        _ => Err("usage: version | create | produce | consume, see interop/README.md".into()),
    }
}

fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

fn create(bootstrap: &str, topic: &str, partitions: i32) -> Outcome<()> {
    let admin: AdminClient<DefaultClientContext> = config(bootstrap).create()?;
    let wanted = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for result in futures_executor::block_on(admin.create_topics([&wanted], &AdminOptions::new()))? {
        result.map_err(|(name, code)| format!("create {name}: {code}"))?;
    }
    Ok(())
}

/// One line of input: what to send, with `-` already turned into None.
struct Input {
    line: usize,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Collects what the broker acknowledged.
struct Acks(Mutex<Vec<Result<(usize, i32, i64), String>>>);

impl ClientContext for Acks {}

impl ProducerContext for Acks {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, line: Box<usize>) {
        let outcome = match result {
            Ok(message) => Ok((*line, message.partition(), message.offset())),
            Err((err, _)) => Err(format!("line {line}: {err}")),
        };
        self.0.lock().unwrap().push(outcome);
    }
}

fn produce(bootstrap: &str, topic: &str) -> Outcome<()> {
    let mut codecs: Vec<String> = Vec::new();
    let mut inputs: HashMap<String, Vec<Input>> = HashMap::new();
    for (line, text) in io::stdin().lock().lines().enumerate() {
        let text = text?;
        let fields: Vec<&str> = text.split('\t').collect();
        if !codecs.iter().any(|c| c == fields[0]) {
            codecs.push(fields[0].to_string());
        }
        inputs.entry(fields[0].to_string()).or_default().push(Input {
            line,
            timestamp: fields[1].parse()?,
            key: bytes(fields[2])?,
            value: bytes(fields[3])?,
            headers: headers(fields[4])?,
        });
    }
    let mut out = BufWriter::new(io::stdout().lock());
    for codec in codecs {
        for (line, partition, offset) in produce_codec(bootstrap, topic, &codec, &inputs[&codec])? {
            writeln!(out, "{line}\t{partition}\t{offset}")?;
        }
    }
    Ok(out.flush()?)
}

fn produce_codec(bootstrap: &str, topic: &str, codec: &str, inputs: &[Input]) -> Outcome<Vec<(usize, i32, i64)>> {
    let producer: BaseProducer<Acks> = config(bootstrap)
        .set("compression.type", codec)
        .set("enable.idempotence", "true")
        .set("linger.ms", "50")
        .create_with_context(Acks(Mutex::new(Vec::new())))?;
    for input in inputs {
        let mut owned = OwnedHeaders::new();
        for (key, value) in &input.headers {
            owned = owned.insert(Header { key, value: value.as_deref() });
        }
        let mut record: BaseRecord<'_, [u8], [u8], Box<usize>> =
            BaseRecord::with_opaque_to(topic, Box::new(input.line)).timestamp(input.timestamp).headers(owned);
        if let Some(key) = &input.key {
            record = record.key(key);
        }
        if let Some(value) = &input.value {
            record = record.payload(value);
        }
        producer.send(record).map_err(|(err, _)| err)?;
    }
    producer.flush(PATIENCE)?;
    let acks = std::mem::take(&mut *producer.context().0.lock().unwrap());
    let acks = acks.into_iter().collect::<Result<Vec<_>, String>>()?;
    if acks.len() != inputs.len() {
        return Err(format!("{codec}: {} of {} records acknowledged", acks.len(), inputs.len()).into());
    }
    Ok(acks)
}

fn consume(bootstrap: &str, topic: &str, group: &str, count: usize) -> Outcome<()> {
    let consumer: BaseConsumer = config(bootstrap)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()?;
    consumer.subscribe(&[topic])?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut deadline = Instant::now() + PATIENCE;
    let mut seen = 0;
    while Instant::now() < deadline {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message?;
        let mut list = Vec::new();
        if let Some(found) = message.headers() {
            for header in found.iter() {
                list.push(format!("{}:{}", hex(Some(header.key.as_bytes())), hex(header.value)));
            }
        }
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{}\t{}",
            message.partition(),
            message.offset(),
            message.timestamp().to_millis().unwrap_or(-1),
            hex(message.key()),
            hex(message.payload()),
            list.join(",")
        )?;
        seen += 1;
        if seen == count {
            // A little longer, so that a record too many is seen as well.
            deadline = Instant::now() + Duration::from_millis(500);
        }
    }
    out.flush()?;
    consumer.commit_consumer_state(CommitMode::Sync)?;
    Ok(())
}

fn hex(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "-".to_string(),
        Some(bytes) => bytes.iter().map(|b| format!("{b:02x}")).collect(),
    }
}

fn bytes(text: &str) -> Outcome<Option<Vec<u8>>> {
    if text == "-" {
        return Ok(None);
    }
    let pairs = (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16));
    Ok(Some(pairs.collect::<Result<Vec<u8>, _>>()?))
}

fn headers(text: &str) -> Outcome<Vec<(String, Option<Vec<u8>>)>> {
    let mut list = Vec::new();
    for pair in text.split(',').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once(':').ok_or("header without a colon")?;
        list.push((String::from_utf8(bytes(name)?.unwrap_or_default())?, bytes(value)?));
    }
    Ok(list)
}
