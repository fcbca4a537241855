// The origin of http-cache-tests on a free loopback port, which it prints; its own server.mjs
// listens on every interface of the machine.
import http from 'node:http'

import config from 'http-cache-tests/server/handle-config.mjs'
import state from 'http-cache-tests/server/handle-state.mjs'
import test from 'http-cache-tests/server/handle-test.mjs'

const rooms = { config, state, test }

const server = http.createServer((request, response) => {
  const [room, ...rest] = new URL(request.url, 'http://origin').pathname.slice(1).split('/')
  if (Object.hasOwn(rooms, room)) return rooms[room](rest, request, response)
  response.writeHead(404).end()
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
