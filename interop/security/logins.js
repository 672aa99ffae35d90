// Logs in with kafkajs as it is told, line by line, and says what the client tells its user.
'use strict'

const { Kafka, logLevel } = require('kafkajs')
const fs = require('fs')
const readline = require('readline')

const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

function configuration (login) {
  const read = name => login[name] ? fs.readFileSync(login[name]) : undefined
  const ssl = login.Protocol.endsWith('SSL') && { ca: login.CA ? [read('CA')] : undefined, cert: read('Certificate'), key: read('Certificate') }
  let sasl
  if (login.Mechanism === 'OAUTHBEARER') {
    sasl = { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: login.Token }) }
  } else if (login.Mechanism) {
    sasl = { mechanism: login.Mechanism.toLowerCase(), username: login.User, password: login.Password }
  }
  return {
    brokers: [login.Bootstrap], ssl, sasl, logLevel: logLevel.NOTHING, retry: { retries: 0 }, connectionTimeout: login.Timeout,
    authenticationTimeout: login.Timeout, reauthenticationThreshold: 500, requestTimeout: login.Timeout, enforceRequestTimeout: true
  }
}

async function attempt (login) {
  const admin = new Kafka(configuration(login)).admin()
  try {
    await admin.connect()
    const until = Date.now() + login.Hold
    for (let began = false; ; began = true) {
      await admin.fetchTopicMetadata({ topics: [login.Topic] })
      if (login.Hold && !began) console.log(JSON.stringify({ Began: true }))
      if (Date.now() >= until) return
      await pause(200)
    }
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

const lines = readline.createInterface({ input: process.stdin })
let last = Promise.resolve()
lines.on('line', line => {
  last = last.then(() => attempt(JSON.parse(line))).then(
    () => console.log(JSON.stringify({ OK: true })),
    e => console.log(JSON.stringify({ Error: `${e.name}: ${e.type || ''} ${e.message} ${e.cause ? e.cause.message : ''}` })))
})
lines.on('close', () => last.then(() => process.exit(0)))
process.on('uncaughtException', e => console.error(e))
