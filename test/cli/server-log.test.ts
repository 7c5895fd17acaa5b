import { expect, test } from 'vitest'
import { readable } from '../../src/cli/server-log.ts'

const time = new Date(2026, 10, 27, 12, 3, 4).getTime()
const request = { level: 30, time, msg: 'request', method: 'POST', path: '/v1/look', status: 200, ms: 812 }

test.each([
  [request, '12:03:04 POST /v1/look 200 812 ms'],
  [
    { ...request, status: 404, error: 'model: not served' },
    '12:03:04 POST /v1/look 404 812 ms model: not served',
  ],
  [{ level: 30, time, msg: 'shutting down' }, '12:03:04 shutting down'],
  [{ ...request, path: '/\u001b[2J\n' }, '12:03:04 POST /\ufffd[2J 200 812 ms'],
])('a line of the log is short where somebody watches, and does nothing to a terminal: %j', (line, text) => {
  expect(readable(line)).toBe(text)
})
