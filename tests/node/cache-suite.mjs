// What cli.mjs of http-cache-tests does, with the suite's own verdict beside each result:
// { id: { kind, verdict, told } } for the cache at the address that is given.
import fetch from 'node-fetch'

import { getResults, runTests } from 'http-cache-tests/client/runner.mjs'
import { determineTestResult } from 'http-cache-tests/lib/display.mjs'
import suites from 'http-cache-tests/tests/index.mjs'
import surrogate from 'http-cache-tests/tests/surrogate-control.mjs'

const VERDICTS = {
  '✅': 'pass',
  '⛔️': 'fail',
  '⚠️': 'fail',
  Y: 'yes',
  N: 'no',
  '🔹': 'setup',
  '⚪️': 'dependency',
  '↻': 'retry'
}

// A hundred tests run at once, and what one asks for the second time must still be fresh. Who came
// last goes first: so a test that has begun goes on to its next pause before another one begins.
const waiting = []
let free = 4

async function inTurn (...asked) {
  if (free) free--
  else await new Promise(resolve => waiting.push(resolve))
  try {
    return await fetch(...asked)
  } finally {
    // Later, so that the next request of the same test may come before.
    setImmediate(() => waiting.length ? waiting.pop()() : free++)
  }
}

suites.push(surrogate)
await runTests(suites, inTurn, false, process.argv[2])

const results = getResults()
const verdicts = {}
for (const { id, kind } of suites.flatMap(suite => suite.tests)) {
  if (id in results) {
    const verdict = VERDICTS[determineTestResult(suites, id, results)[2]]
    verdicts[id] = { kind: kind ?? 'required', verdict, told: results[id][1] ?? '' }
  }
}
console.log(JSON.stringify(verdicts))
