// Drives kafkajs for the interop suite. What the actions take and print is in interop/README.md.
'use strict'

const { Kafka, CompressionTypes, CompressionCodecs, Partitioners, logLevel } = require('kafkajs')
const snappyjs = require('snappyjs')
const lz4 = require('lz4-napi')

// kafkajs itself has gzip only; the rest is plugged in as its documentation says.
const xerial = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])

function unsnappy(buffer) {
  if (!buffer.subarray(0, 8).equals(xerial)) return Buffer.from(snappyjs.uncompress(buffer))
  const blocks = []
  for (let at = 16; at < buffer.length;) {
    const size = buffer.readInt32BE(at)
    blocks.push(Buffer.from(snappyjs.uncompress(buffer.subarray(at + 4, at + 4 + size))))
    at += 4 + size
  }
  return Buffer.concat(blocks)
}

CompressionCodecs[CompressionTypes.Snappy] = () => ({
  compress: async encoder => Buffer.from(snappyjs.compress(encoder.buffer)),
  decompress: async buffer => unsnappy(buffer),
})
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: encoder => lz4.compressFrame(encoder.buffer),
  decompress: buffer => lz4.decompressFrame(buffer),
})
const zstd = new Promise(resolve => require('zstd-codec').ZstdCodec.run(z => resolve(new z.Streaming())))
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => Buffer.from((await zstd).compress(encoder.buffer)),
  decompress: async buffer => Buffer.from((await zstd).decompress(buffer)),
})

const codecs = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

const unhex = text => (text === '-' ? null : Buffer.from(text, 'hex'))
const tohex = data => (data === null || data === undefined ? '-' : Buffer.from(data).toString('hex'))

function parseHeaders(text) {
  const headers = {}
  for (const pair of text.split(',').filter(Boolean)) {
    const [name, value] = pair.split(':')
    const key = unhex(name).toString()
    headers[key] = key in headers ? [].concat(headers[key], unhex(value)) : unhex(value)
  }
  return headers
}

function headerText(headers) {
  return Object.entries(headers || {})
    .flatMap(([name, value]) => [].concat(value).map(one => `${Buffer.from(name).toString('hex')}:${tohex(one)}`))
    .join(',')
}

const connect = bootstrap => new Kafka({ brokers: [bootstrap], clientId: 'interop', connectionTimeout: 30000, logLevel: logLevel.ERROR })

async function create(bootstrap, topic, partitions) {
  const admin = connect(bootstrap).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: Number(partitions), replicationFactor: 1 }], waitForLeaders: true })
  await admin.disconnect()
}

async function produce(bootstrap, topic) {
  const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean)
  const byCodec = new Map()
  lines.forEach((line, number) => {
    const [codec, timestamp, key, value, headers] = line.split('\t')
    if (!byCodec.has(codec)) byCodec.set(codec, [])
    byCodec.get(codec).push({ number, timestamp, key: unhex(key), value: unhex(value), headers: parseHeaders(headers) })
  })
  for (const [codec, records] of byCodec) {
    const producer = connect(bootstrap).producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true })
    await producer.connect()
    // kafkajs answers with one base offset per partition and does not say which record went where, so the lines
    // below say "acknowledged, place unknown".
    for (let at = 0; at < records.length; at += 10) {
      const chunk = records.slice(at, at + 10)
      const answers = await producer.send({ topic, acks: -1, compression: codecs[codec], messages: chunk })
      if (answers.some(a => a.errorCode !== 0)) throw new Error(`${codec}: ${JSON.stringify(answers)}`)
      for (const record of chunk) console.log(`${record.number}\t-1\t-1`)
    }
    await producer.disconnect()
  }
}

async function consume(bootstrap, topic, group, count) {
  const consumer = connect(bootstrap).consumer({ groupId: group, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const next = new Map()
  let seen = 0
  let finish
  const finished = new Promise(resolve => { finish = resolve })
  const last = setTimeout(finish, 120000)
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message: m }) => {
      console.log([partition, m.offset, m.timestamp, tohex(m.key), tohex(m.value), headerText(m.headers)].join('\t'))
      next.set(partition, String(BigInt(m.offset) + 1n))
      // A little longer, so that a record too many is seen as well.
      if (++seen === Number(count)) setTimeout(finish, 500)
    },
  })
  await finished
  clearTimeout(last)
  await consumer.commitOffsets([...next].map(([partition, offset]) => ({ topic, partition, offset })))
  await consumer.disconnect()
}

const version = async () => console.log(require('kafkajs/package.json').version)

const [action, ...args] = process.argv.slice(2)
const run = { version, create, produce, consume }[action]
run(...args).then(() => process.exit(0), err => {
  console.error(err)
  process.exit(1)
})
